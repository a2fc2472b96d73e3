"""A report in the forms people and machines file it: text, Markdown, CSV, JUnit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from html import escape
from typing import Any

from bydawn.watch import wording
from bydawn.watch.amounts import count, day_and_time, dollars, length
from bydawn.watch.documents import Document
from bydawn.watch.report import Report, headline
from bydawn.watch.sanitise import inert

_COLUMNS = (
    "batch", "job", "job_id", "key", "state", "reason", "exit_code", "attempts", "backend",
    "started_at", "ended_at", "elapsed_s", "cost_usd", "input_tokens", "output_tokens",
    "error_class", "error_code", "error_message",
)  # fmt: skip
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@")


def text(report: Report, zone: tzinfo | None) -> list[str]:
    """The morning report: what needs a person, what is left, then the numbers."""
    lines = [headline(report), ""]
    if report.needs:
        lines.append("NEEDS YOU")
        for need in report.needs:
            lines += [f"  {need.name}   {need.word.lower()}: {need.why}", f"      {need.command}"]
    lines += [f"LEFT   {told}" for told in wording.waiting(report.waiting)]
    return [*lines, *(f"{name:<7}{told}" for name, told in facts(report, zone))]


def facts(report: Report, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    """The numbers of a report, each with its heading."""
    batch = report.batch
    yield "TIME", _time(report, zone)
    if report.money.usd_micros or batch.terms.bound.usd_micros is not None:
        yield "MONEY", _money(report)
    if report.tokens:
        yield "TOKENS", count(report.tokens)
    yield (
        "SAFETY",
        (
            f"{report.total} keys, {batch.refused} done before and not done again, "
            f"{batch.fenced} late writes refused, {report.repeats} repeated attempts"
        ),
    )
    if report.changed:
        yield (
            "CHANGED",
            (
                f"{report.changed} done before the plan changed; bydawn run {inert(batch.source)}"
                " --changed does them again"
            ),
        )


def _time(report: Report, zone: tzinfo | None) -> str:
    batch = report.batch
    told = f"opened {day_and_time(batch.opened_at, zone)}, "
    told += wording.times(report.wall_ms, report.serial_ms)
    if report.longest:
        told += f"; {report.longest.name} alone: {length(report.longest.elapsed_ms)}"
    return told


def _money(report: Report) -> str:
    money, bound = report.money, report.batch.terms.bound
    told = wording.money(money.usd_micros, report.unpriced, bound.usd_micros)
    if money.wasted_micros:
        told += f"; {dollars(money.wasted_micros)} on attempts that came to nothing"
    if money.reserved_micros:
        told += f"; {dollars(money.reserved_micros)} still reserved"
    return told


def markdown(report: Report, zone: tzinfo | None) -> list[str]:
    """The same for a page or an issue. Names are inert in Markdown too."""
    lines = [f"## {_escaped(headline(report))}", ""]
    if report.needs:
        lines += ["| | job | why | next |", "|---|---|---|---|"]
        for need in report.needs:
            cells = (need.word.lower(), _escaped(need.name), _escaped(need.why))
            lines.append(f"| {' | '.join(cells)} | {_code(need.command)} |")
        lines.append("")
    told = [("LEFT", line) for line in wording.waiting(report.waiting)]
    told += facts(report, zone)
    return [*lines, *(f"- **{name.capitalize()}**: {_escaped(said)}" for name, said in told)]


def _escaped(said: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#~" else c for c in said)


def _code(said: str) -> str:
    """A code span that neither a backtick nor a table's bar can leave."""
    return "`` " + said.replace("`", "'").replace("|", "\\|") + " ``"


def table_csv(document: Document) -> str:
    """One row per job of a batch document."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_row(job) for job in document["jobs"])
    return stream.getvalue()


def _row(job: Document) -> list[Any]:
    error = job["error"] or {}
    flat = {
        **job,
        **{name: job["usage"].get(name) for name in ("input_tokens", "output_tokens")},
        **{f"error_{name}": error.get(name) for name in ("class", "code", "message")},
    }
    return [_cell(flat.get(name)) for name in _COLUMNS]


def _cell(value: Any) -> Any:
    """Text a spreadsheet shows and never carries out."""
    if not isinstance(value, str):
        return value
    said = inert(value)
    return f"'{said}" if said.startswith(_FORMULA) else said


def junit(document: Document) -> str:
    """For continuous integration: failed jobs are failures, parked and unfinished ones errors."""
    jobs: list[Document] = document["jobs"]
    failed = sum(job["state"] == "failed" for job in jobs)
    passed = sum(job["state"] == "succeeded" for job in jobs)
    numbers = f'tests="{len(jobs)}" failures="{failed}" errors="{len(jobs) - failed - passed}"'
    took = f'time="{document["wall_s"]:.3f}"'
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites><testsuite name={_attribute(document['batch'])} {numbers} {took}>",
        *(_case(document["batch"], job) for job in jobs),
        "</testsuite></testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(batch: str, job: Document) -> str:
    head = f"<testcase classname={_attribute(batch)} name={_attribute(job['job'])} "
    head += f'time="{job["elapsed_s"] or 0:.3f}"'
    if job["state"] == "succeeded":
        return f"{head}/>"
    kind = "failure" if job["state"] == "failed" else "error"
    error = job["error"] or {}
    said = wording.fault(error.get("code"), error.get("message")) or wording.why(job["reason"])
    said = said or job["state"]
    return f"{head}><{kind} type={_attribute(job['state'])} message={_attribute(said)}/></testcase>"


def _attribute(said: str) -> str:
    return f'"{escape(inert(said))}"'


def lines_csv(documents: Iterable[Document], encode: Callable[[Any], str]) -> str:
    """Results as CSV; items and answers are JSON in their cells."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("job", "job_id", "state", "item", "result"))
    for one in documents:
        answers = (encode(one["item"]), encode(one["result"]))
        writer.writerow([*(_cell(one[name]) for name in ("job", "job_id", "state")), *answers])
    return stream.getvalue()
