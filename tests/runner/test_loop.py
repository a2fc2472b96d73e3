"""The real loop under virtual time: states, retries, limits, dependencies, joins."""

from __future__ import annotations

import dataclasses

import pytest
from world import World, jobs_of, planned, spec

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.model import Backoff, Effects, Limits, OnDoubt, When
from bydawn.core.sightings import Absent, Sighting
from bydawn.runner.awaited import Ticket
from bydawn.runner.dispatch import Call
from bydawn.runner.stopping import Stop
from bydawn.store import read
from bydawn.testing.virtual import HandWoundClock, InlineDispatcher


class Watched(ScriptedBackend):
    """Its looks need a thread, and come when the runner likes; ``looks`` are their moments."""

    capabilities = dataclasses.replace(ScriptedBackend.capabilities, prompt=False)

    def __init__(self, clock: HandWoundClock) -> None:
        super().__init__(clock)
        self.looks: list[int] = []

    def poll(self, handle: str) -> Sighting:
        self.looks.append(self._clock.utc_ms())
        return dataclasses.replace(super().poll(handle), look_again_ms=None)


class HeldBack(InlineDispatcher):
    """Carries nothing out by itself, as a pool whose threads are all taken."""

    def __init__(self) -> None:
        super().__init__(HandWoundClock())
        self.calls: list[Call] = []

    def send(self, ticket: Ticket, call: Call, prompt: bool) -> None:
        del ticket, prompt
        self.calls.append(call)


def test_a_job_goes_from_queued_to_succeeded(world: World) -> None:
    batch = world.submit(spec())
    assert world.drive(batch) is Stop.JOINED
    assert world.states(batch) == {"succeeded": 1}
    assert world.events() == ["opened", "intended", "launched", "ended", "succeeded"]


def test_a_thousand_jobs_overlap(world: World) -> None:
    batch = world.submit(spec(script=[{"takes_ms": 60_000}]), count=1000, parallel=1000)
    began = world.clock.utc_ms()
    world.drive(batch)
    assert world.states(batch) == {"succeeded": 1000}
    assert 60_000 <= world.clock.utc_ms() - began < 61_000


def test_runs_looked_at_at_nearly_the_same_time_are_looked_at_in_one_turn(world: World) -> None:
    """Each turn costs something; a thousand runs that are watched must not mean as many turns."""
    batch = world.submit(spec(script=[{"takes_ms": 10**9}]), count=100, parallel=100)
    watched = Watched(world.clock)
    runner = world.runner(batch, backend=watched)
    world.drive_on(runner, hours=0.05)
    last_round = [at for at in watched.looks if at > max(watched.looks) - 8_000]
    assert len(last_round) >= 80
    assert len(last_round) > 3 * len(set(last_round))
    per_run = len(watched.looks) / 100
    assert 0.05 * 3_600 / 10 <= per_run <= 0.05 * 3_600 / 8 + 8, "none is looked at less often"


def test_a_call_meant_under_a_lost_lease_is_not_made_under_the_next(world: World) -> None:
    """Under the next lease the job may be somebody else's; a launch without a key would be a second
    one."""
    batch = world.submit(spec())
    runner = world.runner(batch)
    held_back = HeldBack()
    runner.tools.dispatcher = held_back
    runner.turn()
    world.clock.wind(120_000)
    world.store.end_dead_runners("r_other", lambda _: True)
    runner.turn()
    assert runner.may_act(), "it came back under a new name"
    assert [call() for call in held_back.calls] == [Absent()]
    assert world.ledger == []


def test_a_call_that_was_not_begun_when_its_runner_let_go_is_not_made(world: World) -> None:
    """Its store was not to be had, so it ended; a thread of its pool that had waited for its turn
    then started a run whose job somebody else had found unlaunched."""
    batch = world.submit(spec())
    runner = world.runner(batch)
    held_back = HeldBack()
    runner.tools.dispatcher = held_back
    runner.turn()
    runner.leave()
    assert [call() for call in held_back.calls] == [Absent()]
    assert world.ledger == []


def test_parallel_holds(world: World) -> None:
    batch = world.submit(spec(script=[{"takes_ms": 1000}]), count=10, parallel=2)
    began = world.clock.utc_ms()
    world.drive(batch)
    assert 5000 <= world.clock.utc_ms() - began < 6000


