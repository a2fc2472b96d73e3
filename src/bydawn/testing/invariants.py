"""The invariants of a batch, checked from outside: rows, counters, journal, the service's truth.

``check_history`` holds over a whole night, ``check_ended`` where it came to its end.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from bydawn.core.audit import Flaw
from bydawn.core.join import fold
from bydawn.core.model import Effects, Job, JobSpec, OnDoubt
from bydawn.core.sightings import Guarantee
from bydawn.core.states import HELD, TERMINAL, Event, Reason, State, legal
from bydawn.store import audit, read
from bydawn.store.read import EventRow
from bydawn.store.store import Store
from bydawn.testing.remote import Remote, Run
from bydawn.watch.audit import fault_line, verify

_ISSUES_TOKEN = frozenset({"intended", "claimed"})
_PERSON = "person"
_BY_PEOPLE = frozenset({"cancelled", "retried", "resolved", "approved", "put_back"})
_MOVES = frozenset(event.value for event in Event)


class Violation(AssertionError):
    """An invariant broke: which one, and how."""

    def __init__(self, invariant: str, story: str) -> None:
        super().__init__(f"{invariant}: {story}")
        self.invariant = invariant


def demand(holds: bool, invariant: str, story: str) -> None:
    if not holds:
        raise Violation(invariant, story)


def all_jobs(store: Store, batch: int, keys: Mapping[str, str]) -> list[Job]:
    """Every job there ever was, listed or not, each once and under its key (I1)."""
    found = read.ever(store.session, batch)
    known = sorted(keys.items())
    there = [(job.name, job.key) for job in found]
    demand(there == known, "I1", f"there are {there}, and there were {known}")
    return found


def check_joined(jobs: Iterable[Job]) -> None:
    """Nobody takes a batch for joined over what is in flight, be it somebody else's."""
    flying = [job.name for job in jobs if State(job.state) in HELD - {State.PARKED}]
    demand(not flying, "join", f"it was taken for joined over {flying}")


def journal(store: Store, batch: int) -> list[EventRow]:
    return read.events(store.session, 0, batch, 1_000_000)


def check_history(
    store: Store,
    batch: int,
    jobs: list[Job],
    specs: Mapping[str, JobSpec],
    remote: Remote,
    touched: Iterable[str],
    lost: Iterable[EventRow] = (),
) -> None:
    """What must be true of a whole night, from the journal and the service's own ledger. ``lost``
    was told before the store went back."""
    events = journal(store, batch)
    check_journal(events, jobs)
    check_tokens(events)
    check_retries(events, specs)
    check_doubts(events, specs, set(touched))
    again = may_go_again(jobs, specs, set(touched), remote.guarantee)
    check_launches(remote, (*events, *lost), again)
    check_eras(remote, again)
    check_overlaps(remote, specs, {job.name: job for job in jobs}, set(touched))
    check_chain(store)


def check_ended(store: Store, batch: int, jobs: list[Job], now: int) -> None:
    """What must be true once the troubles are over and everything is joined, by the latest of all
    clocks: with clocks that differ it may be over for some only."""
    check_outcome(store, batch, jobs, now)
    check_nothing_forgotten(store, batch, jobs, now)


def check_acknowledged(store: Store, heads: Mapping[int, str]) -> None:
    """I7: whatever somebody was told is kept is there, with all that stood before it."""
    there = audit.hashes(store.session)
    for seq, known in heads.items():
        is_kept = there.get(seq) == known
        demand(is_kept, "I7", f"event {seq} was told to be kept, and is gone or another")


def check_chain(store: Store) -> None:
    """I11: the journal is whole, and every row is what its events tell."""
    for fault in verify(store, ()).faults:
        demand(fault.flaw is Flaw.UNSEALED, "I11", fault_line(fault))


def check_journal(events: Iterable[EventRow], jobs: Iterable[Job]) -> None:
    """I6, I11: one event per transition, each legal, without a gap, up to the row as it is."""
    at: dict[str, str] = {}
    for event in events:
        if event.job is None or event.from_state is None or event.kind not in _MOVES:
            continue
        before = at.get(event.job, State.QUEUED.value)
        step = f"{event.job}: {event.from_state} --{event.kind}--> {event.to_state}"
        demand(event.from_state == before, "I11", f"{step}, but it was {before}")
        is_legal = legal(event.from_state, event.kind, event.to_state or "")
        demand(is_legal, "I6", f"{step} is not in the table")
        at[event.job] = event.to_state or ""
    for job in jobs:
        told = at.get(job.name, State.QUEUED.value)
        demand(told == job.state, "I11", f"{job.name} is {job.state}, its last event says {told}")


