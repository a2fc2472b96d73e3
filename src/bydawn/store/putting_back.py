"""After a store was put back to an older state: numbers beyond all that were given out since, and
the jobs a person has to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bydawn.core.model import Job
from bydawn.core.putting_back import tokens_ahead
from bydawn.store import counters, people
from bydawn.store.connect import Session
from bydawn.store.rows import JOB_COLUMNS, job_from

_MAY_RUN = f"""
SELECT {JOB_COLUMNS} FROM job
WHERE state IN ('queued', 'launching', 'running', 'finishing')
    OR (state = 'parked' AND handle IS NOT NULL)
ORDER BY number"""
_MACHINES = "SELECT DISTINCT machine FROM runner"


def jobs_that_may_run(session: Session) -> list[Job]:
    """Those of which a run may be alive that the store knows nothing of: a finishing one may since
    have been refused by its check, and launched anew."""
    return [job_from(row) for row in session.rows(_MAY_RUN)]


def machines(session: Session) -> set[str]:
    """All machines whose runners the store knew."""
    return {machine for (machine,) in session.rows(_MACHINES)}


def put_back(session: Session, doubtful: Sequence[int], nonce: Callable[[], str]) -> int:
    """Raise the sequence, and leave each doubtful job to a person; all of it, or nothing. The next
    number that will be given out."""

    def act() -> int:
        given_out = counters.take_tokens(session, 1)
        counters.draw_tokens(session, tokens_ahead(given_out, session.clock.utc_ms()))
        for number in doubtful:
            people.put_back(session, number, nonce)
        return counters.take_tokens(session, 1) + 1

    return session.transact(act)