def test_parallel_holds_while_others_still_run(world: World) -> None:
    """One place comes free beside one that is taken, again and again."""
    lengths = {"short": 1_000, "long": 2_700}
    specs = [spec(name, script=[{"takes_ms": length}]) for name, length in lengths.items()]
    batch = world.submit(*specs, count=5, parallel=2)
    began = world.clock.utc_ms()
    world.drive(batch)
    assert world.clock.utc_ms() - began >= 5 * sum(lengths.values()) / 2


def test_transient_failures_are_retried_then_exhausted(world: World) -> None:
    script = [{"ends": "exit 1"}]
    batch = world.submit(spec(script=script, retries=2, backoff=Backoff(1000, 5000)))
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, job.attempts) == ("failed", "exhausted", 3)
    assert len(world.ledger) == len(set(world.ledger)) == 3


def test_75_twice_then_0_succeeds(world: World) -> None:
    script = [{"ends": "exit 75"}, {"ends": "exit 75"}, {"ends": "ok"}]
    batch = world.submit(spec(script=script))
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.attempts, job.error_code) == ("succeeded", 3, None)


def test_100_gives_up_at_once(world: World) -> None:
    batch = world.submit(spec(script=[{"ends": "exit 100"}]))
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, job.attempts, job.exit_code) == ("failed", "permanent", 1, 100)


def test_a_hanging_run_is_ended_by_its_limit_and_outside_effects_are_not_repeated(
    world: World,
) -> None:
    limits = Limits(timeout_ms=60_000, grace_ms=1000)
    batch = world.submit(spec(script=[{"ends": "hang"}], limits=limits))
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, job.attempts) == ("failed", "timeout", 1)


def test_a_hanging_run_without_effects_is_tried_again(world: World) -> None:
    limits = Limits(timeout_ms=60_000, grace_ms=1000)
    script = [{"ends": "hang"}, {"ends": "ok"}]
    batch = world.submit(spec(script=script, limits=limits, effects=Effects.NONE))
    world.drive(batch)
    assert [job.state for job in world.jobs(batch)] == ["succeeded"]


def test_a_run_that_ignores_its_cancel_is_parked_and_still_watched(world: World) -> None:
    limits = Limits(timeout_ms=60_000, grace_ms=1000)
    batch = world.submit(spec(script=[{"ends": "stubborn"}], limits=limits))
    world.drive(batch, hours=1)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason) == ("parked", "cancel_unconfirmed")
    assert job.handle


def test_a_stall_is_ended(world: World) -> None:
    limits = Limits(timeout_ms=3_600_000, stall_ms=60_000)
    batch = world.submit(spec(script=[{"ends": "hang"}], limits=limits))
    began = world.clock.utc_ms()
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason) == ("failed", "stalled")
    assert world.clock.utc_ms() - began < 3_600_000


@pytest.mark.parametrize(
    ("on_doubt", "state", "reason"),
    [(OnDoubt.PARK, "parked", "lost"), (OnDoubt.FAIL, "failed", "lost")],
)
def test_a_vanished_run_is_never_guessed(
    world: World, on_doubt: OnDoubt, state: str, reason: str
) -> None:
    batch = world.submit(spec(script=[{"ends": "vanish"}], on_doubt=on_doubt))
    world.drive(batch)
    (job,) = world.jobs(batch)
    assert (job.state, job.reason, len(world.ledger)) == (state, reason, 1)


def test_held_costs_no_retry_and_lifts_itself(world: World) -> None:
    script = [{"ends": "held 3600000"}] * 5 + [{"ends": "ok"}]
    batch = world.submit(spec(script=script, retries=0), lease_ms=3_600_000)
    began = world.clock.utc_ms()
    world.drive(batch, hours=24)
    (job,) = world.jobs(batch)
    assert (job.state, job.faults) == ("succeeded", 0)
    assert world.clock.utc_ms() - began >= 5 * 3_600_000


def test_dependents_wait_and_are_released(world: World) -> None:
    first = spec("first", script=[{"takes_ms": 5000}])
    second = spec("second", after=("first",))
    batch = world.submit(first, second)
    world.drive(batch)
    assert world.states(batch) == {"succeeded": 2}
    assert world.events().index("released") > world.events().index("succeeded")


