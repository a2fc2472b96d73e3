"""When a batch will probably end, from how long its open jobs are expected to take."""

from __future__ import annotations

from bydawn.core.values import value


@value
class Open:
    """Open jobs of one kind: how many, of how many the rest is known, its sum, the longest."""

    jobs: int = 0
    known: int = 0
    left_ms: int = 0
    longest_ms: int = 0


def foretold_end(
    now: int, parallel: int, waiting: Open, running: Open, usual_ms: int | None
) -> int | None:
    """The moment the last job should end; None while nothing is known of some of them.

    ``usual_ms`` stands for each job nothing is known of: what this batch's own jobs took so far.
    No end is before the longest open job's, nor before the work divided by the places.
    """
    unknown = waiting.jobs + running.jobs - waiting.known - running.known
    if unknown and usual_ms is None:
        return None
    guessed_ms = unknown * (usual_ms or 0)
    work_ms = waiting.left_ms + running.left_ms + guessed_ms
    longest_ms = max(waiting.longest_ms, running.longest_ms, (usual_ms or 0) if unknown else 0)
    return now + max(longest_ms, work_ms // max(1, parallel))
