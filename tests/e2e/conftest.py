"""What the browser's tests are given: one Chromium, real runs, a real dashboard."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faces"))

from browsing import Browsing, browsing
from nightwatch import Nightwatch
from watching import Watched, watched


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browsing]:
    with browsing() as found:
        yield found


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Nightwatch]:
    """A folder with a plan, its runs and its dashboard; all are ended afterwards."""
    with Nightwatch(tmp_path) as made:
        yield made


@pytest.fixture
def page(chromium: Browsing) -> Iterator[Watched]:
    """A page whose complaints fail the test."""
    with watched(chromium) as made:
        yield made
