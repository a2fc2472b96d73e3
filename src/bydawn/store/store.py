"""The durable memory as its users see it: one method per question or act, each a short
transaction."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bydawn.core.clock import Clock
from bydawn.core.errors import StoreUnavailable
from bydawn.core.model import BatchTerms, JobSpec, PlannedBatch, PlannedJob
from bydawn.core.values import value
from bydawn.store import (
    claiming,
    dependencies,
    hosts,
    opening,
    people,
    read,
    receipts,
    runners,
    settling,
    writing,
)
from bydawn.store.claiming import Claimer
from bydawn.store.connect import Row, Session, Unmatched
from bydawn.store.dependencies import Template
from bydawn.store.migrate import migrate
from bydawn.store.opening import Opened
from bydawn.store.rows import spec_from, terms_from
from bydawn.store.runners import Registered
from bydawn.store.sqlite import open_sqlite
from bydawn.store.writing import Turn, Written


@value
class Batch:
    """A batch as the store holds it."""

    number: int
    plan: str
    edition: str
    folder: str
    source: str
    opened_at: int
    deadline_at: int | None
    closed_at: int | None
    paused: bool
    background: bool
    revision: int
    fingerprint: str
    terms: BatchTerms
    refused: int
    fenced: int

    @property
    def address(self) -> str:
        return f"{self.plan}@{self.edition}" if self.edition else self.plan


_BATCH = """
SELECT number, plan, edition, folder, source, opened_at, deadline_at, closed_at, paused, background,
    revision, fingerprint, terms, refused, fenced FROM batch"""


class Store:
    """A connection to the durable memory, for one thread. ``machine`` is who asks, where several
    share the store."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.machine = ""
        self._specs: dict[int, JobSpec] = {}

    def open_batch(
        self, planned: PlannedBatch, jobs: Iterable[PlannedJob], *, adopt_folder: bool = False,
        background: bool = False, is_partial: bool = False, adds_only: bool = False,
    ) -> Opened:  # fmt: skip
        """Record a plan as a batch or as its next revision. ``jobs`` may be read more than once."""
        assert not isinstance(jobs, Iterator), "a transaction may have to be carried out again"
        return self.session.transact(
            lambda: opening.open_batch(
                self.session, planned, jobs, adopt_folder=adopt_folder,
                background=background, is_partial=is_partial, adds_only=adds_only,
                machine=self.machine,
            )
        )  # fmt: skip

    def add_items(self, batch: Batch, spec: JobSpec, jobs: Iterable[PlannedJob]) -> None:
        """Record the items an upstream job produced, unless somebody has done it meanwhile."""
        assert not isinstance(jobs, Iterator), "a transaction may have to be carried out again"
        self.session.transact(
            lambda: opening.add_items(
                self.session, batch.number, batch.revision, batch.plan, spec, jobs
            )
        )

    def batch(self, number: int) -> Batch:
        row = self.session.row(f"{_BATCH} WHERE number = ?", (number,))
        assert row is not None, "batches are never deleted"
        return _batch_from(row)

    def find_batch(self, plan: str, edition: str) -> Batch | None:
        row = self.session.row(f"{_BATCH} WHERE plan = ? AND edition = ?", (plan, edition))
        return _batch_from(row) if row else None

    def batches(self, plan: str | None = None) -> list[Batch]:
        """All batches, newest first."""
        if plan is None:
            return [_batch_from(r) for r in self.session.rows(f"{_BATCH} ORDER BY number DESC")]
        rows = self.session.rows(f"{_BATCH} WHERE plan = ? ORDER BY number DESC", (plan,))
        return [_batch_from(row) for row in rows]

    def close_batch(self, number: int) -> None:
        """Note when a batch was joined; the first time counts."""
        now = self.session.clock.utc_ms()
        close = "UPDATE batch SET closed_at = ? WHERE number = ? AND closed_at IS NULL"
        self.session.transact(lambda: self.session.change(close, (now, number)))

    def count_refused(self, number: int, count: int) -> None:
        """So many jobs were asked for again and had been done; the report says how many."""
        add = "UPDATE batch SET refused = refused + ? WHERE number = ?"
        self.session.transact(lambda: self.session.change(add, (count, number)))

    def spec(self, number: int) -> JobSpec:
        """A spec never changes, so it is read once."""
        found = self._specs.get(number)
        if found is None:
            row = self.session.row("SELECT body FROM spec WHERE number = ?", (number,))
            assert row is not None, "specs are never deleted"
            found = self._specs[number] = spec_from(row[0])
        return found

    def specs(self, batch: int) -> list[JobSpec]:
        """Every spec a batch ever had, of all its revisions."""
        rows = self.session.rows(
            "SELECT number FROM spec WHERE batch = ? ORDER BY number", (batch,)
        )
        return [self.spec(int(row[0])) for row in rows]

    def templates(self, batch: int) -> list[Template]:
        return dependencies.templates(self.session, batch)

    def is_met(self, batch: int, template: Template, found: list[Template]) -> bool:
        return dependencies.is_met(self.session, batch, template, found)

    def write(self, turn: Turn, claimer: Claimer) -> Written:
        """One group commit: changes with their events, releases, takeovers, claims, the lease."""
        write = functools.partial(writing.written, self.session, turn, claimer)
        ready = settling.rows_ready(self.session, turn.changes)
        settle = functools.partial(settling.settle_all, ready)
        try:
            return self.session.transact(lambda: write(settle))
        except Unmatched:
            return self.session.transact(lambda: write(settling.settle_singly))

    def register(
        self, runner: str, machine: str, pid: int, lease_ms: int, batches: frozenset[int],
        rivals: frozenset[int] = frozenset(), own: int | None = None,
    ) -> list[Registered]:  # fmt: skip
        """Make a runner known, unless live ones already serve a batch of ``rivals``: those are
        answered instead, and nothing was registered."""

        def act() -> list[Registered]:
            found = [one for one in runners.registered(self.session) if one.batches & rivals]
            if not found:
                hosts.note(self.session)
                runners.register(self.session, runner, machine, pid, lease_ms, batches, own)
            return found

        return self.session.transact(act)

    def keep_back(self, batch: int, why: str) -> None:
        """Say on each job that could start what keeps it back for good."""
        self.session.transact(lambda: claiming.mark_kept_back(self.session, batch, why))

    def end_runner(self, runner: str) -> None:
        self.session.transact(lambda: runners.end(self.session, runner))

    def runners(self) -> list[Registered]:
        """Every runner that has not been ended, its lease good or not."""
        return runners.registered(self.session)

    def unlapsed_runners(self) -> list[Registered]:
        return runners.unlapsed(self.session)

    def end_dead_runners(self, own: str, is_dead_here: Callable[[Registered], bool]) -> int:

        def act() -> int:
            hosts.refuse_second(self.session)
            return runners.end_the_dead(self.session, own, is_dead_here)

        return self.session.transact(act)

    def wishes(self, batches: Iterable[int]) -> dict[int, str]:
        """What people asked of jobs in flight."""
        found: dict[int, str] = {}
        for batch in batches:
            found.update(read.wishes(self.session, batch))
        return found

    def cancel(self, number: int, nonce: Callable[[], str]) -> bool:
        return self.session.transact(lambda: people.cancel(self.session, number, nonce))

    def cancel_queued(self, number: int, nonce: Callable[[], str]) -> bool:
        """Carry out a wish that outlived the run it was meant for."""
        return self.session.transact(lambda: people.cancel_queued(self.session, number, nonce))

    def retry(self, number: int, nonce: Callable[[], str]) -> bool:
        return self.session.transact(lambda: people.retry(self.session, number, nonce))

    def resolve(self, number: int, answer: str, why: str, nonce: Callable[[], str]) -> str:
        return self.session.transact(
            lambda: people.resolve(self.session, number, answer, why, nonce)
        )

    def pause(self, batch: int, paused: bool) -> bool:
        return self.session.transact(lambda: people.pause(self.session, batch, paused))

    def close(self) -> None:
        self.session.close()


def open_store(path: Path, clock: Clock, store_id: str) -> Store:
    """Open or create the SQLite store at ``path``; the folder is made 0700 when it is missing."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"{path.parent}: cannot be made ({error.strerror})",
            "check the folder's permissions, or name another store with --store",
        ) from error
    session = open_sqlite(path, clock)
    session.host = hosts.host_name()
    return opened(session, store_id)


def opened(session: Session, store_id: str) -> Store:
    """A store over a connection, brought to this version's form."""
    try:
        migrate(session, store_id)
        session.chain.store_id = receipts.store_id(session)
        hosts.refuse_second(session)
    except BaseException:
        session.close()
        raise
    return Store(session)


def _batch_from(row: Row) -> Batch:
    values = list(row)
    values[8], values[9] = bool(values[8]), bool(values[9])
    values[12] = terms_from(values[12])
    return Batch(*values)
