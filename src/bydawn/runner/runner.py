"""The loop. Drain what finished, decide for every due job, write it all at once, only then act.

There is no resume code here: a job is taken on by its state, whoever left it there. The loop never
waits inside a job, and the lease is renewed by the loop that makes the progress.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from bydawn.core.decide import Act, Circumstances, Fact, Step, learn, next_step
from bydawn.core.leases import may_act, renew_at, trusted_until
from bydawn.core.model import Job
from bydawn.core.recording import Change, apply, begin
from bydawn.core.sightings import Alive, Ended, Launched
from bydawn.core.states import HELD, TERMINAL, State
from bydawn.runner.actions import Actor
from bydawn.runner.held import Held
from bydawn.runner.horizon import Horizon
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store.claiming import Claimer
from bydawn.store.store import Store, Turn, Written

CLAIM_AT_ONCE = 2_000
_SWEEP_SHARE = 2


class Runner:
    """One process's loop over one scope. ``turn`` is one round; ``horizon`` says when the next pays."""

    def __init__(
        self, store: Store, scope: Scope, tools: Tools, name: str, claims: bool = True
    ) -> None:
        self.store, self.scope, self.tools = store, scope, tools
        self.held: dict[int, Held] = {}
        self.fenced_jobs = 0
        self.halt: str | None = None
        self.is_leaving = False
        self._claims = claims
        self._due: list[tuple[int, int]] = []
        self._changes: dict[int, Change] = {}
        self._ready: list[Held] = []
        self._trusted_until = 0
        self._renew_at = 0
        self._sweep_at = 0
        self.horizon = Horizon(store, scope, tools.clock)
        self._claimer = Claimer(name, tools.machine, tools.chance.nonce, store.spec, scope.pool)
        self._actor = Actor(tools, self.may_act)

    @property
    def name(self) -> str:
        return self._claimer.runner

    def start(self, rivals: frozenset[int] = frozenset()) -> list[str]:
        """Register; answers the names of live runners of ``rivals``, in which case nothing was done."""
        self.scope.refresh()
        self.store.end_dead_runners(self.name, self.tools.is_dead_here)
        asked = self.tools.clock.boot_ms()
        lease = self.scope.shortest_lease_ms()
        others = self.store.register(
            self.name, self.tools.machine, self.tools.pid, lease, self.scope.numbers(), rivals
        )
        self._trust(asked, lease)
        return [other.id for other in others]

    def may_act(self) -> bool:
        """Whether this runner may still believe in its lease; every action asks this first."""
        return may_act(self.tools.clock.boot_ms(), self._trusted_until)

    def turn(self) -> None:
        """One round of the loop."""
        now, boot = self.tools.clock.utc_ms(), self.tools.clock.boot_ms()
        self._look_around(now, boot)
        for number, fact in self.tools.dispatcher.drain():
            self._learn(number, fact, now)
        self._step_due(now, boot)
        turn = self._written_next(now, boot)
        if not turn.is_empty:
            self._after(self.store.write(turn, self._claimer), turn, now, boot)
        self._send_ready()

    def next_wake_ms(self) -> int:
        """How long nothing needs doing, if nobody rings."""
        boot, now = self.tools.clock.boot_ms(), self.tools.clock.utc_ms()
        moments = [self._renew_at - boot, self.horizon.next_look(boot) - boot]
        moments += [self._due[0][0] - boot] if self._due else []
        moments += [self.horizon.wakes_at(now) - now]
        is_busy = self._changes or self._is_hungry()
        return 0 if is_busy else max(0, min(moments))

    def is_drained(self) -> bool:
        """Nothing of ours is in flight and no act is out."""
        return not self.held and not self._changes

    def is_quiet(self) -> bool:
        """Nothing of ours is in flight but parked runs, which are watched and do not hold the join."""
        return all(held.job.state == State.PARKED.value for held in self.held.values())

    def is_busy(self) -> bool:
        """Something is to be written, claimed or carried out before the next wait."""
        return bool(self._changes or self._is_hungry() or self.tools.dispatcher.outstanding())

    def settle_only(self) -> None:
        """Record what has come back; decide and start nothing."""
        now = self.tools.clock.utc_ms()
        for number, fact in self.tools.dispatcher.drain():
            self._learn(number, fact, now)
        self._ready = []
        turn = Turn(changes=list(self._changes.values()))
        if not turn.is_empty:
            self.store.write(turn, self._claimer)
            self._changes = {}

    def notice(self, handle: str) -> None:
        """A local run rang: look at it now. Called from the loop's own thread."""
        for held in self.held.values():
            if held.job.handle == handle and not held.is_out:
                self._schedule(held, 0)

    def stop_all(self, why: str) -> None:
        """End every run of ours, and start nothing more."""
        self.halt = why
        for held in self.held.values():
            if not held.is_out:
                self._schedule(held, 0)

    def leave(self) -> None:
        """Let go: whoever comes next takes over at once."""
        self.store.end_runner(self.name)

    # One turn, part by part

    def _look_around(self, now: int, boot: int) -> None:
        """What people and other runners did meanwhile, and what time has done."""
        self.horizon.rouse(now)
        if not self.horizon.is_due(boot):
            return
        if self.horizon.look(boot):
            self._read_wishes()
        if self.tools.is_stopped() and self.halt is None:
            self.stop_all("cancel")
        for number in self.horizon.newly_past_deadline(now):
            self._rouse(number)

    def _read_wishes(self) -> None:
        wishes = self.store.wishes(self.scope.numbers())
        for number, wish in wishes.items():
            held = self.held.get(number)
            if held and held.job.wish != wish:
                held.job.wish = wish
                if not held.is_out:
                    self._schedule(held, 0)

    def _rouse(self, batch: int) -> None:
        for held in self.held.values():
            if not held.is_out and held.job.batch == batch:
                self._schedule(held, 0)

    def _learn(self, number: int, fact: Fact, now: int) -> None:
        held = self.held.get(number)
        if held is None:
            return
        held.is_out = False
        held.act = Act.NONE
        self._remember(held, fact, now)
        self._take(held, learn(held.job, fact, self._around(held, now)), fact)
        if isinstance(fact, Launched) and fact.sighting and held.job.state == State.RUNNING.value:
            self._remember(held, fact.sighting, now)
            self._take(held, learn(held.job, fact.sighting, self._around(held, now)), fact.sighting)

    def _remember(self, held: Held, fact: Fact, now: int) -> None:
        """What only this process knows of the run: looks, witness, last meter reading."""
        if isinstance(fact, Alive):
            held.looks += 1
            held.usage = fact.usage
            if fact.witness != held.witness:
                held.witness = fact.witness
                held.job.progress_at = now
        elif isinstance(fact, Ended):
            held.usage = fact.outcome.usage

    def _step_due(self, now: int, boot: int) -> None:
        while self._due and self._due[0][0] <= boot:
            due_at, number = heapq.heappop(self._due)
            held = self.held.get(number)
            if held is None or held.is_out or held.due_at != due_at:
                continue
            held.due_at = None
            self._take(held, next_step(held.job, self._around(held, now)), None)

    def _take(self, held: Held, step: Step, fact: object) -> None:
        """Apply a step's moves in memory; its act waits until they are written."""
        if step.moves:
            change = self._changes.get(held.job.number)
            if change is None:
                change = self._changes[held.job.number] = begin(held.job)
            usage = held.usage if isinstance(fact, Ended) else None
            for move in step.moves:
                apply(change, move, usage)
        if step.act is not Act.NONE:
            self._prepare(held, step)
        elif held.job.state in _HELD:
            self._schedule(held, step.due_in_ms if step.due_in_ms is not None else 0)

    def _prepare(self, held: Held, step: Step) -> None:
        held.act, held.argument = step.act, step.argument
        if step.due_in_ms:
            held.act = Act.NONE
            self._schedule(held, step.due_in_ms)
            return
        held.is_out = True
        held.due_at = None
        if step.act is Act.CANCEL:
            held.tries = 0 if held.asked_at is None else held.tries + 1
            held.asked_at = held.asked_at or self.tools.clock.utc_ms()
        elif step.act is Act.PUBLISH:
            held.tries += 1
        self._ready.append(held)

    def _written_next(self, now: int, boot: int) -> Turn:
        turn = Turn(changes=list(self._changes.values()))
        if boot >= self._renew_at:
            turn.renews = (self.scope.shortest_lease_ms(), self.scope.numbers())
        if boot >= self._sweep_at:
            self._sweep_at = boot + self.scope.shortest_lease_ms() // _SWEEP_SHARE
            self.store.end_dead_runners(self.name, self.tools.is_dead_here)
            turn.adopts = [(one.opened, CLAIM_AT_ONCE) for one in self.scope.served.values()]
        self._ask_for_more(turn, now)
        return turn

    def _ask_for_more(self, turn: Turn, now: int) -> None:
        finished = {c.job.batch for c in turn.changes if c.job.state in _TERMINAL}
        for number in finished:
            served = self.scope.served.get(number)
            if served and served.has_dependents:
                turn.releases.append((number, served.templates))
        changed = {change.job.batch for change in turn.changes if change.deltas}
        for number, served in self.scope.served.items():
            if number in changed or number in finished:
                served.is_hungry = True
            if served.is_hungry and self._may_start(number, now):
                turn.claims.append((served.opened, CLAIM_AT_ONCE))

    def _may_start(self, number: int, now: int) -> bool:
        return self._claims and not self.is_leaving and not self.halt and self.horizon.is_open(
            number, now
        )

    def _is_hungry(self) -> bool:
        now = self.tools.clock.utc_ms()
        return any(
            served.is_hungry and self._may_start(number, now)
            for number, served in self.scope.served.items()
        )

    def _after(self, written: Written, turn: Turn, now: int, boot: int) -> None:
        """What the store says became of the turn."""
        self._changes = {}
        if written.lost_lease:
            self._start_over()
            return
        if turn.renews:
            self._trust(boot, turn.renews[0])
        for change in turn.changes:
            if change.job.number in written.fenced:
                self.fenced_jobs += 1
                self.held.pop(change.job.number, None)
            elif change.job.state not in _HELD or _is_unwatched(change.job):
                self.held.pop(change.job.number, None)
        self._ready = [held for held in self._ready if held.job.number in self.held]
        self._hold(written.adopted, now)
        self._hold(written.claimed, now)
        self.horizon.fed(turn.claims, written, now)

    def _start_over(self) -> None:
        """The lease was lost: nothing in memory is ours any more. Come back under a new name."""
        self.fenced_jobs += len(self.held)
        self.held, self._due, self._ready = {}, [], []
        self.tools.dispatcher.drain()
        self._claimer.runner = f"r_{self.tools.chance.nonce()}"
        self.start()
        self._sweep_at = 0

    def _hold(self, jobs: Iterable[Job], now: int) -> None:
        for job in jobs:
            spec = self.store.spec(job.spec)
            held = Held(job, spec, self.tools.backend(spec.backend))
            self.held[job.number] = held
            self._take(held, next_step(job, self._around(held, now)), None)

    def _send_ready(self) -> None:
        """Acts leave only after what led to them is durable."""
        ready, self._ready = self._ready, []
        for held in ready:
            job = held.job
            served = self.scope.served[job.batch]
            results = self.horizon.results_for(held.spec, job)
            call = self._actor.call(held, served.place, results)
            job.fresh = False
            self.tools.dispatcher.send(job.number, call, held.backend.capabilities.prompt)

    # Small parts

    def _around(self, held: Held, now: int) -> Circumstances:
        halt = self.halt or self.horizon.halt_of(held.job.batch, now)
        return held.around(now, self.tools.chance.random(), halt)

    def _schedule(self, held: Held, in_ms: int) -> None:
        held.due_at = self.tools.clock.boot_ms() + in_ms
        heapq.heappush(self._due, (held.due_at, held.job.number))

    def _trust(self, asked: int, lease_ms: int) -> None:
        self._trusted_until = trusted_until(asked, lease_ms)
        self._renew_at = renew_at(asked, lease_ms)


_HELD = frozenset(state.value for state in HELD)
_TERMINAL = frozenset(state.value for state in TERMINAL)


def _is_unwatched(job: Job) -> bool:
    """Parked with nothing that could still live."""
    return job.state == State.PARKED.value and (job.handle is None or job.step is not None)
