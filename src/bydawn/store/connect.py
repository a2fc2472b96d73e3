"""What a connection to the store offers, whichever kind of database stands behind it.

Statements are written once, in SQLite's words with ``?`` for parameters; a kind that speaks
otherwise translates. A write is a function, not a block, so that a kind over a network may carry it
out again after a transaction that certainly did not take place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bydawn.core.clock import Clock
from bydawn.core.errors import StoreUnavailable
from bydawn.store.chain import Chain

Row = tuple[Any, ...]
# A statement and its parameters.
Statement = tuple[str, Sequence[Any]]
T = TypeVar("T")


class Occupied(Exception):
    """A row with the same key is there already; nothing of the statement was kept."""


class Unmatched(Exception):
    """A row that had to be changed was not there as it should be; nothing of the transaction was
    kept."""


class CommitUnknown(StoreUnavailable):
    """The answer to a COMMIT was lost and nobody could say since whether it took place.

    Everything before and after it is intact; only a fresh look may tell which of the two it is.
    """

    code = "commit_unknown"


class Session(Protocol):
    """A connection that knows the store's clock, also as ``lease_now()`` in its statements. Used by
    the thread and process that made it.

    ``name`` is what people may read of its address, ``host`` the one host that may work here; empty
    where any may, or where nobody can tell. ``picks`` ends a SELECT whose rows are about to
    be taken, so that rows somebody else is about to take are passed over. ``chain`` is the end of
    the journal.
    """

    clock: Clock
    name: str
    host: str
    picks: str
    chain: Chain

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a question."""
        ...

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Rows one by one, for answers too large to hold."""
        ...

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        ...

    def asking(self, sql: str, parameters: Sequence[Any] = ()) -> Callable[[], list[Row]]:
        """A question inside a transaction whose answer is not waited for yet: it is there for who
        asks. Several of them cost one wait."""
        ...

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Carry out one statement; how many rows it changed."""
        ...

    def change_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
        """Carry out one statement for many rows; how many rows it changed in all."""
        ...

    def send_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], int]:
        """As ``change_many``, inside a transaction, without waiting: the count is there for who
        asks, and what is wrong with a row is raised at the latest where the transaction, or the
        part of it that is tried, ends."""
        ...

    def sending_all(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], None]:
        """As ``send_many`` where every one of the rows must be changed: otherwise ``Unmatched`` is
        raised, at the latest where the transaction ends, and it is undone. What is returned
        sends it; before that it is made ready. It may be carried out while others still have their
        turn, so the rows must be such as nobody else changes, by what they are found by."""
        ...

    def added(self) -> int:
        """The number the last inserted row was given; inside the transaction that inserted it."""
        ...

    def transact(self, act: Callable[[], T]) -> T:
        """One short write transaction: all that ``act`` writes is kept, or nothing.

        ``act`` may be carried out more than once, so it takes all it knows from the store and its
        own arguments, and leaves nothing half done outside. Writers go one after another.
        """
        ...

    def await_turn(self) -> None:
        """Inside a write transaction: wait until it is its turn to write, and not for the answers
        to what was sent behind that."""
        ...

    def at_once(self, changes: Sequence[Statement], question: Statement) -> Row | None:
        """A write transaction whose statements are all known beforehand, and the first row of what
        is asked at its end. Over a network it is one message and one answer. Where that is lost it
        is said again, so a second time the changes must find that they have been made: by their
        nonce, or by what they guard. Listeners are not told."""
        ...

    def in_passing(self, sql: str, parameters: Sequence[Any]) -> int:
        """As ``at_once`` for one change of one row, which may be lost when the machine that keeps
        the store loses its power a moment later; how many rows it changed. So neither a turn to
        write nor the disk is waited for where that takes longer, and ``changed_elsewhere`` need not
        see it."""
        ...

    def trying(self) -> AbstractContextManager[None]:
        """A part of a transaction that is undone by itself when it raises."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One snapshot for several questions."""
        ...

    def changed_elsewhere(self) -> bool:
        """Whether another connection has committed since the last time this was asked, or may
        have: who had to connect anew cannot tell."""
        ...

    def hearing(self, ring: Callable[[], None], /) -> AbstractContextManager[object]:
        """While it lasts, ``ring`` is called soon after another connection has committed, by
        another thread, where the store can tell; ``changed_elsewhere`` stays the truth."""
        ...

    def lease_now(self) -> int:
        """The instant by which leases are judged, on the one clock of all who use this store."""
        ...

    def lease_boot(self) -> str:
        """Names the run of that clock; instants of another run cannot be compared with it."""
        ...

    def tables(self) -> set[str]:
        """The names of all tables that are there, ours or not."""
        ...

    def define(self, sql: str) -> None:
        """Carry out one statement of a migration."""
        ...

    def size_bytes(self) -> int:
        """How much room the store takes up."""
        ...

    def copy_to(self, target: Path) -> None:
        """A consistent copy while others go on writing."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