def check_tokens(events: Iterable[EventRow]) -> None:
    """I4: every new claim and every decision has a token above all before it, and only the holder
    of a job's newest token writes to it."""
    last = 0
    holding: dict[str, int] = {}
    for event in events:
        if event.job is not None and event.token is not None and event.kind in _MOVES:
            is_new = event.kind in _ISSUES_TOKEN or event.runner == _PERSON
            held = event.token if is_new else holding.get(event.job, event.token)
            story = f"{event.job}: {event.kind} was written under {event.token}, {held} held it"
            demand(event.token == held, "I4", story)
            holding[event.job] = max(event.token, holding.get(event.job, 0))
        if event.token is None or not issues_token(event):
            continue
        demand(event.token > last, "I4", f"{event.job} got token {event.token} after {last}")
        last = event.token


def issues_token(event: EventRow) -> bool:
    """Whether it was told under a token that nobody had before."""
    by_person = event.runner == _PERSON and event.kind in _BY_PEOPLE
    return event.kind in _ISSUES_TOKEN or by_person


def check_retries(events: Iterable[EventRow], specs: Mapping[str, JobSpec]) -> None:
    """I9: counted retries stay within what the job allows, people's fresh starts apart."""
    used: Counter[str] = Counter()
    for event in events:
        if event.job is None:
            continue
        if event.runner == _PERSON and event.kind in ("retried", "resolved"):
            used[event.job] = 0
        elif event.to_state == State.QUEUED and event.reason == "backoff":
            used[event.job] += 1
            most = specs[event.job].retries
            demand(
                used[event.job] <= most, "I9", f"{event.job} was retried {used[event.job]} times"
            )


def check_doubts(
    events: Iterable[EventRow], specs: Mapping[str, JobSpec], touched: set[str]
) -> None:
    """I2: what may have happened outside is never repeated by ourselves."""
    for event in events:
        if event.job is None or event.job in touched or event.to_state != State.QUEUED:
            continue
        spec = specs[event.job]
        is_safe = spec.effects is not Effects.OUTSIDE or spec.on_doubt is OnDoubt.RELAUNCH
        is_doubt = event.kind in ("vanished", "unknowable", "stopped")
        demand(is_safe or not is_doubt, "I2", f"{event.job} was repeated after {event.kind}")


def may_go_again(
    jobs: Iterable[Job], specs: Mapping[str, JobSpec], touched: set[str], guarantee: Guarantee
) -> set[str]:
    """Jobs that may be launched beside what a store that went back no longer knows: their plan
    says so, or a person did."""
    is_local = guarantee is Guarantee.LOCAL_CLAIM

    def is_free(spec: JobSpec) -> bool:
        is_harmless = is_local and spec.effects is not Effects.OUTSIDE
        return spec.on_doubt is OnDoubt.RELAUNCH or is_harmless

    return {job.job_id for job in jobs if job.name in touched or is_free(specs[job.template])}


def check_launches(remote: Remote, events: Iterable[EventRow], again: Collection[str]) -> None:
    """I2: one run per launch key, never asked for twice where nobody can tell; payloads frozen."""
    runs = Counter(
        (run.launch_key, run.era if run.job_id in again else 0) for run in remote.runs.values()
    )
    for (key, _), count in runs.items():
        demand(count == 1, "I2", f"{key} was started {count} times ({remote.guarantee})")
    asked: dict[tuple[str, int], set[str]] = defaultdict(set)
    requests: Counter[tuple[str, int]] = Counter()
    for request in remote.requests:
        asked[request.launch_key, request.era].add(request.payload)
        requests[request.launch_key, request.era if request.job_id in again else 0] += 1
    for (key, _), payloads in asked.items():
        demand(len(payloads) == 1, "frozen", f"{key} was asked for with {sorted(payloads)}")
    for (key, _), count in requests.items():
        is_once = count == 1 or remote.guarantee is not Guarantee.BLIND
        demand(is_once, "I2", f"{key} was sent {count} times, blindly")
    intended = sum(1 for event in events if event.kind == "intended")
    demand(len(remote.runs) <= intended, "I2", "there are more runs than intentions")


