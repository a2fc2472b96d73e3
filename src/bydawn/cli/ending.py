"""How a command that drove a batch ends: one answer on stdout, and files that were asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.cli.opening import ending_of, reading_of
from bydawn.cli.talk import Talk
from bydawn.core.errors import UsageError
from bydawn.watch import report, wording
from bydawn.watch.documents import Reading, batch_document

if TYPE_CHECKING:
    from bydawn.app import App, Ran
    from bydawn.watch.rows import Batch

FORMATS = ("text", "md", "json", "csv", "junit", "html", "github")
_SUFFIXES = {".txt": "text", ".md": "md", ".html": "html", ".json": "json", ".csv": "csv",
             ".xml": "junit"}  # fmt: skip
_TRY_AGAIN = 75


@dataclass(slots=True)
class Files:
    """Where a run is to leave its report, when it was asked to."""

    report: Path | None = None
    junit: Path | None = None
    events: Path | None = None
    trouble: OSError | None = field(default=None, init=False)

    def check(self) -> None:
        """Refuse what could not be written before anything is started."""
        if self.report:
            format_of(self.report)
        for path in (self.report, self.junit, self.events):
            if path and not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent}", "make it first")


def format_of(path: Path) -> str:
    found = _SUFFIXES.get(path.suffix)
    if found is None:
        raise UsageError(f"{path}: what form?", f"end its name in {', '.join(_SUFFIXES)}")
    return found


def say_ended(talk: Talk, app: App, ran: Ran, before: frozenset[int], unattended: bool) -> None:
    """The answer of ``run PLAN`` and ``wait BATCH``."""
    if ran.batch is None:
        return
    reading = reading_of(app, before)
    batch = app.store.batch(ran.batch.number)
    if talk.settings.json:
        talk.document(batch_document(reading, batch, ending_of(ran)))
    elif unattended:
        _say_if_needed(talk, app, reading, batch, ran)
    elif ran.outcome in ("skipped", "detached"):
        talk.say(batch.address)
    else:
        told = report.gather(reading, batch)
        talk.say_summary(report.summary(told))
        if ran.signal:
            talk.tell(wording.left_behind(told.counts["running"]))
        elif ran.exit_code == 0:
            talk.lead_on(f"bydawn report {batch.address} tells what happened")


def _say_if_needed(talk: Talk, app: App, reading: Reading, batch: Batch, ran: Ran) -> None:
    """Silence when all is well: what a scheduler mails means "look"."""
    if ran.exit_code:
        from bydawn.cli.filing import report_lines

        talk.say_summary(report_lines(app, reading, batch))


def write_files(talk: Talk, app: App, ran: Ran, files: Files) -> int:
    """Leave the files behind; the exit code, which a file that failed may raise."""
    if ran.batch is None or files == Files():
        return ran.exit_code
    try:
        if files.trouble:
            raise files.trouble
        _write_files(app, ran, ran.batch, files)
    except OSError as error:
        talk.insist(f"bydawn: {error.filename}: {error.strerror}: the run itself is recorded")
        return ran.exit_code or _TRY_AGAIN
    return ran.exit_code


def _write_files(app: App, ran: Ran, batch: Batch, files: Files) -> None:
    from bydawn.cli.filing import report_text

    reading = reading_of(app)
    document = batch_document(reading, app.store.batch(batch.number), ending_of(ran))
    if files.report:
        text = report_text(app, reading, batch, format_of(files.report), document)
        files.report.write_text(text, "utf-8")
    if files.junit:
        text = report_text(app, reading, batch, "junit", document)
        files.junit.write_text(text, "utf-8")
