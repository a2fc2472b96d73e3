"""A report in the forms people and machines file it: text, Markdown, CSV, JUnit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from html import escape
from typing import Any

from bydawn.watch import wording
from bydawn.watch.documents import Document
from bydawn.watch.morning import Morning
from bydawn.watch.report import headline
from bydawn.watch.sanitise import inert, shortened, width
from bydawn.watch.sections import NEEDS, UNUSUAL, Item, Section, sections

_COLUMNS = (
    "batch", "job", "job_id", "key", "state", "reason", "exit_code", "attempts", "backend",
    "started_at", "ended_at", "elapsed_s", "cost_usd", "input_tokens", "output_tokens",
    "error_class", "error_code", "error_message", "audit_head",
)  # fmt: skip
# What a spreadsheet would take for a formula; some do in their wide forms too.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SCREEN, _NAME = 80, 24


def text(morning: Morning, zone: tzinfo | None) -> list[str]:
    """The morning report on one screen, 80 columns wide; a command is never broken."""
    told = sections(morning, zone)
    lines = [headline(morning.report), ""]
    names = [width(shortened(item.name, _NAME)) for section in told for item in section.items]
    for section in told:
        lines += _about_jobs(section, max(names)) if _is_list(section) else _facts(section)
    return lines


def _is_list(section: Section) -> bool:
    return section.name in (NEEDS, UNUSUAL)


def _about_jobs(section: Section, columns: int) -> Iterator[str]:
    """A heading, then one job after another beside what is said of it."""
    yield section.name
    for item in section.items:
        name = shortened(item.name, _NAME)
        margin = f"  {name}{' ' * (columns - width(name))}   "
        yield from wrapped(margin if item.name else "  ", item.said)
        if item.command:
            yield f"{' ' * (width(margin) if item.name else 2)}{item.command}"


def _facts(section: Section) -> Iterator[str]:
    margin = f"{section.name:<8}"
    for item in section.items:
        said = f"{item.command}   {item.said}" if item.command else item.said
        if item.command and width(said) > _SCREEN - len(margin):
            yield f"{margin}{item.command}"
            margin, said = " " * len(margin), f"  {item.said}"
        yield from wrapped(margin, said)
        margin = " " * len(margin)


def wrapped(margin: str, said: str) -> Iterator[str]:
    """A sentence beside its margin, broken between words where a screen ends."""
    line, room = margin, _SCREEN
    for word in said.split(" "):
        if line.strip() and line != margin and width(line) + width(word) > room:
            yield line.rstrip()
            line = margin = " " * width(margin)
        line += f"{word} "
    yield line.rstrip()


def markdown(morning: Morning, zone: tzinfo | None) -> list[str]:
    """The same for a page or an issue. Names are inert in Markdown too."""
    lines = [f"## {_escaped(headline(morning.report))}", ""]
    for section in sections(morning, zone):
        lines += [f"### {section.name.capitalize()}", "", *map(_bullet, section.items), ""]
    return lines[:-1]


def _bullet(item: Item) -> str:
    name = f"**{_escaped(item.name)}**: " if item.name else ""
    command = f" {_code(item.command)}" if item.command else ""
    return f"- {name}{_escaped(item.said)}{command}"


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
    writer.writerows(
        _row({**job, "audit_head": document["audit_head"]}) for job in document["jobs"]
    )
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
        *_properties(document["audit_head"]),
        *(_case(document["batch"], job) for job in jobs),
        "</testsuite></testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _properties(head: str | None) -> Iterator[str]:
    if head:
        yield f'<properties><property name="audit_head" value={_attribute(head)}/></properties>'


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
