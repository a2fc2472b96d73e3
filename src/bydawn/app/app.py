"""One open place: its store, its people's commands, its runners. Made by ``open_app``."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.app import addresses
from bydawn.app.keeping.sealing import own_sealer
from bydawn.app.names import RUNS
from bydawn.app.place import Place, locate
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Errand
from bydawn.app.runs.outcomes import is_stopped, refuse_if_stopped
from bydawn.app.runs.waiting import live_runners, wait_for_batch, wait_for_jobs
from bydawn.app.values import AdhocWanted, Checked, Face, Invocation, Ran, RunWanted, Silent
from bydawn.core.clock import Clock
from bydawn.core.errors import UsageError
from bydawn.core.model import BatchTerms, Job
from bydawn.runner.clock import SystemClock
from bydawn.runner.stopping import Stop
from bydawn.store import read
from bydawn.store.runners import Registered
from bydawn.store.store import Batch, Store

if TYPE_CHECKING:
    from bydawn.app.beforehand.rehearsal import Rehearsed
    from bydawn.app.keeping.ageing import Pruned
    from bydawn.app.runs.lending import Loan
    from bydawn.plan import Overrides, Plan

_CANCEL_PATIENCE_MS = 60_000
_SETTLED = ("succeeded", "failed", "cancelled", "parked")


class App:
    """What the faces call. Close it when done."""

    def __init__(self, invocation: Invocation, place: Place, clock: Clock) -> None:
        self.invocation, self.place, self.clock = invocation, place, clock
        self._store: Store | None = None

    @property
    def state_folder(self) -> Path:
        return self.place.state_folder

    @property
    def store_url(self) -> str:
        return self.place.url

    @property
    def store(self) -> Store:
        """The store, made when there is none yet."""
        if self._store is None:
            self._store = self._sealing(self.place.open(self.clock, f"s_{secrets.token_hex(8)}"))
        return self._store

    def _sealing(self, store: Store) -> Store:
        """Whatever this process will write is sealed with this machine's key."""
        store.session.chain.sealer = own_sealer(self.invocation.environment)
        return store

    def has_store(self) -> bool:
        if self._store is None and (found := self.place.existing(self.clock)):
            self._store = self._sealing(found)
        return self._store is not None or self.place.has_file()

    def existing_store(self) -> Store:
        """The store, for commands that only make sense where there is one."""
        if not self.has_store():
            raise UsageError(
                f"{self.place.url}: there is no store here yet",
                "run a plan first, or name a store with --store",
            )
        return self.store

    @staticmethod
    def nonce() -> str:
        return secrets.token_hex(8)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    # Plans

    def check(self, plan: Path, overrides: Overrides) -> Checked:
        """Validate a plan and say what running it would do; changes nothing."""
        from bydawn.app.beforehand.checking import check
        from bydawn.app.beforehand.readying import refuse_unready
        from bydawn.app.readings import reading_of

        with self.reading_plan(plan, overrides) as found:
            refuse_unready(found.batch.specs, self.invocation.environment, self.state_folder)
            reading = reading_of(self) if self.has_store() else None
            return check(found, reading, self.invocation.environment, self.clock.utc_ms())

    def run(self, plan: Path, wanted: RunWanted, face: Face) -> Ran:
        """Run a plan, or go on with it; unattended, the machine is kept awake meanwhile."""
        if not wanted.unattended:
            return self._run(plan, wanted, face)
        from bydawn.processes.awake import awake

        with awake(f"runs {plan.name}", self.invocation.environment):
            return self._run(plan, wanted, face)

    def _run(self, plan: Path, wanted: RunWanted, face: Face) -> Ran:
        from bydawn.app.runs.running import run_plan

        if not self.has_store():
            # A plan that cannot be accepted leaves nothing behind, not even an empty store.
            with self.reading_plan(plan, wanted.overrides) as planned:
                return self.run_planned(planned, wanted, face)
        if wanted.adopt:
            self.place.move_here(self.clock)
        return self._left(run_plan(self.place, self.invocation, self.store, plan, wanted, face))

    def lend(self, loan: Loan, face: Face) -> Ran:
        """Lend this machine to plans until it is stopped; opens no batch by itself."""
        from bydawn.app.runs.lending import lend

        return lend(self.place, self.invocation, self.store, loan, face)

    def run_planned(self, planned: Plan, wanted: RunWanted, face: Face) -> Ran:
        """Run a plan that no file holds, or go on with it."""
        from bydawn.app.runs.running import run_planned

        ran = run_planned(self.place, self.invocation, self.store, planned, wanted, face)
        return self._left(ran)

    def _left(self, ran: Ran) -> Ran:
        """What was left to the background needs somebody there."""
        if ran.outcome == "detached":
            self.ensure_background()
        return ran

    @contextlib.contextmanager
    def rehearse(self, plan: Path, overrides: Overrides, faults: int | None) -> Iterator[Rehearsed]:
        """Play a plan on the scripted backend in a throwaway store; a plan that must earn its
        autonomy has the rehearsal written down."""
        from bydawn.app.beforehand.earning import note_rehearsed
        from bydawn.app.beforehand.rehearsal import rehearse

        with self.reading_plan(plan, overrides) as found, rehearse(found, faults) as rehearsed:
            if rehearsed.is_good and found.batch.terms.autonomy_required:
                note_rehearsed(self.store, found.batch)
            yield rehearsed

    @contextlib.contextmanager
    def reading_plan(self, path: Path, overrides: Overrides) -> Iterator[Plan]:
        """The valid plan, its items still to be streamed; PlanInvalid with every complaint."""
        from bydawn.app.runs.reading import plan_input, read_plan

        with plan_input(self.invocation, path, overrides) as stdin:
            yield read_plan(self.invocation, path, overrides, self.clock.utc_ms(), stdin)

    @staticmethod
    def demo(say: Callable[[str], None], fast: bool) -> int:
        """Play a night with a crash in it, somewhere else; 0 when all it claims is true."""
        from bydawn.app.first_hour.demo import demo

        return demo(say, fast, time.sleep)

    # Single jobs

    def adhoc(self, wanted: AdhocWanted) -> Job:
        """Record one job in the batch ``adhoc``; with a key, the same one again."""
        from bydawn.app.beforehand.readying import refuse_unready
        from bydawn.app.beforehand.room import look_for_room
        from bydawn.app.runs.adhoc import record, spec_of

        refuse_if_stopped(self.place, self.store)
        refuse_unready([spec_of(wanted)], self.invocation.environment, self.state_folder)
        look_for_room(self.state_folder, self.invocation.environment, Silent())
        job = record(self.store, wanted, BatchTerms())
        if wanted.detach:
            self.ensure_background()
        return job

    def run_jobs(self, jobs: list[Job], face: Face, timeout_ms: int | None = None) -> Ran:
        """Drive until these jobs are over."""
        return self.wait_jobs(jobs, "all", timeout_ms, face)

    def wait_jobs(self, jobs: list[Job], mode: str, timeout_ms: int | None, face: Face) -> Ran:
        return wait_for_jobs(
            self.place, self.invocation, self.existing_store(), jobs, mode, timeout_ms, face
        )

    def wait_batch(self, batch: Batch, timeout_ms: int | None, face: Face) -> Ran:
        return wait_for_batch(
            self.place, self.invocation, self.existing_store(), batch, timeout_ms, face
        )

    def ensure_background(self) -> None:
        """Make sure the background runner of this store is alive."""
        from bydawn.app.runs.background import ensure

        ensure(self.place)

    def background(self) -> int:
        """Be the background runner until everything is drained."""
        from bydawn.app.runs.background import serve

        return serve(self.place, self.invocation, self.existing_store())

    # What people do

    def cancel(self, jobs: list[Job], face: Face | None = None) -> list[bool]:
        """End jobs. Where no runner watches them, this process sees to it itself."""
        store = self.existing_store()
        done = [store.cancel(job.number, self.nonce) for job in jobs]
        batches = {job.batch for job, was_open in zip(jobs, done, strict=True) if was_open}
        if not any(runner.batches & batches for runner in self.runners()):
            self._end_unwatched([job.number for job in jobs], batches, face or Silent())
        return done

    def _end_unwatched(self, numbers: list[int], batches: set[int], face: Face) -> None:
        store = self.store

        def is_done() -> bool:
            return all(read.job(store.session, number).state in _SETTLED for number in numbers)

        if not is_done():
            until = self.clock.utc_ms() + _CANCEL_PATIENCE_MS
            errand = Errand(lambda: batches, claims=False, is_done=is_done, until_at=until)
            drive(self.place, self.invocation, store, errand, face)

    def stop(self, face: Face) -> Stop:
        """Stop this machine, and all that share the store."""
        from bydawn.app.runs.halting import stop

        return stop(self, face)

    def clear_stop(self) -> bool:
        """Lift a stop, here and in the store; False when there was none."""
        from bydawn.app.runs.halting import clear

        return clear(self)

    def is_stopped(self) -> bool:
        return is_stopped(self.place, self.store if self.has_store() else None)

    # Looking

    def batch_at(self, address: str) -> Batch:
        return addresses.batch_at(self.existing_store(), address)

    def jobs_at(self, address: str) -> list[Job]:
        return addresses.jobs_at(self.existing_store(), address)

    def job_at(self, address: str) -> Job:
        return addresses.job_at(self.existing_store(), address)

    def job(self, number: int) -> Job:
        return read.job(self.existing_store().session, number)

    def runners(self) -> list[Registered]:
        """The runners that are alive."""
        return live_runners(self.place, self.store)

    def backup(self, target: Path) -> None:
        """A consistent copy of the store, taken while it may be in use."""
        if target.exists():
            raise UsageError(f"{target}: is there already", "name a file that does not exist")
        self.existing_store().session.copy_to(target)
        target.chmod(0o600)

    def next_night(self, plan: Path) -> int | None:
        """When this machine begins the next night of a plan; None where nothing is installed."""
        from bydawn.app.schedules.memory import next_night

        return next_night(self.state_folder, plan, self.clock.utc_ms())

    def prune(self, keep_ms: int | None, is_rehearsal: bool) -> Pruned:
        """Age out what runs left on this machine: logs and drafts of jobs that are over."""
        from bydawn.app.keeping.ageing import Ageing

        return Ageing(self.place, self.existing_store(), keep_ms, is_rehearsal).carry_out()

    def export(self) -> Iterator[dict[str, Any]]:
        """The whole store, value by value, from one moment of it."""
        from bydawn.app.keeping.exporting import exported

        return exported(self.place, self.existing_store(), self.clock)

    def run_folder(self, job: Job) -> Path:
        """Where the newest local run of a job lives."""
        return self.state_folder / RUNS / job.job_id / f"{job.revision}.{job.generation}"


def open_app(invocation: Invocation, plan: Path | None = None) -> App:
    """Find the place a command speaks of; nothing is made yet."""
    return App(invocation, locate(invocation, plan), SystemClock())
