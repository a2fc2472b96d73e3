"""The pictures of the pages: the live screen in the middle of the reference night, and its report.

``python tests/faces/capturing.py`` writes them anew; a test holds them fresh.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

from reference import reference_night
from scene import Scene

from bydawn.runner.stopping import Stop
from bydawn.store.store import Batch
from bydawn.watch import exports
from bydawn.watch.follow import Following
from bydawn.watch.morning import gather_morning
from bydawn.watch.painting import Room, board_lines

CAPTURES = Path(__file__).parents[2] / "docs" / "captures"
_EDITION = "2026-11-19"
_ROOM = Room(96, 24)
_MINUTES = 23
_HEAD = re.compile(r"[0-9]+:[0-9a-f]{64}")


class Watched(Scene):
    """A scene whose last night is looked at once, so many minutes after it began."""

    screen: str = ""

    def drive(
        self, batch: Batch, hours: float = 24, turned: Callable[[], None] = lambda: None
    ) -> Stop:
        if batch.edition != _EDITION:
            return super().drive(batch, hours, turned)
        following = Following(self.store, batch)
        begun = self.clock.utc_ms()

        def look() -> None:
            now = self.clock.utc_ms()
            following.news()
            if not self.screen and now - begun >= _MINUTES * 60_000:
                frame = following.frame(now, _ROOM.rows)
                self.screen = "\n".join(board_lines(frame, _ROOM, UTC)) + "\n"

        return super().drive(batch, hours, look)


def captures(folder: Path) -> dict[str, str]:
    """By file name. What differs in every store, the head of its journal, is cut short."""
    scene = Watched(folder)
    batch = reference_night(scene)
    report = "\n".join(exports.text(gather_morning(scene.reading(), batch), None)) + "\n"
    scene.store.close()
    return {"live.txt": scene.screen, "report.txt": _HEAD.sub("…", report)}


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    with tempfile.TemporaryDirectory() as made:
        CAPTURES.mkdir(exist_ok=True)
        for name, text in captures(Path(made)).items():
            (CAPTURES / name).write_text(text, encoding="utf-8")
            sys.stdout.write(text)
