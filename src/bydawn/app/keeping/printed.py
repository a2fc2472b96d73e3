"""What a job printed, as far as it lies on this machine."""

from __future__ import annotations

from pathlib import Path

from bydawn.app.app import App
from bydawn.core.model import Job
from bydawn.watch.sanitise import inert_lines

_FILE = "output.log"
_DRAFT = "draft"
_TAIL = 1 << 16


def last_lines(app: App, number: int, most: int) -> list[str]:
    """The last lines the newest run of a job printed, inert."""
    path = newest_log(app, app.job(number))
    if path is None:
        return []
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL))
        text = stream.read().decode("utf-8", "backslashreplace")
    return inert_lines(text).splitlines()[-most:]


def newest_log(app: App, job: Job) -> Path | None:
    """The output of the newest run folder of the job that has one; None where the newest run, not
    aged out, has said nothing."""
    newest = app.run_folder(job)
    if (newest / _FILE).is_file():
        return newest / _FILE
    if (newest / _DRAFT).is_dir():
        return None
    found = [path for path in newest.parent.glob(f"*/{_FILE}") if _order(path)]
    return max(found, key=_order, default=None)


def has_run(app: App, job: Job) -> bool:
    """Whether something of a run of the job lies here that may have printed."""
    return any(app.run_folder(job).parent.glob(f"*/{_DRAFT}"))


def _order(path: Path) -> tuple[int, ...]:
    parts = path.parent.name.split(".")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else ()
