"""From a job as its service shows it to a sighting, as the table of a configured backend says."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bydawn.backends.paths import MISSING, at_path, text_at, whole_at
from bydawn.core.backoff import poll_delay_ms
from bydawn.core.believing import is_number, micros_of
from bydawn.core.lengths import parse_length
from bydawn.core.sightings import (
    Alive,
    Ended,
    Failure,
    FailureClass,
    Meter,
    Outcome,
    Sighting,
    Usage,
)
from bydawn.core.values import value
from bydawn.processes.outcomes import printable

if TYPE_CHECKING:
    from bydawn.backends.job_tables import PollEvery, StatePaths

COST = "cost_usd"
_ENDED = ("succeeded", "failed", "cancelled")
_GIVE_UP = 100


@value
class Reading:
    """Where things stand. ``states`` maps the service's words to ours; a word that is neither
    listed nor one of ours means that the job goes on. ``usage`` names counts by their path, of
    which ``cost_usd`` is money."""

    state: str
    states: Mapping[str, str] = field(default_factory=dict)
    exit_code: str | None = None
    result: str | None = None
    error: str | None = None
    progress: str | None = None
    usage: Mapping[str, str] = field(default_factory=dict)

    @property
    def meter(self) -> Meter:
        if COST in self.usage:
            return Meter.USD
        return Meter.TOKENS if self.usage else Meter.NONE

    def sighting(self, document: Any) -> Sighting | None:
        """What the document shows; None where it has no state at all."""
        raw = text_at(document, self.state)
        if not raw:
            return None
        state = self.states.get(raw, raw.lower())
        usage = self._usage(document)
        if state in _ENDED:
            return Ended(self._outcome(document, state, raw, usage))
        progress = self._progress(document)
        return Alive(
            witness=self._witness(document, raw, usage, progress),
            usage=usage,
            progress=progress,
            raw=raw[:100],
        )

    def _witness(self, document: Any, raw: str, usage: Usage, progress: Any) -> str:
        """What changes with progress: what the table names, else anything in it at all."""
        if self.usage or self.progress:
            return f"{raw}/{sorted(usage.tokens.items())}/{usage.cost_micros}/{progress}"
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

    def _usage(self, document: Any) -> Usage:
        tokens = {
            name: count
            for name, path in self.usage.items()
            if name != COST and (count := whole_at(document, path)) is not None and count >= 0
        }
        return Usage(tokens, self._cost(document))

    def _progress(self, document: Any) -> float | None:
        found: Any = at_path(document, self.progress) if self.progress else None
        return float(found) if is_number(found) else None

    def _cost(self, document: Any) -> int | None:
        return micros_of(text_at(document, self.usage[COST])) if COST in self.usage else None

    def _outcome(self, document: Any, state: str, raw: str, usage: Usage) -> Outcome:
        code = whole_at(document, self.exit_code) if self.exit_code else None
        failure = self._failure(document, state, raw, code)
        return Outcome(failure, code, self._result(document), usage)

    def _result(self, document: Any) -> str | None:
        found = at_path(document, self.result) if self.result else MISSING
        return None if found is MISSING or found in (None, "") else json.dumps(found)

    def _failure(self, document: Any, state: str, raw: str, code: int | None) -> Failure | None:
        words = printable(text_at(document, self.error)) if self.error else ""
        if code:
            kind = FailureClass.PERMANENT if code == _GIVE_UP else FailureClass.TRANSIENT
            return Failure(kind, f"exit_{code}", words)
        if state == "succeeded":
            return None
        return Failure(FailureClass.TRANSIENT, state, words or f'the service says "{raw[:100]}"')


def reading_of(table: StatePaths) -> Reading:
    return Reading(
        table.state_path,
        table.states,
        table.exit_code_path,
        table.result_path,
        table.error_path,
        table.progress_path,
        table.usage_paths,
    )


@dataclass(slots=True)
class Pace:
    """When to look again: later and later, each run at moments of its own."""

    initial_ms: int
    most_ms: int
    _looks: dict[str, int] = field(default_factory=dict)

    def paced(self, handle: str, sighting: Sighting) -> Sighting:
        if not isinstance(sighting, Alive):
            self._looks.pop(handle, None)
            return sighting
        looks = self._looks[handle] = self._looks.get(handle, -1) + 1
        chance = zlib.crc32(f"{handle}/{looks}".encode()) / 2**32
        pause = poll_delay_ms(self.initial_ms, self.most_ms, looks, chance)
        return replace(sighting, look_again_ms=pause)


def pace_of(every: PollEvery) -> Pace:
    return Pace(parse_length(every.initial), parse_length(every.max))
