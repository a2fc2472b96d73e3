"""The state of every plan's newest night as Prometheus reads it: plain text, no library.

Labels are plans and states and nothing that grows with the nights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from bydawn.core.join import fold
from bydawn.store import audit, notices
from bydawn.store.store import Batch
from bydawn.watch.documents import Reading, standing_of, total_usage
from bydawn.watch.report import Report, gather

_MILLION = 1_000_000
Measure = Callable[[Batch, Report], float | int | Decimal]
Sample = tuple[dict[str, str], float | int | Decimal]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(reading: Reading) -> str:
    """Everything, in one text."""
    batches = [(batch, gather(reading, batch)) for batch in newest(reading)]
    families = [*_families(reading, batches), *_store_families(reading)]
    return "".join(_family(*one) for one in families)


def newest(reading: Reading) -> list[Batch]:
    """The newest batch of each plan."""
    found: dict[str, Batch] = {}
    for batch in reading.store.batches():
        found.setdefault(batch.plan, batch)
    return [found[name] for name in sorted(found)]


Family = tuple[str, str, str, Iterable[Sample]]


def _families(reading: Reading, batches: list[tuple[Batch, Report]]) -> Iterator[Family]:
    yield ("bydawn_batch_info", "gauge", "The newest batch of each plan.",
           [({"plan": one.plan, "edition": one.edition}, 1) for one, _ in batches])  # fmt: skip
    yield ("bydawn_batch_jobs", "gauge", "Jobs of the newest batch, by state.",
           [({"plan": one.plan, "state": state}, count) for one, told in batches
            for state, count in told.counts.items()])  # fmt: skip
    yield ("bydawn_batch_needs_person", "gauge", "Jobs that failed or wait for a person.",
           _each(batches, lambda _, told: len(told.needs)))  # fmt: skip
    yield ("bydawn_batch_opened_timestamp_seconds", "gauge", "When it was opened.",
           _each(batches, lambda one, _: Decimal(one.opened_at) / 1000))  # fmt: skip
    yield ("bydawn_batch_closed_timestamp_seconds", "gauge", "When it was joined.",
           [({"plan": one.plan}, Decimal(one.closed_at) / 1000) for one, _ in batches
            if one.closed_at is not None])  # fmt: skip
    yield ("bydawn_batch_exit_code", "gauge", "What the exit code is, or would be now.",
           _each(batches, lambda one, _: _exit_code(reading, one)))  # fmt: skip
    yield ("bydawn_batch_wall_seconds", "gauge", "How long it has taken.",
           _each(batches, lambda _, told: Decimal(told.wall_ms) / 1000))  # fmt: skip
    yield ("bydawn_batch_serial_seconds", "gauge", "The lengths of its runs, one after another.",
           _each(batches, lambda _, told: Decimal(told.serial_ms) / 1000))  # fmt: skip
    yield from _money_families(reading, batches)


def _money_families(reading: Reading, batches: list[tuple[Batch, Report]]) -> Iterator[Family]:
    yield ("bydawn_batch_cost_usd", "gauge", "What it has cost.",
           _each(batches, lambda _, told: _usd(told.money.usd_micros)))  # fmt: skip
    yield ("bydawn_batch_wasted_usd", "gauge", "Of that, for attempts that were thrown away.",
           _each(batches, lambda _, told: _usd(told.money.wasted_micros)))  # fmt: skip
    yield ("bydawn_batch_reserved_usd", "gauge", "What is set aside for runs in flight.",
           _each(batches, lambda _, told: _usd(told.money.reserved_micros)))  # fmt: skip
    yield ("bydawn_batch_tokens", "gauge", "Tokens used, by kind.",
           [({"plan": one.plan, "kind": kind}, count) for one, _ in batches
            for kind, count in total_usage(reading, one).items()])  # fmt: skip
    yield ("bydawn_batch_repeated_attempts", "gauge", "Attempts after the first of a job.",
           _each(batches, lambda _, told: told.repeats))  # fmt: skip
    yield ("bydawn_batch_duplicates_refused", "gauge", "Jobs asked for again that had been done.",
           _each(batches, lambda one, _: one.refused))  # fmt: skip
    yield ("bydawn_batch_fenced_writes", "gauge", "Writes refused because a newer token holds.",
           _each(batches, lambda one, _: one.fenced))  # fmt: skip
    yield ("bydawn_batch_untold_notices", "gauge", "Messages that could not be sent.",
           _each(batches, lambda one, _: _untold(reading, one)))  # fmt: skip


def _store_families(reading: Reading) -> Iterator[Family]:
    session = reading.store.session
    head = audit.head(session)
    runners = reading.store.unlapsed_runners()
    yield "bydawn_runners", "gauge", "Runners whose lease is good.", [({}, len(runners))]
    yield (
        "bydawn_journal_events",
        "counter",
        "The number of the newest event.",
        [({}, head.seq if head else 0)],
    )


def _each(batches: list[tuple[Batch, Report]], value: Measure) -> list[Sample]:
    return [({"plan": one.plan}, value(one, told)) for one, told in batches]


def _usd(micros: int) -> Decimal:
    return Decimal(micros) / _MILLION


def _exit_code(reading: Reading, batch: Batch) -> int:
    return fold(standing_of(reading, batch), batch.terms.allow_failures).exit_code


def _untold(reading: Reading, batch: Batch) -> int:
    told = notices.told(reading.store.session, batch.number)
    return sum(1 for one in told if one.sent_at is None and one.error)


def _family(name: str, kind: str, says: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float | int | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
