"""What waits for what: release dependents when the jobs they name have come to what they ask."""

from __future__ import annotations

import json

from bydawn.core.model import When
from bydawn.core.states import Event, State
from bydawn.core.values import value
from bydawn.store.connect import Session
from bydawn.store.events import Told, tell

_TEMPLATES = "SELECT name, spec, after, expands FROM template WHERE batch = ? ORDER BY position"
_OPEN = """
SELECT 1 FROM job WHERE batch = ? AND template = ? AND awaited = 1 AND withdrawn = 0
    AND state IN ('queued', 'launching', 'running', 'finishing', 'parked') LIMIT 1"""
_UNWELL = """
SELECT 1 FROM job WHERE batch = ? AND template = ? AND awaited = 1 AND withdrawn = 0
    AND state IN ('failed', 'cancelled') LIMIT 1"""
_WELL = """
SELECT 1 FROM job WHERE batch = ? AND template = ? AND awaited = 1 AND withdrawn = 0
    AND state = 'succeeded' LIMIT 1"""
_WAITING = """
SELECT number FROM job WHERE batch = ? AND template = ? AND withdrawn = 0
    AND state = 'queued' AND reason = 'dependency'"""
_RELEASE = """
UPDATE job SET reason = NULL, not_before = 0
WHERE number = ? AND state = 'queued' AND reason = 'dependency'"""


@value
class Template:
    """One [[job]] of a batch: what it waits for, and whether its items are still to come."""

    name: str
    spec: int
    after: tuple[str, ...]
    when: When
    expands: bool


def templates(session: Session, batch: int) -> list[Template]:
    return [_template(row) for row in session.rows(_TEMPLATES, (batch,))]


def _template(row: tuple[str, int, str, int]) -> Template:
    name, spec, after, expands = row
    said = json.loads(after)
    return Template(name, spec, tuple(said["after"]), When(said["when"]), bool(expands))


def release(session: Session, batch: int, found: list[Template], now: int) -> int:
    """Release every dependent whose condition holds now; how many jobs that freed."""
    freed = 0
    for template in found:
        if template.after and not template.expands and is_met(session, batch, template, found):
            freed += _release_jobs(session, batch, template.name, now)
    return freed


def is_met(session: Session, batch: int, template: Template, found: list[Template]) -> bool:
    """Whether what a template waits for has come to what it asks."""
    unexpanded = {other.name for other in found if other.expands}
    if template.when is When.ANY_SUCCEEDED:
        return any(session.row(_WELL, (batch, name)) for name in template.after)
    for name in template.after:
        if name in unexpanded or session.row(_OPEN, (batch, name)):
            return False
        if template.when is When.ALL_SUCCEEDED and session.row(_UNWELL, (batch, name)):
            return False
    return True


def _release_jobs(session: Session, batch: int, template: str, now: int) -> int:
    waiting = [int(row[0]) for row in session.rows(_WAITING, (batch, template))]
    session.send_many(_RELEASE, ((number,) for number in waiting))
    queued = State.QUEUED.value
    tell(
        session,
        (Told(now, batch, number, Event.RELEASED.value, queued, queued) for number in waiting),
    )
    return len(waiting)
