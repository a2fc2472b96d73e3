"""The loop. Drain what finished, decide for every due job, write it all at once, only then act.

There is no resume code here: a job is taken on by its state, whoever left it there. The loop never
waits inside a job, and the lease is renewed by the loop that makes the progress.
"""

from __future__ import annotations

from bydawn.core.leases import renew_at, trusted_until
from bydawn.core.recording import Change
from bydawn.core.states import TERMINAL, State
from bydawn.runner.actions import Actor
from bydawn.runner.belief import Belief
from bydawn.runner.held import Held
from bydawn.runner.horizon import Horizon
from bydawn.runner.in_flight import InFlight
from bydawn.runner.publishing import Publisher
from bydawn.runner.scope import Scope
from bydawn.runner.tools import Tools
from bydawn.store import runners
from bydawn.store.claiming import Claimer
from bydawn.store.store import Store
from bydawn.store.writing import Turn, Written

CLAIM_AT_ONCE = 2_000
_SWEEP_SHARE = 2
_AFTER_LAPSE_MS = 20
_TERMINAL = frozenset(state.value for state in TERMINAL)
_TAKES_A_PLACE = (State.LAUNCHING.value, State.RUNNING.value)
_PARKED = State.PARKED.value


class Runner:
    """One process's loop over one scope. ``turn`` is one round; ``next_wake_ms`` how long to
    rest. ``own`` is the most jobs it takes itself at once, where the batches would allow more."""

    def __init__(
        self, store: Store, scope: Scope, tools: Tools, name: str, claims: bool = True,
        own: int | None = None,
    ) -> None:  # fmt: skip
        self.store, self.scope, self.tools = store, scope, tools
        self.horizon = Horizon(store, scope, tools.look_ms)
        self.in_flight = InFlight(store, tools, self.horizon)
        self.fenced_jobs = 0
        self.is_leaving = False
        self._claims, self._own = claims, own
        self._registered: frozenset[int] = frozenset()
        self._renew_at = 0
        self._sweep_at = 0
        self._others: frozenset[str] = frozenset()
        self._claimer = Claimer(
            name, tools.machine, tools.chance.nonces, store.spec, scope.pool, tools.is_local
        )
        self._begin_life()

    @property
    def name(self) -> str:
        return self._claimer.runner

    @property
    def halt(self) -> str | None:
        """Why everything of ours must end, if it must."""
        return self.in_flight.halt

    @property
    def held(self) -> dict[int, Held]:
        return self.in_flight.held

    def start(self, rivals: frozenset[int] = frozenset()) -> list[str]:
        """Register; answers the names of live runners of ``rivals``, in which case nothing was
        done."""
        self.scope.refresh()
        self.tools.appear(self.name)
        self.store.end_dead_runners(self.name, self.tools.is_dead_here)
        asked = self.tools.clock.boot_ms()
        lease, self._registered = self.scope.shortest_lease_ms(), self.scope.numbers()
        others = self.store.register(
            self.name, self.tools.machine, self.tools.pid, lease, self._registered, rivals,
            self._own,
        )  # fmt: skip
        self._trust(asked, lease)
        return [other.id for other in others]

    def may_act(self) -> bool:
        """Whether this runner may still believe in its lease; every action asks this first."""
        return self._belief.may_act()

    def turn(self) -> None:
        """One round of the loop."""
        clock = self.tools.clock
        self._look_around(clock.utc_ms(), clock.boot_ms())
        facts = self.tools.dispatcher.drain()
        now, boot = clock.utc_ms(), clock.boot_ms()  # no earlier than any of the facts
        for ticket, fact in facts:
            self.in_flight.learn(ticket, fact, now, boot)
        self.in_flight.step_due(now, boot)
        turn = self._to_write(now, boot)
        if not turn.is_empty:
            self._after(self.store.write(turn, self._claimer), turn, now, boot)
        self._send_ready()

    def settle_only(self) -> None:
        """Record what has come back; start nothing."""
        facts = self.tools.dispatcher.drain()
        now, boot = self.tools.clock.utc_ms(), self.tools.clock.boot_ms()
        for ticket, fact in facts:
            self.in_flight.learn(ticket, fact, now, boot)
        self.in_flight.ready = []
        turn = Turn(changes=self._taken_changes())
        if not turn.is_empty:
            written = self.store.write(turn, self._claimer)
            self.fenced_jobs += self.in_flight.written(turn.changes, written.fenced)

    def next_wake_ms(self) -> int:
        """How long nothing needs doing, if nobody rings."""
        if self.in_flight.changes or self._is_hungry():
            return 0
        boot, now = self.tools.clock.boot_ms(), self.tools.clock.utc_ms()
        due = self.in_flight.next_due()
        moments = [at - boot for at in (self._renew_at, self._sweep_at, self.horizon.next_look())]
        moments += [] if due is None else [due - boot]
        moments += [self.horizon.wakes_at(now) - now]
        return max(0, min(moments))

    def is_quiet(self) -> bool:
        """Nothing of ours is in flight but parked runs, which are watched and do not hold the
        join."""
        return all(held.job.state == _PARKED for held in self.held.values())

    def is_at_rest(self, number: int) -> bool:
        """Nothing of one batch is in flight here but parked runs, and nothing could start."""
        if any(one.job.batch == number and one.job.state != _PARKED for one in self.held.values()):
            return False
        served = self.scope.served[number]
        return not (served.is_hungry and self._may_start(number, self.tools.clock.utc_ms()))

    def is_busy(self) -> bool:
        """Something is to be written, claimed or carried out before the next wait."""
        waiting = self.in_flight.changes or self.tools.dispatcher.outstanding()
        return bool(waiting or self._is_hungry())

    def notice(self, handle: str) -> None:
        """A local run rang: look at it now. Called from the loop's own thread."""
        self.in_flight.notice(handle)

    def look_soon(self) -> None:
        """Others are said to have written. Called from the loop's own thread."""
        self.horizon.hasten()

    def heed_wishes(self) -> None:
        """A wish that came too late for a run reaches its job in the queue."""
        for number in self.in_flight.heed(self.store.wishes(self.scope.numbers())):
            self.store.cancel_queued(number, self.tools.chance.nonce)

    def stop_all(self, why: str) -> None:
        """End every run of ours, and start nothing more."""
        self.in_flight.halt = why
        self.in_flight.rouse_all()

    def leave(self) -> None:
        """Let go: whoever comes next takes over at once. Calls that were not begun are not made."""
        self._belief.until = 0
        self.store.end_runner(self.name)

    def _look_around(self, now: int, boot: int) -> None:
        """What people and other runners did meanwhile, and what time has done."""
        self.horizon.rouse(now)
        for batch in self.horizon.newly_past_deadline(now):
            self.in_flight.rouse_all(batch)
        if not self.horizon.is_due(boot):
            return
        if self.horizon.look(boot) or boot >= self._sweep_at:
            self.heed_wishes()
            self._watch_others(boot)
        if self.halt is None and (self.scope.is_stopped or self.tools.is_stopped()):
            self.stop_all("cancel")

    def _watch_others(self, boot: int) -> None:
        """What another runner lets go of is taken over at once, what a dead one held when its lease
        is over, and not only when it is time to sweep anyway."""
        left = runners.others_left(self.store.session, self.name)
        if self._others - left.keys():
            self._sweep_at = min(self._sweep_at, boot)
        elif left:
            self._sweep_at = min(
                self._sweep_at, boot + max(0, min(left.values())) + _AFTER_LAPSE_MS
            )
        self._others = frozenset(left)

    def _to_write(self, now: int, boot: int) -> Turn:
        turn = Turn(changes=self._taken_changes())
        if boot >= self._renew_at or self.scope.numbers() != self._registered:
            self._registered = self.scope.numbers()
            turn.renews = (self.scope.shortest_lease_ms(), self._registered)
            turn.progressed = self.in_flight.taken_progress()
        if boot >= self._sweep_at:
            self._sweep_at = boot + self.scope.shortest_lease_ms() // _SWEEP_SHARE
            self.store.end_dead_runners(self.name, self.tools.is_dead_here)
            self._watch_others(boot)
            turn.adopts = [(one.opened, CLAIM_AT_ONCE) for one in self.scope.served.values()]
        self._ask_for_more(turn, now)
        return turn

    def _taken_changes(self) -> list[Change]:
        changes, self.in_flight.changes = list(self.in_flight.changes.values()), {}
        return changes

    def _ask_for_more(self, turn: Turn, now: int) -> None:
        """What this turn's changes make possible: dependents, and freed places."""
        finished = {change.job.batch for change in turn.changes if change.job.state in _TERMINAL}
        moved = {change.job.batch for change in turn.changes if change.deltas}
        for number, served in self.scope.served.items():
            if number in finished and served.has_dependents:
                turn.releases.append((number, served.templates))
            if number in finished or number in moved:
                served.is_hungry = True
            if served.is_hungry and self._may_start(number, now):
                turn.claims.append((self.scope.opened_today(number, now), self._room()))
                if self._own is not None:
                    return  # its room is one for all batches: the next one asks in the next turn

    def _room(self) -> int:
        """How many jobs more this runner would take."""
        if self._own is None:
            return CLAIM_AT_ONCE
        taken = sum(1 for held in self.held.values() if held.job.state in _TAKES_A_PLACE)
        return min(CLAIM_AT_ONCE, self._own - taken)

    def _may_start(self, number: int, now: int) -> bool:
        if not self._claims or self.is_leaving or self.halt or self._room() <= 0:
            return False
        return self.horizon.is_open(number, now)

    def _is_hungry(self) -> bool:
        now = self.tools.clock.utc_ms()
        served = self.scope.served.items()
        return any(one.is_hungry and self._may_start(number, now) for number, one in served)

    def _after(self, written: Written, turn: Turn, now: int, boot: int) -> None:
        """What the store says became of the turn."""
        if written.lost_lease:
            self._start_over()
            return
        if turn.renews:
            self._trust(boot, turn.renews[0])
        self.fenced_jobs += self.in_flight.written(turn.changes, written.fenced)
        self.in_flight.hold(written.adopted, now, boot)
        if len(written.adopted) >= CLAIM_AT_ONCE:
            self._sweep_at = boot
        self.in_flight.hold(written.claimed, now, boot)
        self.horizon.fed(turn.claims, written)

    def _start_over(self) -> None:
        """The lease was lost: nothing in memory is ours any more. Come back under a new name."""
        self._belief.until = 0
        self._begin_life()
        self.fenced_jobs += self.in_flight.drop_all()
        self.tools.dispatcher.drain()
        self._claimer.runner = f"r_{self.tools.chance.nonce()}"
        self.start()
        self._sweep_at = 0

    def _send_ready(self) -> None:
        """Acts leave only after what led to them is durable."""
        ready, self.in_flight.ready = self.in_flight.ready, []
        for held in ready:
            job = held.job
            earlier = self.horizon.earlier_for(held)
            call = self._actor.call(held, self.scope.place_of(job.batch), earlier)
            job.fresh = False
            self.tools.dispatcher.send((job.number, job.token), call, held.needs_no_thread())

    def _begin_life(self) -> None:
        self._belief = Belief(self.tools.clock)
        self._actor = Actor(
            self.tools, self._belief, Publisher(self.tools, self._belief.may_act, self.store)
        )

    def _trust(self, asked: int, lease_ms: int) -> None:
        self._belief.until = trusted_until(asked, lease_ms)
        self._renew_at = renew_at(asked, lease_ms)
