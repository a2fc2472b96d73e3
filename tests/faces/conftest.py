"""What the tests of the faces share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiving import Received, receiving
from scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def receiver() -> Iterator[Received]:
    with receiving() as received:
        yield received


@pytest.fixture(autouse=True)
def somewhere_in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local times read the same on every machine, and nobody's terminal is seen."""
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "LINES", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
