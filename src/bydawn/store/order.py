"""One writer's place among all who write to a server: in each transaction it lines up once, and its
turn comes when everybody before it has committed.

While others write, it lines up as late as it can. What it has changed by then somebody whose turn
it is may want to change: so with rows in hand a turn is waited for half a second, and then anew
with none.
"""

from __future__ import annotations

from bydawn.core.errors import StoreRefused
from bydawn.store.ahead import Answer
from bydawn.store.chain import LAST, Chain
from bydawn.store.connect import Row
from bydawn.store.dialect import spoken
from bydawn.store.mark import Mark
from bydawn.store.turns import FIRST_TURN, TURN
from bydawn.store.wire import Wire


class Order:
    """Raises psycopg's own errors, as a wire does. ``number`` is the place of the last turn that
    came among all there ever were, ``came_at`` when that was, by the server's clock."""

    def __init__(self, wire: Wire, chain: Chain) -> None:
        self.mark = Mark()
        self.number = self.came_at = 0
        self._wire, self._chain = wire, chain
        self._is_lined_up = False
        self._turn: Answer | None = None
        self._last: Answer | None = None

    def begin(self) -> None:
        """A transaction begins. Where others write as well it is lined up later, so that they do
        not have to wait for what needs no turn."""
        self.mark.number += 1
        self._is_lined_up, self._turn, self._last = False, None, None
        self._wire.connect_again()
        self._wire.begin()
        if not self._wire.is_contended:
            self.line_up()

    def line_up(self) -> None:
        """Ask for the turn, and for the end of the journal with it; none of it is waited for."""
        if self._is_lined_up:
            return
        self._is_lined_up = True
        if self._wire.is_ordered:
            for sql, given in (self.mark.made(), self._wire.told_by(self.mark.writer)):
                self._wire.send_question(spoken(sql), given)
        self._turn = self._wire.send(TURN if self._wire.is_ordered else FIRST_TURN)
        if self._chain.store_id:
            self._last = self._wire.send(LAST)
        self._wire.answer_now()

    def await_turn(self) -> None:
        """What was sent behind the asking is not waited for."""
        turn, self._turn = self._turn, None
        if turn is not None:
            self._wire.hear_to(turn)
            self.take(turn.fetchone())

    def take(self, turn: Row | None) -> None:
        """The turn has come, in this transaction."""
        if turn is None:
            self._wire.roll_back()
            raise StoreRefused(f"{self._wire.name}: is damaged (no version)", "restore a backup")
        number, pid, self.came_at = turn
        self.number = int(number)
        self._wire.meet(pid)

    def last(self) -> Row | None:
        """The end of the journal."""
        if self._last is None:
            return self._wire.ask(spoken(LAST)).fetchone()
        self._wire.hear_to(self._last)
        return self._last.fetchone()
