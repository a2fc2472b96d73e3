"""What a person is sent in the night: one subject, a few lines, the command to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bydawn.core.alarms import Cause
from bydawn.core.chain import Head
from bydawn.core.model import Job
from bydawn.core.values import value
from bydawn.store.notices import Told, is_parcel
from bydawn.watch import ways, wording
from bydawn.watch.amounts import length, rfc3339
from bydawn.watch.audit import head_note, head_text
from bydawn.watch.sanitise import inert, shortened

_NAMED = 5
_NAME, _LINE = 60, 200
_SAYS = {
    "failed": ("job failed", "jobs failed"),
    "parked": ("job waits for you", "jobs wait for you"),
    "budget": ("job stopped by a budget", "jobs stopped by a budget"),
    "deadline": ("job stopped by the deadline", "jobs stopped by the deadline"),
    "stalled": ("job made no progress", "jobs made no progress"),
    "fenced": ("late write was refused", "late writes were refused"),
    "recovered": ("run was taken over from a runner that died",
                  "runs were taken over from a runner that died"),
}  # fmt: skip


@value
class Message:
    """One notice as it is sent. ``id`` stays the same when it has to be sent again."""

    id: str
    batch: str
    kind: str
    level: int
    at: int
    title: str
    lines: tuple[str, ...]
    head: str | None = None

    @property
    def text(self) -> str:
        return "\n".join([self.title, *self.lines])

    def document(self) -> dict[str, Any]:
        """The body of a webhook: ``text`` and ``content`` are what chat services look for."""
        return {
            "schema": "bydawn/notice/1",
            "id": self.id,
            "batch": self.batch,
            "kind": self.kind,
            "level": self.level,
            "ts": rfc3339(self.at),
            "title": self.title,
            "text": self.text,
            "content": self.text,
            "head": self.head,
        }


def alarm(
    id_: str, batch: str, cause: Cause, level: int, jobs: Iterable[Job], now: int, head: Head | None
) -> Message:
    """A cause in words. ``jobs`` are some of those it befell, as they are now."""
    shown = list(jobs)
    one, many = _SAYS[cause.kind]
    title = f"{batch}: {cause.count} {one if cause.count == 1 else many}"
    if cause.what:
        title += f" ({inert(wording.fault(cause.what, None))})"
    if level:
        title += f", for {length(now - cause.first_at)} now"
    lines = [_job_line(batch, job) for job in shown[:_NAMED]]
    more = cause.count - len(lines)
    if shown and more > 0:
        lines.append(f"and {more} more")
    lines.append(f"bydawn report {batch}")
    return _message(id_, batch, cause.kind, level, now, title, lines, head)


def digest(
    id_: str, batch: str, now: int, headline: str, lines: list[str], head: Head | None
) -> Message:
    """How the night went, or stands."""
    return _message(id_, batch, "digest", 0, now, headline, lines, head)


def trial(batch: str, kind: str, now: int) -> Message:
    """What ``notify test`` sends."""
    title = f"{batch}: this is a test of what {kind} looks like; nothing happened"
    return _message("test", batch, kind, 0, now, title, [f"bydawn report {batch}"], None)


def _message(
    id_: str, batch: str, kind: str, level: int, at: int, title: str, lines: list[str],
    head: Head | None,
) -> Message:  # fmt: skip
    told = head_text(head) if head else None
    if head:
        lines = [*lines, f"audit head {head_note(head)}"]
    title = shortened(inert(title), _LINE)
    return Message(id_, batch, kind, level, at, title, tuple(map(inert, lines)), told)


def _job_line(batch: str, job: Job) -> str:
    name = shortened(inert(job.name), _NAME)
    told = f"{name}: {wording.trouble(job) or job.state}"
    return f"{shortened(told, _LINE)}   {ways.next_command(batch, job)}"


def unsent_lines(told: Iterable[Told]) -> list[str]:
    """What nobody heard of, for the report."""
    return [_unsent_line(one) for one in told if one.sent_at is None and one.error]


def _unsent_line(one: Told) -> str:
    what, given_up = f"{inert(one.cause)} to {one.target}", "given up"
    if is_parcel(one):
        what, given_up = "traces", "given up; bydawn export spans sends them"
    later = given_up if one.is_given_up else "will be tried again"
    return f"not told: {what}: {inert(one.error or '')} ({later})"
