"""Events are written in the transaction of the change they tell of, never beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from bydawn.store.connect import Session

_INSERT = """
INSERT INTO event (at, batch, job, kind, from_state, to_state, reason, token, attempt, runner,
    detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Told(NamedTuple):
    """One event row, in the order of its columns."""

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


def tell(session: Session, events: Iterable[Told]) -> None:
    """Record events; only inside a write transaction."""
    session.change_many(_INSERT, events)


def encoded(detail: dict[str, Any] | None) -> str | None:
    return json.dumps(detail, sort_keys=True, ensure_ascii=False) if detail else None
