"""The sender as a process of its own: one per place, gone when nobody is left to be told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from threading import Event

from bydawn.app.backends import REGISTRY
from bydawn.app.names import METRICS_FILE, SENDER
from bydawn.app.place import Place
from bydawn.app.runs.beside import wants_traces
from bydawn.app.runs.waiting import live_runners
from bydawn.app.sending.posting import bounded
from bydawn.app.sending.sender import Outlets, Sender
from bydawn.app.sending.telemetry import send_spans, write_metrics
from bydawn.app.values import Invocation
from bydawn.core.chain import Head
from bydawn.core.errors import BydawnError, StoreUnavailable
from bydawn.core.sandbox import rendered
from bydawn.processes.environment import plain_environment
from bydawn.processes.presence import Presence
from bydawn.processes.tools import ask
from bydawn.store.store import Batch, Store
from bydawn.watch.audit import head_text
from bydawn.watch.documents import Reading
from bydawn.watch.metrics import exposition
from bydawn.watch.report import gather, headline, summary
from bydawn.watch.spans import Span

_LOOK_S = 1.0
_AT_LEAST_EVERY = 5
_ANCHOR_MS = 60_000


def serve_sender(place: Place, invocation: Invocation, store: Store) -> int:
    """Be it. Exits 0 at once when another one is; looks once more after it has let go."""
    sender = make_sender(place, invocation, store)
    presence = Presence(place.state_folder, SENDER)
    while presence.take():
        try:
            _turn_until_quiet(store, sender.turn)
        finally:
            presence.release()
        if not sender.turn():
            return 0
    return 0


def make_sender(place: Place, invocation: Invocation, store: Store) -> Sender:
    """The sender of a place, with the real ways out."""

    def is_alive(number: int) -> bool:
        return any(number in runner.batches for runner in live_runners(place, store))

    def reading() -> Reading:
        served = frozenset[int]().union(*(one.batches for one in live_runners(place, store)))
        now, promised = store.session.clock.utc_ms(), REGISTRY.guarantee_of
        return Reading(store, now, served, promised, frozenset(), REGISTRY.keeps_ms)

    def report(batch: Batch) -> tuple[str, list[str]]:
        told = gather(reading(), batch)
        return headline(told), [*summary(told), f"bydawn report {batch.address}"]

    outlets = Outlets(
        anchor=_anchor(invocation),
        trace=_trace(invocation) if wants_traces(invocation.environment) else None,
        measure=_measure(invocation, reading),
    )
    return Sender(store, invocation.environment, is_alive, report, outlets)


def _turn_until_quiet(store: Store, turn: Callable[[], bool]) -> None:
    """Look when somebody has written, and now and then because time passes."""
    looks = 0
    while True:
        if looks % _AT_LEAST_EVERY == 0 or store.session.changed_elsewhere():
            if not _turned(turn):
                return
            looks = 0
        looks += 1
        Event().wait(_LOOK_S)


def _turned(turn: Callable[[], bool]) -> bool:
    """A store that cannot be reached now is no reason to leave."""
    try:
        return turn()
    except StoreUnavailable:
        return True


def _trace(invocation: Invocation) -> Callable[[list[Span]], str]:
    def act(spans: list[Span]) -> str:
        try:
            send_spans(spans, invocation.environment)
        except BydawnError as error:
            return str(error)
        return ""

    return lambda spans: bounded(lambda: act(spans))


def _measure(invocation: Invocation, reading: Callable[[], Reading]) -> Callable[[], None] | None:
    """Keep the file fresh; one that cannot be written is the business of whoever reads it."""
    path = invocation.environment.get(METRICS_FILE)
    if not path:
        return None

    def act() -> None:
        with contextlib.suppress(BydawnError):
            write_metrics(exposition(reading()), invocation.directory / path)

    return act


def _anchor(invocation: Invocation) -> Callable[[Batch, Head], str]:
    """The plan's own command for a head, in the plan's folder, without anybody's secrets."""

    def act(batch: Batch, head: Head) -> str:
        names = {"head": head_text(head), "batch": batch.address, "edition": batch.edition,
                 "plan": {"dir": batch.folder}}  # fmt: skip
        try:
            argv = [rendered(word, names) for word in batch.terms.notify.anchor]
            environment = plain_environment(invocation.environment)
            answered = ask(argv, Path(batch.folder), environment, timeout_ms=_ANCHOR_MS)
        except (OSError, BydawnError) as error:
            return str(error)
        return "" if answered.code == 0 else f"exit {answered.code}: {answered.complaint}"

    return act
