"""Spans leave while a night goes on: what has ended is sent in parcels, each claimed before it is
sent, so that a night that is killed leaves what it did and one that goes on sends nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.app.runs.outcomes import joined_of
from bydawn.store import notices
from bydawn.store.notices import Address, Parcel
from bydawn.store.store import Batch, Store
from bydawn.watch.spans import Span, Tracer, batch_span

AT_ONCE = 500
_AGAIN_MS = 600_000

# Sends some spans; what went wrong, or nothing.
Send = Callable[[list[Span]], str]
# Does what was claimed and writes down what became of it; whether it was done.
CarryOut = Callable[[Address, Callable[[], str]], bool]


@dataclass(slots=True)
class Trail:
    """The spans of one batch, from wherever somebody left off."""

    store: Store
    number: int
    shows_prompts: bool
    send: Send
    _tracer: Tracer | None = field(default=None, init=False)

    def turn(self, batch: Batch, alive: bool, carry_out: CarryOut) -> None:
        """Send what has ended since the last turn, and the batch itself once it has ended."""
        session = self.store.session
        sent, waiting = notices.parcels(session, self.number)
        if waiting and not self._is_due(waiting, alive):
            return
        if self._send_from(sent, waiting.upto if waiting else 0, carry_out) and batch.closed_at:
            self._send_batch(batch, batch.closed_at, carry_out)

    def _is_due(self, waiting: Parcel, alive: bool) -> bool:
        """Whether a parcel that was not sent may be tried. While a night goes on, none is given up
        for good; afterwards nobody stays for it."""
        now = self.store.session.clock.utc_ms()
        if waiting.tries < notices.MOST_TRIES:
            return now >= waiting.try_at
        if alive and now >= waiting.try_at + _AGAIN_MS:
            notices.begin_again(self.store.session, self.number, waiting.upto)
            return True
        return False

    def _send_from(self, sent: int, first_end: int, carry_out: CarryOut) -> bool:
        """Whether everything there is was sent. A parcel that was tried before is tried as it was:
        it may have arrived. After a failure the journal is read anew, so none is kept here."""
        tracer, self._tracer = self._tracer or self._new_tracer(), None
        parcel: list[Span] = []
        upto = 0
        for place, spans in tracer.ended():
            if place <= sent:
                continue
            parcel += spans
            upto = place
            if len(parcel) >= AT_ONCE or place == first_end:
                if not self._send_parcel(sent, upto, parcel, carry_out):
                    return False
                sent, parcel = upto, []
        if parcel and not self._send_parcel(sent, upto, parcel, carry_out):
            return False
        self._tracer = tracer
        return True

    def _send_parcel(self, sent: int, upto: int, parcel: list[Span], carry_out: CarryOut) -> bool:
        session, number = self.store.session, self.number
        if not notices.claim_parcel(session, number, sent, upto):
            return False
        if not carry_out(notices.parcel_address(number, upto), lambda: self.send(parcel)):
            return False
        notices.forget_parcels_but(session, number, upto)
        return True

    def _send_batch(self, batch: Batch, ended_at: int, carry_out: CarryOut) -> None:
        address = Address(self.number, f"trace {ended_at}", 0, "")
        session = self.store.session
        if notices.claim(session, address):
            is_later = notices.count(session, self.number, "trace ") > 1
            span = batch_span(batch, joined_of(self.store, batch), ended_at, is_later)
            carry_out(address, lambda: self.send([span]))

    def _new_tracer(self) -> Tracer:
        return Tracer(self.store, self.store.batch(self.number), self.shows_prompts)
