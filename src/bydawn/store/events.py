"""Events are written in the transaction of the change they tell of, never beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from bydawn.store.connect import Session

_INSERT = """
INSERT INTO event (seq, at, batch, job, kind, from_state, to_state, reason, token, attempt, runner,
    detail, hash, seal)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Told(NamedTuple):
    """One event row, in the order of its columns; core/chain knows this order too. Where many are
    told at once a bare tuple does, which takes a third of the time to make."""

    at: int
    batch: int
    job: int | None
    kind: str
    from_state: str | None = None
    to_state: str | None = None
    reason: str | None = None
    token: int | None = None
    attempt: int | None = None
    runner: str | None = None
    detail: str | None = None


def tell(session: Session, events: Iterable[tuple[Any, ...]]) -> None:
    """Record events, in this order; only inside a write transaction."""
    told = list(events)
    if told:
        session.send_many(_INSERT, session.chain.extended(told))


def encoded(detail: dict[str, Any] | None) -> str | None:
    """A detail as it is kept: what is hashed must come back from every store as it went in."""
    if not detail:
        return None
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
