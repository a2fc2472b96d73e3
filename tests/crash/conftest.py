"""What the crash tests are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bydawn.processes.runs import LocalRuns


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[LocalRuns]:
    """The runs of one fresh state folder, which is ``tmp_path``."""
    local = LocalRuns(tmp_path, "second")
    yield local
    local.close()
