"""``bydawn logs``: what a job printed."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import job_argument
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.errors import UsageError
from bydawn.core.states import TERMINAL, State
from bydawn.watch.sanitise import inert_lines

if TYPE_CHECKING:
    from bydawn.app import App

_PIECE = 1 << 16
_LOOK_S = 0.2
_OVER = (*TERMINAL, State.PARKED)


@verb("bydawn logs nightly/article-a", "bydawn logs nightly/article-a -f")
@job_argument()
@click.option("-f", "--follow", is_flag=True, help="Go on until the job is over.")
@click.option("--raw", is_flag=True, help="Unchanged bytes; not to a terminal.")
def logs(settings: Settings, talk: Talk, job: str, follow: bool, raw: bool) -> int:
    """What the newest run of a job printed, with everything a terminal might obey made visible."""
    if raw and sys.stdout.isatty():
        raise UsageError("--raw would let the job drive this terminal", "send it to a file or pipe")
    from bydawn.app.keeping.printed import has_run, newest_log

    with opened(settings) as app:
        found = app.job_at(job)
        if not follow and newest_log(app, found) is None and not has_run(app, found):
            raise UsageError(f"{job}: has printed nothing here", f"bydawn show {job} tells more")
        say = _raw if raw else _harmless(talk)
        for piece in _pieces(app, found.job_id, follow):
            say(piece)
            if talk.is_deaf:
                break
    return 0


def _raw(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _harmless(talk: Talk) -> Callable[[bytes], None]:
    """Says pieces of bytes as inert text; a character cut in two waits for its other half."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def say(piece: bytes) -> None:
        text = inert_lines(decoder.decode(piece))
        if talk.settings.json:
            talk.document({"schema": "bydawn/log/1", "text": text})
        else:
            talk.say_text(text)

    return say


def _pieces(app: App, job_id: str, follow: bool) -> Iterator[bytes]:
    """Whole lines as they come, of the newest run and of those that follow it."""
    from bydawn.app.keeping.printed import newest_log

    path, at = None, 0
    while True:
        job = app.job_at(job_id)
        is_over = not follow or job.state in _OVER
        newest = newest_log(app, job)
        if newest != path:
            path, at = newest, 0
        for piece in _lines_after(path, at, is_over) if path else ():
            at += len(piece)
            yield piece
        if is_over:
            return
        time.sleep(_LOOK_S)


def _lines_after(path: Path, at: int, is_over: bool) -> Iterator[bytes]:
    """Up to the last whole line; to the very end when nothing more will come."""
    with path.open("rb") as stream:
        stream.seek(at)
        while piece := stream.read(_PIECE):
            end = piece.rfind(b"\n") + 1
            if not end and (is_over or len(piece) == _PIECE):
                end = len(piece)
            if not end:
                return
            yield piece[:end]
            at += end
            stream.seek(at)
