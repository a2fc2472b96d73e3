"""What the exit codes say, for help and reference. Scripts rely on them: add, never change."""

from __future__ import annotations

from collections.abc import Iterator

EXIT_CODES: dict[int, str] = {
    0: "all succeeded or were already done",
    1: "joined; some jobs failed",
    2: "wrong usage",
    3: "plan or configuration invalid; nothing started",
    4: "not finished in time",
    5: "stopped by a budget",
    6: "refused: already running, paused or stopped, or a lease is held",
    7: "cancelled by a person",
    8: "joined, but something is parked for a person",
    9: "fenced: a newer token holds it",
    69: "a backend or its credentials are missing; nothing started",
    70: "a bug in bydawn",
    75: "store busy or unreachable, or no room; try again",
    129: "interrupted by SIGHUP",
    130: "interrupted by SIGINT (Ctrl-C)",
    143: "interrupted by SIGTERM",
}


def code_lines() -> Iterator[str]:
    """As help shows them."""
    for code, says in EXIT_CODES.items():
        yield f"  {code:>3}  {says}"
