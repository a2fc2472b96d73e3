"""Put a runner together and drive it over a scope."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from bydawn.app.keeping.sealing import note_head
from bydawn.app.place import Place
from bydawn.app.runs.beside import ensure_sender
from bydawn.app.runs.errands import Driven, Errand
from bydawn.app.runs.kit import runner_kit
from bydawn.app.runs.signals import listening
from bydawn.app.runs.tidying import tidy_workspaces
from bydawn.app.values import Face, Invocation
from bydawn.core.errors import BydawnError
from bydawn.runner.drive import Drive
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Scope
from bydawn.runner.stopping import Interrupt, Stop
from bydawn.store import audit, receipts
from bydawn.store.store import Store
from bydawn.watch.amounts import about


def carry_out(
    place: Place, invocation: Invocation, store: Store, errand: Errand, face: Face
) -> Driven:
    """Be a runner until the errand is done; the store connection is the caller's."""
    with runner_kit(place, invocation.environment) as kit:
        place.introduce(store)
        scope = Scope(store, errand.choose, errand.only)
        runner = Runner(store, scope, kit.tools, kit.name, errand.claims, errand.own)
        others = runner.start(errand.rivals)
        if others:
            return Driven(Stop.DONE, others=others)
        ensure_sender(place, store, runner.scope.numbers())
        interrupt = Interrupt(cancels=errand.cancels)
        journey = Drive(runner, interrupt, face.turned, errand.is_done, errand.until_at, kit.rung)
        journey.is_last_join = errand.is_last_join
        face.hear(kit.tools.dispatcher.wake)
        ring = _ringing(journey.elsewhere, kit.tools.dispatcher.wake)
        with listening(interrupt, kit.tools.dispatcher.wake), store.session.hearing(ring):
            stop = journey.run()
        tidy_workspaces(store, errand.choose(), place.state_folder)
        _note_head(invocation, store)
        ensure_sender(place, store, runner.scope.numbers())
        if stop is Stop.INTERRUPTED:
            _name_unwatched(runner, face)
        return Driven(stop, interrupt.signal, [], journey.complaints)


def _note_head(invocation: Invocation, store: Store) -> None:
    """The end of the journal as this runner leaves it, kept where jobs do not look."""
    with contextlib.suppress(BydawnError):
        session = store.session
        note_head(invocation.environment, receipts.store_id(session), audit.head(session))


def _ringing(elsewhere: deque[str], wake: Callable[[], None]) -> Callable[[], None]:
    """What somebody else has written is looked at by the loop, in its own thread."""

    def ring() -> None:
        elsewhere.append("written")
        wake()

    return ring


def _name_unwatched(runner: Runner, face: Face) -> None:
    """Runs that go on without us, and how long their results are kept."""
    for held in list(runner.held.values()):
        job, can = held.job, held.backend.capabilities
        if job.handle and not can.local:
            kept = f"; its result is kept for {about(can.keeps_ms)}" if can.keeps_ms else ""
            run = f"{held.backend.name} {job.handle[:60]}"
            face.note(f"goes on unwatched: {job.name} ({run}){kept}")