def test_dependents_of_a_failure_stay_queued_and_do_not_hold_the_join(world: World) -> None:
    first = spec("first", script=[{"ends": "exit 100"}])
    batch = world.submit(first, spec("second", after=("first",)))
    assert world.drive(batch, hours=1) is Stop.JOINED
    assert [(job.state, job.reason) for job in world.jobs(batch)] == [
        ("failed", "permanent"),
        ("queued", "dependency"),
    ]


def test_all_done_runs_after_a_failure(world: World) -> None:
    first = spec("first", script=[{"ends": "exit 100"}])
    batch = world.submit(first, spec("last", after=("first",), when=When.ALL_DONE))
    world.drive(batch)
    assert world.states(batch) == {"failed": 1, "succeeded": 1}


def test_a_second_drive_over_a_finished_batch_starts_nothing(world: World) -> None:
    batch = world.submit(spec(), count=50)
    world.drive(batch)
    launched = list(world.ledger)
    assert world.drive(batch) is Stop.JOINED
    assert world.ledger == launched


def test_setting_the_wall_clock_forward_ends_no_run(world: World) -> None:
    limits = Limits(timeout_ms=3_600_000, stall_ms=1_800_000)
    batch = world.submit(spec(script=[{"takes_ms": 600_000}], limits=limits))
    runner = world.runner(batch)
    for _ in range(5):
        runner.turn()
    world.clock.jump(86_400_000)
    assert world.drive_on(runner) is Stop.JOINED
    assert [job.state for job in world.jobs(batch)] == ["succeeded"]


def test_setting_the_wall_clock_back_does_not_stretch_a_limit(world: World) -> None:
    limits = Limits(timeout_ms=60_000, grace_ms=1000)
    batch = world.submit(spec(script=[{"ends": "hang"}], limits=limits))
    runner = world.runner(batch)
    for _ in range(5):
        runner.turn()
    world.clock.jump(-86_400_000)
    began = world.clock.boot_ms()
    world.drive_on(runner)
    assert [job.reason for job in world.jobs(batch)] == ["timeout"]
    assert world.clock.boot_ms() - began < 120_000


def test_a_cancel_that_comes_while_a_failure_is_judged_still_cancels(world: World) -> None:
    batch = world.submit(spec(script=[{"takes_ms": 10_000, "ends": "exit 1"}]))
    runner = world.runner(batch)
    for _ in range(4):
        runner.turn()
    (job,) = world.jobs(batch)
    assert job.state == "running"
    runner.horizon.look(world.clock.boot_ms() + 1_000_000)
    world.store.cancel(job.number, world.chance.nonce)
    world.clock.wind(10_000)
    world.drive_on(runner)
    assert world.states(batch) == {"cancelled": 1}


def test_a_late_fact_of_an_older_claim_is_not_believed(world: World) -> None:
    batch = world.submit(spec(script=[{"takes_ms": 60_000}]))
    first = world.runner(batch)
    for _ in range(3):
        first.turn()
    world.clock.wind(40_000)
    second = world.runner(batch)
    second.turn()
    world.clock.wind(1_000)
    first.turn()
    assert first.fenced_jobs == 1
    assert first.name != "r_1"
    world.drive_on(second)
    assert world.states(batch) == {"succeeded": 1}
    assert len(world.ledger) == 1


def test_a_deadline_is_noticed_at_once_not_waited_for_in_circles(world: World) -> None:
    """Until the next look around, the runner took the deadline for something still to wake up
    for."""
    one = spec(script=[{"ends": "hang"}])
    due = dataclasses.replace(planned([one]), deadline_at=world.clock.utc_ms() + 60_700)
    batch = world.store.open_batch(due, jobs_of(one)).number
    runner = world.runner(batch)
    for _ in range(5):
        runner.turn()
    world.clock.wind(60_700)
    runner.turn()
    assert runner.next_wake_ms() > 0 or runner.is_busy()
    world.drive_on(runner)
    assert [job.reason for job in world.jobs(batch)] == ["deadline"]


def test_a_good_attempt_carries_no_failure_of_an_earlier_one(world: World) -> None:
    batch = world.submit(spec(script=[{"ends": "exit 75"}, {"ends": "ok"}]))
    world.drive(batch)
    (job,) = world.jobs(batch)
    codes = [attempt.error_code for attempt in read.attempts(world.store.session, job.number)]
    assert codes == ["exit_75", None]