def check_eras(remote: Remote, again: Collection[str]) -> None:
    """I2: nothing is started beside a run that was started before the store went back."""
    for run in remote.runs.values():
        for other in remote.runs.values():
            is_earlier = other.job_id == run.job_id and other.era < run.era
            if is_earlier and run.job_id not in again:
                story = f"{run.handle} was started beside {other.handle}, in a store put back"
                demand(other.over_at <= run.started_at, "I2", story)


def check_overlaps(
    remote: Remote, specs: Mapping[str, JobSpec], jobs: Mapping[str, Job], touched: set[str]
) -> None:
    """I2: no second run while one may live, unless it was declared safe or a person said so."""
    by_job: dict[str, list[Run]] = defaultdict(list)
    for run in remote.runs.values():
        by_job[run.job_id].append(run)
    for name, spec in specs.items():
        is_safe = spec.effects is not Effects.OUTSIDE or spec.on_doubt is OnDoubt.RELAUNCH
        if is_safe or name in touched:
            continue
        runs = sorted(by_job[jobs[name].job_id], key=lambda run: run.started_at)
        for first, second in itertools.pairwise(runs):
            apart = first.over_at <= second.started_at
            demand(apart, "I2", f"{name} had {first.handle} and {second.handle} alive at once")


def check_nothing_lives(
    remote: Remote, jobs: Iterable[Job], now: int, excused: Collection[str | None]
) -> None:
    """I10: nothing runs on that nobody watches, but where nobody can tell."""
    watched = {job.job_id for job in jobs if State(job.state) in HELD}
    for run in remote.runs.values():
        is_free = run.job_id in watched or run.handle in excused
        lives = run.started_at <= now < run.over_at
        is_blind = remote.guarantee is Guarantee.BLIND
        story = f"{run.handle} of {run.launch_key} lives unwatched"
        demand(is_free or is_blind or not lives, "I10", story)


def given_up(remote: Remote, events: Iterable[EventRow], jobs: Iterable[Job]) -> set[str]:
    """Runs whose job's plan says to go on where nobody knows of them (on_doubt relaunch or fail),
    or of whose job a person decided while it was in doubt."""
    ids = {job.name: job.job_id for job in jobs}
    doubted: set[str] = set()
    asked: set[str] = set()
    for event in events:
        if event.job is None:
            continue
        goes_on = event.kind == "unknowable" and event.to_state != State.PARKED
        is_decided = event.kind in ("resolved", "cancelled") and event.runner == _PERSON
        if goes_on or (is_decided and event.job in asked):
            doubted.add(ids[event.job])
        if event.to_state == State.PARKED and event.reason == Reason.IN_DOUBT:
            asked.add(event.job)
    return {run.handle for run in remote.runs.values() if run.job_id in doubted}


def check_outcome(store: Store, batch: int, jobs: Iterable[Job], now: int) -> None:
    """I14: the exit code is what a plain count of the rows says; nothing unknown is success."""
    known = store.batch(batch)
    standing = read.standing(store.session, batch, now, known.deadline_at)
    joined = fold(standing, known.terms.allow_failures)
    listed = list(read.jobs(store.session, batch))
    states = Counter(job.state for job in listed)
    if joined.exit_code == 0:
        unfinished = {state: count for state, count in states.items() if state != "succeeded"}
        demand(not unfinished, "I14", f"exit 0, yet {unfinished}")
    demand((joined.exit_code == 8) == bool(states["parked"]), "I14", "parked and its code")
    demand(standing.succeeded == states["succeeded"], "I14", "the count of successes")
    over = {job.name for job in jobs if State(job.state) not in TERMINAL}
    waiting = {job.name for job in jobs if job.state in ("parked", "queued")}
    demand(over <= waiting, "I1", f"{sorted(over - waiting)} are neither over nor parked")


def check_nothing_forgotten(store: Store, batch: int, jobs: Iterable[Job], now: int) -> None:
    """I19: whoever waits, waits for something; a joined batch leaves nothing startable behind."""
    found = store.templates(batch)
    ready = {one.name for one in found if one.after and store.is_met(batch, one, found)}
    known = store.batch(batch)
    is_over = known.deadline_at is not None and now >= known.deadline_at
    for job in jobs:
        if job.state != State.QUEUED or is_over:
            continue
        is_stuck = job.reason == "dependency" and job.template in ready
        demand(not is_stuck, "I19", f"{job.name} waits for what is there")
        can_wait = job.reason in ("dependency", "withdrawn", "budget", "canary")
        demand(can_wait, "I19", f"{job.name} is queued ({job.reason}) and nobody starts it")
        demand(job.wish is None, "I19", f"{job.name} is queued with a wish nobody heeds")
