"""Fold the states of all jobs into the result of their batch."""

from __future__ import annotations

from bydawn.core.values import value

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_NOT_IN_TIME = 4
EXIT_BUDGET = 5
EXIT_REFUSED = 6
EXIT_CANCELLED = 7
EXIT_PARKED = 8

_ORDER: tuple[tuple[str, int], ...] = (
    ("parked", EXIT_PARKED),
    ("budget", EXIT_BUDGET),
    ("deadline", EXIT_NOT_IN_TIME),
    ("cancelled", EXIT_CANCELLED),
    ("failed", EXIT_FAILED),
)


@value
class Standing:
    """What the join needs to know of a batch, counted in one snapshot. ``launching`` jobs are
    shown, and counted, as queued."""

    queued: int = 0
    launching: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    parked: int = 0
    startable: int = 0
    waiting_time: int = 0
    blocked: int = 0
    behind_canary: int = 0
    over_budget: int = 0
    past_deadline: int = 0
    paused: bool = False

    @property
    def total(self) -> int:
        return (
            self.queued + self.running + self.succeeded + self.failed + self.cancelled + self.parked
        )


@value
class Joined:
    """The result of a batch: one outcome, its exit code, and everything that applies."""

    outcome: str
    exit_code: int
    reasons: tuple[str, ...]


def is_joined(standing: Standing) -> bool:
    """Nothing in flight, and nothing that could start now or by timer. A paused batch never
    joins."""
    if standing.paused:
        return False
    in_flight = standing.launching + standing.running
    return in_flight == 0 and standing.startable == 0 and standing.waiting_time == 0


def allowed_failures(text: str, total: int) -> int:
    """``allow_failures`` as a number of jobs: a count, or a share such as "5%"."""
    if text.endswith("%"):
        return int(total * float(text[:-1]) / 100)
    return int(text)


def fold(standing: Standing, allow_failures: str) -> Joined:
    """The result of a joined batch. Where several apply the order is 8, 5, 4, 7, 1."""
    applies = _applying(standing, allow_failures)
    reasons = tuple(name for name, _ in _ORDER if name in applies)
    for name, code in _ORDER:
        if name in applies:
            return Joined(name, code, reasons)
    return Joined("succeeded", EXIT_OK, ())


def _applying(standing: Standing, allow_failures: str) -> dict[str, int]:
    excused = standing.failed <= allowed_failures(allow_failures, standing.total)
    facts = {
        "parked": standing.parked,
        "budget": standing.over_budget,
        "deadline": standing.past_deadline,
        "cancelled": standing.cancelled,
        "failed": 0 if excused else standing.failed,
    }
    unreached = standing.blocked + standing.behind_canary
    if unreached and not any(facts.values()):
        facts["failed"] = unreached
    return {name: count for name, count in facts.items() if count}
