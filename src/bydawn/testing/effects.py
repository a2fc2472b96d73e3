"""The invariants of what leaves a night: effects, checks before them, fences, canary, breaker."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bydawn.core.keys import effect_key
from bydawn.core.model import BatchTerms, Job, JobSpec
from bydawn.core.states import State
from bydawn.store.read import EventRow
from bydawn.testing.finishing import Finishing
from bydawn.testing.invariants import demand
from bydawn.testing.nights import SHARED
from bydawn.testing.remote import Remote
from bydawn.testing.targets import TABLE, kind_of
from bydawn.testing.witness import Effect


def check_effects(
    finishing: Finishing,
    jobs: Iterable[Job],
    specs: Mapping[str, JobSpec],
    events: Iterable[EventRow],
) -> None:
    """I3, I5 and the order check, approval, effect."""
    check_fences(finishing.effects)
    noted = sum(kind_of(effect.target) == TABLE for effect in finishing.effects)
    rows = finishing.rows()
    demand(rows == noted, "I3", f"the table has {rows} rows, and {noted} came through its gate")
    lost = finishing.origin.lost
    demand(not lost, "I3", f"a branch no longer contains {lost}")
    check_once(finishing, jobs, specs, _said_so(events, "resolved"))
    check_checked(finishing, specs)
    check_approved(finishing, specs, _said_so(events, "approved") | _said_so(events, "resolved"))


def _said_so(events: Iterable[EventRow], kind: str) -> set[str]:
    return {event.job for event in events if event.kind == kind and event.job}


def check_fences(effects: Iterable[Effect]) -> None:
    """I5: at a target, what was accepted never falls. One address is one job's."""
    last: dict[str, tuple[str, int]] = {}
    for effect in effects:
        number = (effect.claim.edition, effect.claim.token)
        before = last.get(effect.target, ("", 0))
        demand(number >= before, "I5", f"{effect.target}: {number} was accepted after {before}")
        last[effect.target] = number


def check_once(
    finishing: Finishing,
    jobs: Iterable[Job],
    specs: Mapping[str, JobSpec],
    resolved: set[str],
) -> None:
    """I3: each effect happens at most once, and exactly once where its job succeeded."""
    seen: Counter[tuple[str, str]] = Counter()
    for effect in finishing.effects:
        seen[effect.claim.effect_key, _short(effect.target)] += 1
    for (key, target), count in seen.items():
        demand(count == 1 or target == SHARED, "I3", f"{key} came to {target} {count} times")
    for job in jobs:
        if job.state != State.SUCCEEDED or job.name in resolved:
            continue
        key = effect_key(job.key, job.revision)
        for publication in specs[job.template].publish:
            there = seen[key, publication.branch or _short(publication.target)]
            demand(bool(there), "I3", f"{job.name} succeeded, nothing came to {publication.target}")


def check_checked(finishing: Finishing, specs: Mapping[str, JobSpec]) -> None:
    """Nothing leaves a draft that its check has not accepted."""
    for effect in finishing.effects:
        spec = specs[_job_of(effect)]
        good = not spec.check or effect.run in finishing.accepted
        demand(good, "checked", f"{effect.target} got what no check had accepted: {effect.run}")


def check_approved(finishing: Finishing, specs: Mapping[str, JobSpec], asked: set[str]) -> None:
    """What waits for a person's approval leaves after it, or not at all."""
    for effect in finishing.effects:
        job = _job_of(effect)
        good = not specs[job].approve or job in asked
        demand(good, "approved", f"{effect.target} got what nobody had approved, from {job}")


def check_canary(events: Iterable[EventRow], terms: BatchTerms) -> None:
    """No more jobs start before the canary has passed than it counts."""
    started: set[str] = set()
    succeeded = 0
    for event in events:
        if event.to_state == State.SUCCEEDED:
            succeeded += 1
        if event.kind == "intended" and event.job and succeeded < terms.canary:
            started.add(event.job)
            story = f"{sorted(started)} were started before {terms.canary} had succeeded"
            demand(len(started) <= terms.canary, "canary", story)


def check_breaker(events: Iterable[EventRow], threshold: int) -> None:
    """While a breaker is open, launches are probes, at least a minute apart."""
    is_open, last = False, None
    opened: Counter[str] = Counter()
    for event in events:
        if event.kind in ("breaker_opened", "breaker_closed"):
            opened[event.kind] += 1
            is_open, last = event.kind == "breaker_opened", None
        elif event.kind == "intended" and is_open:
            story = f"{event.job} was launched at an open breaker, no probe being due"
            demand(last is None or event.at - last >= _PROBE_MS, "breaker", story)
            last = event.at
    demand(threshold > 0 or not opened, "breaker", "one that is switched off opened")


_PROBE_MS = 60_000
_BEFORE_NAME = re.compile("[/#]")


def check_attempts(events: Iterable[EventRow], jobs: Iterable[Job]) -> None:
    """I9: every run is an attempt, and every attempt was intended first."""
    told: Counter[tuple[str, str]] = Counter((event.job or "", event.kind) for event in events)
    for job in jobs:
        runs = told[job.name, "launched"] + told[job.name, "found"]
        intended = told[job.name, "intended"]
        story = f"{job.name} counts {job.attempts} attempts, {intended} intended, {runs} launched"
        demand(runs <= job.attempts <= intended, "I9", story)


def check_retry_after(
    remote: Remote, events: Iterable[EventRow], jobs: Iterable[Job], touched: set[str]
) -> None:
    """I15: nothing is asked for again before the service said so, unless a person wants it. What
    nobody could write down, because its runner died over it, is known to nobody."""
    told = [(event.job, event.at) for event in events if event.kind == "refused"]
    names = {job.job_id: job.name for job in jobs if job.name not in touched}
    for refusal in remote.refusals:
        again = [one for one in remote.requests[refusal.number :] if one.job_id == refusal.job_id]
        asked_at, name = remote.requests[refusal.number - 1].at, names.get(refusal.job_id)
        if not again or not any(job == name and asked_at <= at < again[0].at for job, at in told):
            continue
        early = again[0].at < refusal.not_before
        demand(not early, "I15", f"{again[0].launch_key} came before Retry-After was over")


def _short(target: str) -> str:
    return _BEFORE_NAME.split(target)[-1]


def _job_of(effect: Effect) -> str:
    return effect.claim.subject.rpartition("/")[2]
