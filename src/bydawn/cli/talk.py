"""The two streams: stdout is the answer, stderr the talk. Whoever stops listening is no error."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from bydawn.cli.settings import Settings
from bydawn.watch.sanitise import inert_lines, json_text, without_commands

_COLOURS = {
    "failed": 31,
    "parked": 35,
    "running": 36,
    "succeeded": 32,
    "odd": 33,
    "dim": 2,
    "bold": 1,
}
# A closed pipe, a terminal that has gone. A full disk under stdout is another matter.
_NOBODY_LISTENS = (errno.EPIPE, errno.EIO)
_ALARMS = {"FAILED": "failed", "PARKED": "parked", "NEEDS": "failed", "UNUSUAL": "odd"}


class Talk:
    """Says things for one command."""

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self._environment = os.environ if environment is None else environment
        self.is_deaf = False

    def say(self, *lines: str) -> None:
        """The answer, on stdout."""
        self._write(sys.stdout, "".join(f"{line}\n" for line in lines))

    def say_text(self, text: str) -> None:
        """An answer that brings its own line ends."""
        self._write(sys.stdout, text)

    def document(self, value: Any) -> None:
        """The answer as one line of JSON."""
        self.say(json_text(value))

    def tell(self, *lines: str) -> None:
        """Talk, on stderr; silent under -q."""
        if not self.settings.quiet:
            self.insist(*lines)

    def lead_on(self, line: str) -> None:
        """The next useful command, for a person; programs and -q do without it."""
        if not self.settings.json:
            self.tell(line)

    def insist(self, *lines: str) -> None:
        """Talk that -q does not silence: errors."""
        text = "".join(f"{inert_lines(line)}\n" for line in lines)
        self._write(sys.stderr, text)

    def answer(self, document: Any, lines: Iterable[str]) -> None:
        """The document with --json, else the lines."""
        if self.settings.json:
            self.document(document)
        else:
            self.say(*lines)

    def say_summary(self, lines: Iterable[str]) -> None:
        """The answer, its words of alarm in colour."""
        self.say(*(self._alarmed(line) for line in lines))

    def _alarmed(self, line: str) -> str:
        word, space, rest = line.partition(" ")
        colour = _ALARMS.get(word)
        return self.painted(word, colour) + space + rest if colour else line

    def painted(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """The text in a colour where colours are wanted; meaning never hangs on it alone."""
        if not text or not self.has_colour(stream or sys.stdout):
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def has_colour(self, stream: TextIO) -> bool:
        if self.settings.color != "auto":
            return self.settings.color == "always"
        if self._environment.get("NO_COLOR"):
            return False
        if self._environment.get("CLICOLOR_FORCE", "0") != "0":
            return True
        return stream.isatty() and self._environment.get("TERM") != "dumb"

    def annotate(self, lines: Iterable[str], stream: TextIO) -> None:
        """Lines that the runner of a forge is meant to obey; all others it is kept from."""
        self._pass_on(stream, "".join(f"{line}\n" for line in lines))

    def _write(self, stream: TextIO, text: str) -> None:
        is_obeyed = self._environment.get("GITHUB_ACTIONS") == "true"
        self._pass_on(stream, without_commands(text) if is_obeyed else text)

    def _pass_on(self, stream: TextIO, text: str) -> None:
        if self.is_deaf and stream is sys.stdout:
            return
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            if stream is sys.stdout and error.errno not in _NOBODY_LISTENS:
                raise
            self._hush(stream)

    def _hush(self, stream: TextIO) -> None:
        """Nobody reads any more: go on, and let the interpreter's last flush find a sink."""
        self.is_deaf = self.is_deaf or stream is sys.stdout
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, stream.fileno())
        os.close(sink)
