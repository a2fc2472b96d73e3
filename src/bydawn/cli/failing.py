"""Every way a command can end badly: words with a place and a remedy, and the right exit code."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.core.errors import BydawnError, PlanInvalid
from bydawn.version import __version__
from bydawn.watch.sanitise import inert, json_text

_USAGE, _BUG, _TRY_AGAIN, _INTERRUPTED = 2, 70, 75, 130
_STATE = ".bydawn"


def failed(error: BaseException, settings: Settings, argv: Sequence[str]) -> int:
    """Say what went wrong; answers the exit code."""
    settings.json = settings.json or _asks_for_json(argv)
    talk = Talk(settings)
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else _USAGE
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _INTERRUPTED
    if isinstance(error, BydawnError):
        return _explained(talk, error)
    if isinstance(error, click.ClickException):
        return _misused(talk, error)
    if isinstance(error, OSError):
        return _refused_by_system(talk, error)
    return _bug(talk, error)


def _asks_for_json(argv: Sequence[str]) -> bool:
    ours = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in ours


def _explained(talk: Talk, error: BydawnError) -> int:
    told: dict[str, Any] = {"message": error.message, "remedy": error.remedy}
    if isinstance(error, PlanInvalid):
        talk.insist(*(inert(str(one)) for one in error.complaints), error.summary)
        told = {"message": error.summary, "errors": [_complaint(one) for one in error.complaints]}
    else:
        talk.insist(f"bydawn: {inert(str(error))}")
    return _closed(talk, error.code, error.exit_code, told)


def _complaint(one: Any) -> dict[str, Any]:
    names = ("file", "line", "path", "message", "remedy")
    return {name: getattr(one, name) for name in names}


def _misused(talk: Talk, error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        talk.insist(error.format_message())
        return _closed(talk, "usage", _USAGE, {"message": "a verb is missing", "remedy": ""})
    message = inert(" ".join(error.format_message().split()).rstrip("."))
    usage = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"{usage.command_path} --help shows how" if usage else ""
    talk.insist(f"bydawn: {message}: {remedy}" if remedy else f"bydawn: {message}")
    return _closed(talk, "usage", _USAGE, {"message": message, "remedy": remedy})


def _refused_by_system(talk: Talk, error: OSError) -> int:
    """The machine said no: a full disk, a missing permission."""
    subject = f"{error.filename}: " if error.filename else ""
    message = inert(f"{subject}{error.strerror or error}")
    remedy = "mend that, then repeat the command; nothing is done twice"
    talk.insist(f"bydawn: {message}: {remedy}")
    return _closed(talk, "system", _TRY_AGAIN, {"message": message, "remedy": remedy})


def _bug(talk: Talk, error: BaseException) -> int:
    trace = "".join(traceback.format_exception(error))
    message = f"this is a bug in bydawn: {type(error).__name__}: {inert(str(error))[:300]}"
    if talk.settings.verbose:
        talk.insist(trace)
    remedy = "repeat the command: what was recorded goes on"
    kept = _keep_trace(talk.settings.directory, trace)
    where = f"; the trace is in {kept}" if kept else "; -v shows the trace"
    talk.insist(f"bydawn: {message}{where}", f"bydawn: {remedy}")
    return _closed(talk, "bug", _BUG, {"message": message, "remedy": remedy})


def _keep_trace(directory: Path, trace: str) -> str | None:
    """The whole story for whoever mends it, where only its owner can read it."""
    head = f"bydawn {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    name = time.strftime("bug-%Y%m%dT%H%M%S-", time.gmtime())
    import tempfile

    try:
        folder = _state_folder(directory.resolve())
        descriptor, path = tempfile.mkstemp(".txt", name, folder)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(head + trace)
    except OSError:
        return None
    return path


def _state_folder(directory: Path) -> Path | None:
    folders = (folder / _STATE for folder in (directory, *directory.parents))
    return next((folder for folder in folders if folder.is_dir()), None)


def _closed(talk: Talk, code: str, exit_code: int, told: dict[str, Any]) -> int:
    """With --json the last line of stderr is the error as an object."""
    if talk.settings.json:
        document = {"schema": "bydawn/error/1", "code": code, "exit_code": exit_code, **told}
        talk.insist(json_text(document))
    return exit_code
