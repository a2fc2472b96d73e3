"""Photograph the dashboard over the reference night: ``make screens``.

The night is played by the real loop under a clock wound by hand, so the pictures come out the same
whenever they are taken. The browser looks while the night stands still in the middle of a turn.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/faces"), str(ROOT / "tests/e2e")]

from browsing import Browsing, browsing  # noqa: E402
from desk import Desk, desk_over  # noqa: E402
from reference import reference_night  # noqa: E402
from scene import Scene  # noqa: E402

from bydawn.store import read  # noqa: E402

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 780}
DEADLINE = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
LOOK_AT = datetime(2026, 11, 19, 23, 16, tzinfo=UTC)


def photograph(scene: Scene, chromium: Browsing, folder: Path) -> None:
    """The night as it stands now, in both lights, wide and narrow."""
    with desk_over(scene) as desk:
        for name, path, light, size in shots(scene):
            with seen(chromium, desk, light, size) as page:
                page.goto(desk.at(path))
                page.wait_for_load_state("load")
                page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")


def shots(scene: Scene) -> Iterator[tuple[str, str, str, dict[str, int]]]:
    (batch, *_) = scene.store.batches()
    jobs = {job.name: job for job in read.jobs(scene.store.session, batch.number)}
    yield "tonight", "/", "light", WIDE
    yield "tonight-dark", "/", "dark", WIDE
    yield "tonight-narrow", "/", "light", NARROW
    yield "batch", f"/batches/{batch.address}", "light", WIDE
    yield "job", f"/jobs/{jobs['embed-refresh'].job_id}", "dark", WIDE


@contextlib.contextmanager
def seen(chromium: Browsing, desk: Desk, light: str, size: dict[str, int]) -> Iterator[Any]:
    context = chromium.new_context(color_scheme=light, viewport=size)
    try:
        page = context.new_page()
        page.goto(desk.link)
        yield page
    finally:
        context.close()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, default=HERE)
    folder: Path = asked.parse_args().folder
    with tempfile.TemporaryDirectory() as place, browsing() as chromium:
        scene = Scene(Path(place))
        is_taken: list[bool] = []

        def turned() -> None:
            if not is_taken and scene.clock.utc_ms() >= LOOK_AT.timestamp() * 1000:
                is_taken.append(True)
                photograph(scene, chromium, folder)

        reference_night(scene, turned=turned, deadline_at=int(DEADLINE.timestamp() * 1000))
        scene.store.close()


if __name__ == "__main__":
    main()
