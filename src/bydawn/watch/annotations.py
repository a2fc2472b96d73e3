"""What needs eyes, as the runner of a forge reads it from a log: one command a line, beside the
line of the plan that a job stands on. The form is that of GitHub's workflow commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from bydawn.core.errors import Complaint
from bydawn.core.values import value
from bydawn.watch import wording
from bydawn.watch.morning import Morning
from bydawn.watch.report import Report, headline
from bydawn.watch.sanitise import inert, without_commands
from bydawn.watch.sections import Item, finding_line, lost_line

# A step shows so many of a kind and drops the rest without a word.
MOST = 10
_IN_MESSAGES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = {**_IN_MESSAGES, ":": "%3A", ",": "%2C"}


@value
class Places:
    """A plan's file as the forge names it (empty: there is none), and where its jobs begin."""

    file: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, job: str) -> int | None:
        """The line of a job, or of the list of items it came from."""
        return self.lines.get(job) or self.lines.get(job.partition("/")[0])


def annotation_lines(morning: Morning, places: Places) -> list[str]:
    """Errors for what failed, is parked or was left; warnings for what was unusual or retried."""
    address = morning.report.batch.address
    errors = [*_left(morning.report), *_needs(morning.report)]
    warnings = [*_findings(morning), *_lost(morning)]
    unlisted = morning.lost_count - len(morning.lost)
    return [
        *(_about(item, "error", address, places) for item in _first(errors, 0, address)),
        *(_about(item, "warning", address, places) for item in _first(warnings, unlisted, address)),
    ]


def complaint_annotations(
    complaints: Iterable[Complaint], named: Callable[[Path], str]
) -> list[str]:
    """What is wrong with a plan, each at its own line; ``named`` is what the forge calls a file."""
    return [
        _command("error", _Place(named(Path(one.file)), one.line, inert(one.path)), _said(one))
        for one in complaints
    ]


def _left(report: Report) -> Iterator[Item]:
    """Work that was not done at all; it has no end of its own to be told with."""
    if report.waiting or report.counts["cancelled"]:
        yield Item("\n".join([headline(report), *wording.waiting(report.waiting)]))


def _needs(report: Report) -> Iterator[Item]:
    for need in report.needs:
        yield Item(f"{need.word.lower()}: {need.why}", need.name, need.command)


def _findings(morning: Morning) -> Iterator[Item]:
    for finding in morning.comparison.findings:
        yield Item(finding_line(finding, morning.report.batch.edition), inert(finding.name))


def _lost(morning: Morning) -> Iterator[Item]:
    return (Item(lost_line(lost), inert(lost.name)) for lost in morning.lost)


def _first(items: list[Item], unlisted: int, address: str) -> Iterator[Item]:
    """As many as are shown; where there are more, the last one says so."""
    more = len(items) + unlisted - MOST
    yield from items[: MOST - 1 if more > 0 else MOST]
    if more > 0:
        yield Item(f"and {more + 1} more", command=f"bydawn report {address}")


@value
class _Place:
    file: str
    line: int | None
    title: str


def _about(item: Item, level: str, address: str, places: Places) -> str:
    title = f"{address}/{item.name}" if item.name else address
    line = places.line_of(item.name) if item.name else None
    said = f"{item.said}\n{item.command}" if item.command else item.said
    return _command(level, _Place(places.file, line, title), said)


def _command(level: str, place: _Place, said: str) -> str:
    """One line, out of which neither a name nor a message can break."""
    named = {
        "file": place.file,
        "line": str(place.line or "") if place.file else "",
        "title": place.title,
    }
    told = ",".join(f"{name}={_escaped(one, _IN_PROPERTIES)}" for name, one in named.items() if one)
    return f"::{level} {told}::{_escaped(said, _IN_MESSAGES)}"


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in without_commands(text))


def _said(complaint: Complaint) -> str:
    remedy = f" ({complaint.remedy})" if complaint.remedy else ""
    return inert(f"{complaint.message}{remedy}")
