"""A turn of a runner as one write transaction: in the order in which one thing makes room for the
next, and with no answer waited for before it is needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bydawn.core import counting
from bydawn.core.model import Job
from bydawn.core.recording import Change
from bydawn.core.states import State
from bydawn.store import claiming, dependencies, runners, settling
from bydawn.store.admission import Kept, Open
from bydawn.store.claiming import Asked, Claimer
from bydawn.store.connect import Session
from bydawn.store.dependencies import Template
from bydawn.store.settling import Progressed, Settling
from bydawn.store.turns import time_of_turn

_QUEUED = State.QUEUED.value


@dataclass(slots=True)
class Turn:
    """All a runner wants written at once."""

    changes: list[Change] = field(default_factory=list)
    claims: list[tuple[Open, int]] = field(default_factory=list)
    releases: list[tuple[int, list[Template]]] = field(default_factory=list)
    adopts: list[tuple[Open, int]] = field(default_factory=list)
    renews: tuple[int, frozenset[int]] | None = None
    progressed: list[Progressed] = field(default_factory=list)

    @property
    def puts_back(self) -> bool:
        """Whether jobs may start again, or may start now, that could not before."""
        return bool(self.releases) or any(one.job.state == _QUEUED for one in self.changes)

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.claims or self.releases or self.adopts or self.renews)


@dataclass(slots=True)
class Written:
    """What became of a turn."""

    claimed: list[Job] = field(default_factory=list)
    adopted: list[Job] = field(default_factory=list)
    fenced: set[int] = field(default_factory=set)
    kept: dict[int, Kept] = field(default_factory=dict)
    timers: dict[int, int | None] = field(default_factory=dict)
    lost_lease: bool = False


def written(session: Session, turn: Turn, claimer: Claimer, settle: Settling) -> Written:
    """Carry out all of a turn, inside the caller's transaction."""
    done = Written()
    if turn.renews and not runners.renew(session, claimer.runner, *turn.renews):
        settling.refuse(session, turn.changes, claimer.runner)
        done.lost_lease = True
        return done
    if turn.puts_back:
        claimer.starts.forget()
    settled = settle(session, turn.changes, claimer.runner)
    settling.note_progress(session, turn.progressed)
    asked = _asked_ahead(session, turn, claimer)
    done.fenced = settled()
    now = time_of_turn(session)
    for batch, found in turn.releases:
        dependencies.release(session, batch, found, now)
    for opened, room in turn.adopts:
        done.adopted += claiming.adopt(session, claimer, opened, room, now)
    for opened, room in turn.claims:
        first = asked or claiming.ask(session, claimer, opened, 0, now)
        _note(done, opened, claiming.claim(session, claimer, opened, room, now, first))
        asked = None
    return done


def _asked_ahead(session: Session, turn: Turn, claimer: Claimer) -> Asked | None:
    """What the first claim asks, where nothing that is still to be done may answer it otherwise."""
    if not turn.claims or turn.releases or turn.adopts:
        return None
    (opened, _), *_ = turn.claims
    slots = counting.slots(opened.number)
    freed = -sum(change.deltas.get(slots, 0) for change in turn.changes)
    return claiming.ask(session, claimer, opened, freed, session.clock.utc_ms())


def _note(done: Written, opened: Open, taken: claiming.Claimed) -> None:
    done.claimed += taken.jobs
    done.kept[opened.number] = taken.kept
    done.timers[opened.number] = taken.next_timer
