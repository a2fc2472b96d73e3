"""One night by its seed: ``pytest tests/sim/test_nights.py -k test_one_night --night 42``."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--night", type=int, default=None, help="play the night of this seed")


@pytest.fixture
def night_seed(request: pytest.FixtureRequest) -> int:
    chosen = request.config.getoption("--night")
    return 0 if chosen is None else int(chosen)
