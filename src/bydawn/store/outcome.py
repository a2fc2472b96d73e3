"""What became of a transaction on a server: kept, certainly not kept, or unknown to everybody."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psycopg
from psycopg import errors

from bydawn.store.connect import CommitUnknown, Occupied, T, Unmatched
from bydawn.store.mark import Mark
from bydawn.store.turns import TURN
from bydawn.store.wire import Wire


class Again(Exception):
    """The transaction was certainly not kept; it may be carried out anew."""

    def __init__(self, why: psycopg.Error) -> None:
        self.why = why


def repeated(wire: Wire, once: Callable[[], T]) -> T:
    """Until it is kept or cannot be, as long as it certainly was not and patience lasts."""
    for pause in wire.pauses():
        try:
            return once()
        except Again as again:
            last = again.why
        time.sleep(pause)
    raise wire.explained(last) from None


def judged(wire: Wire, error: psycopg.Error) -> Exception:
    """What a server's word means for the transaction it was said in."""
    if isinstance(error, errors.UniqueViolation | errors.CardinalityViolation):
        return Occupied(str(error))
    if isinstance(error, errors.DivisionByZero):
        return Unmatched(str(error))
    return Again(error) if wire.may_replay(error) else wire.explained(error)


def assure_kept(wire: Wire, mark: Mark, error: psycopg.Error) -> None:
    """What held a COMMIT was not answered as it should be; raises unless it was kept."""
    if not wire.is_broken():
        found = judged(wire, error)
        wire.roll_back()
        raise found from error
    if not _was_kept(wire, mark, error):
        raise Again(error) from error


def _was_kept(wire: Wire, mark: Mark, error: psycopg.Error) -> bool:
    """What became of a transaction whose COMMIT was not answered."""
    wire.is_contended = False  # nothing is in hand any more, so the turn may be waited for
    for pause in wire.pauses():
        with contextlib.suppress(psycopg.Error):
            wire.connect_again()
            return mark.is_left(wire, TURN)
        time.sleep(pause)
    raise CommitUnknown(
        f"{wire.name}: the answer to a commit was lost, and nobody could say since what became"
        " of it",
        "nothing was guessed: run the same command again when the server is back",
    ) from error
