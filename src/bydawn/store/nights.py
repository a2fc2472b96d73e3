"""Earlier nights of a plan: what they cost, and what the same jobs took in each of them.

Bounded by what is asked for, not by how much there is: the newest nights by the index of plans, the
jobs of a night by the index of names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bydawn.core.values import value
from bydawn.store.connect import Row, Session
from bydawn.store.rows import HELD

_NIGHT = f"""
SELECT b.number, b.edition, b.opened_at,
    coalesce((SELECT used FROM counter WHERE name = 'usd:' || b.number), 0)
        - coalesce((SELECT sum(reserved_micros) FROM job WHERE batch = b.number
            AND {HELD}), 0),
    coalesce((SELECT used FROM counter WHERE name = 'tokens:' || b.number), 0)
        - coalesce((SELECT sum(reserved_tokens) FROM job WHERE batch = b.number
            AND {HELD}), 0)
FROM batch b"""
_NIGHTS = f"""{_NIGHT} WHERE b.plan = ? AND b.opened_at <= ?
ORDER BY b.opened_at DESC, b.number DESC LIMIT ?"""


_PAST = """
WITH tonight AS (
    SELECT name FROM job WHERE batch = ? AND started_at IS NOT NULL
    ORDER BY coalesce(cost_micros, 0) DESC, coalesce(ended_at, started_at) - started_at DESC, number
    LIMIT ?
), night AS (
    SELECT number, opened_at FROM batch
    WHERE plan = ? AND edition <> '' AND opened_at < ? ORDER BY opened_at DESC LIMIT ?
)
SELECT j.number, j.name, j.batch, j.state, j.spec, j.item, j.usage, j.cost_micros, j.started_at,
    j.ended_at, j.attempts, j.prices
FROM tonight t CROSS JOIN night n JOIN job j ON j.batch = n.number AND j.name = t.name
WHERE j.state = 'succeeded' ORDER BY n.opened_at DESC, j.number"""

_TONIGHT = """
SELECT number, name, batch, state, spec, item, usage, cost_micros, started_at, ended_at, attempts,
    prices
FROM job WHERE batch = ? AND started_at IS NOT NULL
ORDER BY coalesce(cost_micros, 0) DESC, coalesce(ended_at, started_at) - started_at DESC, number
LIMIT ?"""


@value
class Night:
    """One batch of a plan and what was spent in it."""

    number: int
    edition: str
    opened_at: int
    usd_micros: int
    tokens: int


@value
class Took:
    """What one job took in one night."""

    number: int
    name: str
    batch: int
    state: str
    spec: int
    item: str | None
    usage: str | None
    cost_micros: int | None
    started_at: int | None
    ended_at: int | None
    attempts: int
    prices: str | None


def nights(session: Session, plan: str, until: int, limit: int) -> list[Night]:
    """The newest nights of a plan that had begun by then, newest first."""
    return list(map(_night, session.rows(_NIGHTS, (plan, until, limit))))


def these(session: Session, numbers: Sequence[int]) -> dict[int, Night]:
    """What was spent in each of these batches."""
    asked = f"{_NIGHT} WHERE b.number IN ({', '.join('?' * len(numbers))})"
    return {row[0]: _night(row) for row in session.rows(asked, tuple(numbers))}


def _night(row: Row) -> Night:
    number, edition, opened_at, usd, tokens = row
    return Night(number, edition, opened_at, int(usd), int(tokens))


def tonight(session: Session, batch: int, limit: int) -> list[Took]:
    """The jobs of a batch that took most: by cost, then by length."""
    return [Took(*row) for row in session.rows(_TONIGHT, (batch, limit))]


def past(
    session: Session, batch: int, limit: int, plan: str, before: int, count: int
) -> Iterator[Took]:
    """What the same jobs took in earlier nights, newest night first; good ends only."""
    return (Took(*row) for row in session.each(_PAST, (batch, limit, plan, before, count)))
