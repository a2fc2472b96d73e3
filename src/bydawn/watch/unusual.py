"""What was not as usual: tonight's jobs against their own earlier nights, with what changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bydawn.core.budgets import total_tokens
from bydawn.core.model import JobSpec
from bydawn.core.states import State
from bydawn.core.usual import LEAST_NIGHTS, Measure, Usual, is_unusual, nights_since, usual_of
from bydawn.core.values import value
from bydawn.store import nights as past_nights
from bydawn.store.nights import Night, Took
from bydawn.store.store import Batch, Store

NIGHTS = 30
# So many jobs of a night are compared: those that took most.
COMPARED = 500
_WELL = (State.SUCCEEDED.value,)
_ORDER = {Measure.TOKENS: 0, Measure.COST: 0, Measure.LENGTH: 1, Measure.RETRIES: 2}
# Told by name; of anything else only that it changed.
_NAMED = ("backend", "model")
_HASHED = ("prompt",)


@value
class Strange:
    """One measure of a job that is far from its usual one."""

    measure: Measure
    value: int
    usual: Usual

    @property
    def ratio(self) -> float:
        return self.value / self.usual.middle if self.usual.middle else float("inf")


@value
class Difference:
    """One thing that is not as it was: its name, and both sides where they can be told."""

    name: str
    before: str = ""
    after: str = ""


@value
class Finding:
    """One job that was unlike its usual self: in what, since when, and what changed then."""

    name: str
    strange: tuple[Strange, ...]
    since: str
    nights: int
    changes: tuple[Difference, ...]


@value
class Comparison:
    """All that was found, and how much there was to compare with."""

    findings: tuple[Finding, ...] = ()
    nights: int = 0
    compared: int = 0
    is_possible: bool = False


@dataclass(slots=True)
class _History:
    """The earlier nights of one job, newest first."""

    took: list[Took] = field(default_factory=list)

    def values(self, measure: Measure) -> list[int]:
        found = (value_of(measure, one) for one in self.took)
        return [value for value in found if value is not None]


def compare(store: Store, batch: Batch, earlier: Sequence[Night]) -> Comparison:
    """Tonight against the nights before it. ``earlier`` are those, newest first."""
    count = len(earlier)
    if not batch.edition or count < LEAST_NIGHTS:
        return Comparison(nights=count)
    tonight = past_nights.tonight(store.session, batch.number, COMPARED)
    histories = _histories(store, batch)
    editions = {night.number: night.edition for night in earlier}
    found = (_finding(store, batch, one, histories.get(one.name), editions) for one in tonight)
    ranked = sorted((one for one in found if one), key=_ranking(tonight))
    return Comparison(tuple(ranked), count, len(tonight), is_possible=True)


def value_of(measure: Measure, took: Took) -> int | None:
    """One measure of what a job took; None where nothing was measured."""
    if measure is Measure.TOKENS:
        return total_tokens(json.loads(took.usage)) if took.usage else None
    if measure is Measure.COST:
        return took.cost_micros
    if measure is Measure.RETRIES:
        return max(0, took.attempts - 1)
    if took.started_at is None or took.ended_at is None:
        return None
    return max(0, took.ended_at - took.started_at)


def _histories(store: Store, batch: Batch) -> dict[str, _History]:
    found: dict[str, _History] = {}
    asked = (batch.number, COMPARED, batch.plan, batch.opened_at, NIGHTS)
    for one in past_nights.past(store.session, *asked):
        found.setdefault(one.name, _History()).took.append(one)
    return found


def _finding(
    store: Store, batch: Batch, one: Took, history: _History | None, editions: Mapping[int, str]
) -> Finding | None:
    if history is None:
        return None
    strange = tuple(_strange(one, history))
    if not strange:
        return None
    first = strange[0]
    ago = nights_since(history.values(first.measure), first.usual)
    begun = history.took[ago - 1] if ago else one
    since = editions.get(begun.batch, batch.edition)
    calm = history.took[ago] if ago < len(history.took) else None
    changes = _changes(store, calm, begun) if calm else ()
    return Finding(one.name, strange, since, ago + 1, changes)


def _strange(one: Took, history: _History) -> Iterable[Strange]:
    """Every measure that is off; less than usual counts only for what ended well."""
    for measure in Measure:
        value = value_of(measure, one)
        usual = usual_of(measure, history.values(measure))
        if value is None or usual is None or not is_unusual(value, usual):
            continue
        if value > usual.middle or one.state in _WELL:
            yield Strange(measure, value, usual)


def _ranking(tonight: Sequence[Took]) -> Callable[[Finding], tuple[int, float, str]]:
    """First what weighs most on the night: by its share of all tokens, money or time."""
    totals = {one: sum(value_of(one, took) or 0 for took in tonight) or 1 for one in Measure}

    def rank(finding: Finding) -> tuple[int, float, str]:
        weights = (abs(o.value - o.usual.middle) / totals[o.measure] for o in finding.strange)
        return _ORDER[finding.strange[0].measure], -max(weights), finding.name

    return rank


def _changes(store: Store, before: Took, after: Took) -> tuple[Difference, ...]:
    found = list(differences(store.spec(before.spec), store.spec(after.spec)))
    if before.item != after.item:
        found.append(Difference("item"))
    if before.prices != after.prices and before.prices and after.prices:
        found.append(Difference("prices", before.prices, after.prices))
    was, now = store.batch(before.batch).fingerprint, store.batch(after.batch).fingerprint
    if was != now:
        found.append(Difference("plan", was[:8], now[:8]))
    return tuple(found)


def differences(before: JobSpec, after: JobSpec) -> Iterable[Difference]:
    """What a job is asked to do, and with what, where that is not as it was."""
    was, now = _asked(before), _asked(after)
    for name in _NAMED:
        if was.get(name) != now.get(name):
            yield Difference(name, str(was.get(name) or "none"), str(now.get(name) or "none"))
    for name in _HASHED:
        if was.get(name) != now.get(name):
            yield Difference(name, _digest(was.get(name)), _digest(now.get(name)))
    for name in sorted({*was, *now} - {*_NAMED, *_HASHED}):
        if was.get(name) != now.get(name):
            yield Difference(name)


def _asked(spec: JobSpec) -> dict[str, object]:
    """The payload and what surrounds it; a script says how a rehearsal ends, and asks nothing."""
    plain = {"backend": spec.backend, "retries": spec.retries, "check": spec.check,
             "limits": spec.limits, "sets": spec.sets, "pool": spec.pool}  # fmt: skip
    return {name: value for name, value in {**spec.payload, **plain}.items() if name != "script"}


def _digest(value: object) -> str:
    return hashlib.sha256(str(value).encode()).hexdigest()[:8] if value else "none"
