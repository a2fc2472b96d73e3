"""The command as it is typed, but for two lengths of time in which a night only waits: a lease may
be shorter than a plan may say, and a machine that had no room is looked at again soon.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = (str(Path(__file__).absolute()),)
LEASE = "1s"
_SHORTEST_LEASE_MS = 100
_ROOM_AGAIN_MS = 1_000


def hasten() -> None:
    """From now on, in this process."""
    from bydawn.plan import check
    from bydawn.processes import outcomes

    check._SHORTEST_LEASE_MS = _SHORTEST_LEASE_MS
    outcomes._ROOM_AGAIN_MS = _ROOM_AGAIN_MS


if __name__ == "__main__":
    sys.path.pop(0)  # of our folder a night knows nothing
    hasten()
    from bydawn.__main__ import main

    sys.exit(main())
