"""A machine of its own, as a process: a state folder, and a runner until its batch is joined.

python machine.py STATE_FOLDER STORE_URL BATCH
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bydawn.app.place import Place
from bydawn.app.runs.driving import Errand, drive
from bydawn.app.values import Invocation, Silent
from bydawn.runner.clock import SystemClock


def main() -> None:
    """Be the runner; exits 0 when the batch is joined."""
    folder, url, batch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    place = Place(folder, folder / "store.db", url)
    store = place.open(SystemClock(), "s_unused")
    try:
        errand = Errand(choose=lambda: [batch])
        driven = drive(place, Invocation(folder, url, dict(os.environ)), store, errand, Silent())
    finally:
        store.close()
    sys.exit(0 if driven.stop == "joined" else 1)


if __name__ == "__main__":
    main()
