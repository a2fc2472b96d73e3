"""One night by its kind and seed: ``pytest tests/sim/test_nights.py -k test_one_night --night
swarm:42``."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--night", default="swarm:0", help="play this night: large:, swarm: or tiny:SEED"
    )


@pytest.fixture
def chosen_night(request: pytest.FixtureRequest) -> tuple[str, int]:
    """A seed alone is one of the large nights."""
    kind, _, seed = str(request.config.getoption("--night")).rpartition(":")
    return kind or "large", int(seed)
