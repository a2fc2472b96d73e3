"""What tells people: it follows the journal beside the runners and never inside of them.

A night's timing cannot depend on it: it has a process and a connection of its own, writes one small
row before and one after each message, and nobody waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from bydawn.app.runs.beside import says_yes
from bydawn.app.runs.outcomes import outcome_of
from bydawn.app.sending.posting import ping, post
from bydawn.app.sending.tracing import Send, Trail
from bydawn.core.alarms import DIGEST, Due
from bydawn.core.chain import Head
from bydawn.core.values import value
from bydawn.runner.secrets import Secrets, redacted
from bydawn.store import audit, notices, read
from bydawn.store.notices import Address
from bydawn.store.store import Batch, Store
from bydawn.watch.alarming import Listener, digest_due
from bydawn.watch.genai import CAPTURE
from bydawn.watch.notices import Message, alarm, digest

_SHOWN_JOBS = 5
_RECENT_MS = 2 * 86_400_000
_UNSET = "is not set"


@value
class Outlets:
    """The ways out. Each answers what went wrong, or nothing. ``trace`` and ``measure`` are there
    for who asked for them, and then see every batch."""

    post: Callable[[str, Message], str] = post
    ping: Callable[[str, str, str, str], str] = ping
    anchor: Callable[[Batch, Head], str] = lambda _batch, _head: ""
    trace: Send | None = None
    measure: Callable[[], None] | None = None


@dataclass(slots=True)
class Sender:
    """``is_alive`` says whether any runner works on a batch; ``report`` how a batch reads."""

    store: Store
    environment: Mapping[str, str]
    is_alive: Callable[[int], bool]
    report: Callable[[Batch], tuple[str, list[str]]]
    outlets: Outlets = field(default_factory=Outlets)
    _listeners: dict[int, Listener] = field(default_factory=dict)
    _trails: dict[int, Trail] = field(default_factory=dict)

    def turn(self) -> bool:
        """Tell what is due; whether there is still something to wait for."""
        waits = [self._tell_of(batch) for batch in self._batches()]
        if self.outlets.measure:
            self.outlets.measure()
        return any(waits)

    def _batches(self) -> Iterator[Batch]:
        for number in notices.batches_since(self.store.session, self._now() - _RECENT_MS):
            batch = self.store.batch(number)
            if batch.terms.notify or self.outlets.trace or self.outlets.measure:
                yield batch

    def _tell_of(self, batch: Batch) -> bool:
        alive = self.is_alive(batch.number)
        repeats = self._send_alarms(batch)
        waits = self._send_digests(batch)
        self._send_pings(batch, alive)
        self._note_head(batch)
        self._trace(batch, alive)
        return alive or waits or repeats or self._may_try_again(batch)

    def _send_alarms(self, batch: Batch) -> bool:
        """Whether one will have to be sent again, should nobody answer."""
        listener = self._listeners.get(batch.number)
        if listener is None:
            listener = self._listeners[batch.number] = Listener(self.store, batch)
        for due in listener.due(batch, self._now()):
            self._send(batch, due.cause.name, due.level, partial(self._alarm, batch, due))
        return listener.expects(batch, self._now())

    def _alarm(self, batch: Batch, due: Due, id_: str) -> Message:
        session = self.store.session
        jobs = [read.job(session, number) for number in due.cause.jobs[:_SHOWN_JOBS]]
        head = audit.head(session)
        return alarm(id_, batch.address, due.cause, due.level, jobs, self._now(), head)

    def _send_digests(self, batch: Batch) -> bool:
        """Whether one is still to come, though the night is over."""
        if DIGEST not in batch.terms.notify.on:
            return False
        waits = False
        for cause, due_at in digest_due(batch):
            if due_at > self._now():
                waits = batch.closed_at is not None
            else:
                self._send(batch, cause, 0, partial(self._digest, batch))
        return waits

    def _digest(self, batch: Batch, id_: str) -> Message:
        headline, lines = self.report(batch)
        head = audit.head(self.store.session)
        return digest(id_, batch.address, self._now(), headline, lines, head)

    def _send_pings(self, batch: Batch, alive: bool) -> None:
        """A start whenever the batch is taken up, and one end for each start."""
        name = batch.terms.notify.ping
        if name is None:
            return
        ends = notices.count(self.store.session, batch.number, "ping end")
        if batch.closed_at is None:
            if alive:
                self._send_ping(batch, f"ping start {ends}", name, "start", ends, "")
            return
        cause = f"ping end {batch.closed_at}"
        ran = outcome_of(self.store, batch)
        said = f"exit {ran.exit_code} ({ran.outcome})"
        number = notices.count(self.store.session, batch.number, "ping start") - 1
        self._send_ping(batch, cause, name, "fail" if ran.exit_code else "", number, said)

    def _send_ping(
        self, batch: Batch, cause: str, name: str, step: str, number: int, said: str
    ) -> None:
        rid = _rid(batch, max(0, number))
        address = Address(batch.number, cause, 0, name)
        self._once(batch, address, lambda url, _: self.outlets.ping(url, step, rid, said))

    def _note_head(self, batch: Batch) -> None:
        head = audit.head(self.store.session)
        if batch.terms.notify.anchor and head and batch.closed_at is not None:
            address = Address(batch.number, f"anchor {batch.closed_at}", 0, "")
            self._once(batch, address, lambda _, __: self.outlets.anchor(batch, head))

    def _trace(self, batch: Batch, alive: bool) -> None:
        if self.outlets.trace is None:
            return
        trail = self._trails.get(batch.number)
        if trail is None:
            shows = says_yes(self.environment, CAPTURE)
            trail = Trail(self.store, batch.number, shows, self.outlets.trace)
            self._trails[batch.number] = trail
        trail.turn(batch, alive, partial(self._carry_out, batch))

    def _send(self, batch: Batch, cause: str, level: int, made: Callable[[str], Message]) -> None:
        for name in batch.terms.notify.urls:
            address = Address(batch.number, cause, level, name)
            self._once(batch, address, lambda url, id_: self.outlets.post(
                url, redacted(made(id_), self._secrets(batch).redactor)))  # fmt: skip

    def _once(self, batch: Batch, address: Address, act: Callable[[str, str], str]) -> None:
        """Claim a message and send it. An anchor has no address."""
        if not notices.claim(self.store.session, address):
            return
        url = self.environment.get(address.target, "")
        if address.target and not url:
            notices.give_up(self.store.session, address, _UNSET)
        else:
            self._carry_out(batch, address, lambda: act(url, _id(batch, address)))

    def _carry_out(self, batch: Batch, address: Address, act: Callable[[], str]) -> bool:
        """Do what was claimed, and write down what became of it."""
        why = act()
        if why:
            safe = self._secrets(batch).redactor.text(why)
            notices.note_failed(self.store.session, address, safe)
        else:
            notices.note_sent(self.store.session, address)
        return not why

    def _secrets(self, batch: Batch) -> Secrets:
        notify = batch.terms.notify
        return Secrets(self.environment, (*notify.urls, *filter(None, (notify.ping,))))

    def _may_try_again(self, batch: Batch) -> bool:
        told = notices.told(self.store.session, batch.number)
        return any(one.sent_at is None and not one.is_given_up for one in told)

    def _now(self) -> int:
        return self.store.session.clock.utc_ms()


def _id(batch: Batch, address: Address) -> str:
    """The same for every try of one message, and nobody else's."""
    return _digits(f"{batch.plan} {batch.edition} {batch.opened_at} {address[1:]}")[:32]


def _rid(batch: Batch, number: int) -> str:
    """A run id in the form of a UUID, the same at the start and at the end of one run."""
    text = _digits(f"{batch.plan} {batch.edition} {batch.opened_at} {number}")
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
