"""What the crash tests are given."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nightly import MEMORY
from ready import Ready

from bydawn.processes.runs import LocalRuns


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[LocalRuns]:
    """The runs of one fresh state folder, which is ``tmp_path``."""
    local = LocalRuns(tmp_path, "second")
    yield local
    local.close()


@pytest.fixture(scope="session")
def ready() -> Iterator[Ready]:
    """What forks runners, for this process of the test run."""
    with Ready() as one:
        yield one


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder that no disk stands behind, where there is such a thing."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        yield Path(place)
