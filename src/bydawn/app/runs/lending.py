"""``bydawn run PLAN… --stay``: lend this machine to plans, whichever of their batches are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bydawn.app.place import Place
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Errand
from bydawn.app.runs.outcomes import outcome_of, refuse_if_stopped
from bydawn.app.values import Face, Invocation, Ran
from bydawn.core.join import is_joined
from bydawn.runner.stopping import Stop
from bydawn.store import homes, read
from bydawn.store.store import Batch, Store

if TYPE_CHECKING:
    from bydawn.runner.drive import Drive

_SHARED = "share"
_CANCELLED = 7


@dataclass(slots=True)
class Loan:
    """To which plans and where they lie here, ``own`` jobs at once at most; ``cancels``: an
    interrupt ends what runs."""

    folders: Mapping[str, str]
    own: int | None = None
    cancels: bool = False


def lend(place: Place, invocation: Invocation, store: Store, loan: Loan, face: Face) -> Ran:
    """Be a runner for the plans' open batches until a signal, or a stop of everything."""
    refuse_if_stopped(place, store)
    place.introduce(store)
    names = list(loan.folders)
    for name, folder in loan.folders.items():
        homes.note_if_new(store.session, store.machine, name, folder)
    lender = _Lender(store, names, face)
    errand = Errand(
        lender.choose, cancels=loan.cancels, own=loan.own, is_last_join=lender.is_last_join
    )
    face.note(f"lending this machine to {', '.join(names)} until it is stopped (Ctrl-C)")
    driven = drive(place, invocation, store, errand, face)
    if driven.stop is Stop.INTERRUPTED and driven.signal is not None:
        ran = Ran(128 + driven.signal, "interrupted", signal=driven.signal)
    else:
        ran = Ran(_CANCELLED, "cancelled", ("operator",))
    ran.served = tuple(sorted(lender.ever))
    return ran


@dataclass(slots=True)
class _Lender:
    """Which batches are served now, told when one comes and when one is joined."""

    store: Store
    names: Sequence[str]
    face: Face
    spoilt: set[int] = field(default_factory=set)
    served: dict[int, Batch] = field(default_factory=dict)
    ever: set[int] = field(default_factory=set)
    _told: set[int] = field(default_factory=set)

    def choose(self) -> list[int]:
        """Asked again whenever somebody has changed something."""
        found = {one.number: one for name in self.names for one in self._open(name)}
        for number, batch in found.items():
            if number not in self.served:
                self.face.note(f"joins in {batch.address}")
        self._tell_left(found)
        self.served = found
        self.ever.update(found)
        return sorted(found)

    def is_last_join(self, journey: Drive) -> bool:
        """Never: note what is over, and stay."""
        for said in journey.complaints:
            self.face.note(said)
        journey.complaints.clear()
        self.spoilt |= journey.spoilt
        over = [number for number in self.served if self._is_over(number)]
        for number in over:
            self.store.close_batch(number)
        if over or self.spoilt & self.served.keys():
            journey.runner.scope.refresh()
        return False

    def _open(self, name: str) -> Iterator[Batch]:
        """The newest edition, and older ones that somebody is at work on: what was given up long
        ago is not dug up."""
        is_served = _served_by_anybody(self.store)
        for age, batch in enumerate(self.store.batches(name)):
            is_wanted = age == 0 or is_served(batch.number)
            is_open = batch.closed_at is None and not batch.paused
            if is_wanted and is_open and batch.number not in self.spoilt and self._shares(batch):
                yield batch

    def _shares(self, batch: Batch) -> bool:
        """A plan that wants one runner at a time is not helped by a second one."""
        word = batch.terms.if_running
        if word != _SHARED and batch.number not in self._told:
            self._told.add(batch.number)
            self.face.note(f'{batch.address} is left to its own runner (if_running = "{word}")')
        return word == _SHARED

    def _tell_left(self, found: dict[int, Batch]) -> None:
        for number, batch in self.served.items():
            if number not in found:
                now = self.store.batch(number)
                how = outcome_of(self.store, now).outcome if now.closed_at else "left alone"
                self.face.note(f"{batch.address}: {how}")

    def _is_over(self, number: int) -> bool:
        batch, now = self.store.batch(number), self.store.session.clock.utc_ms()
        standing = read.standing(self.store.session, number, now, batch.deadline_at)
        return number not in self.spoilt and is_joined(standing)


def _served_by_anybody(store: Store) -> Callable[[int], bool]:
    served = frozenset().union(*(one.batches for one in store.unlapsed_runners()))
    return served.__contains__
