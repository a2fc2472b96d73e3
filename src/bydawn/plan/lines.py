"""On which line each key of a TOML file was written.

The standard library's reader keeps no places. This scanner walks a text that reader has already
accepted, so it only needs to know where keys and values end, not whether they are right.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import suppress

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_TEXT = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


def line_finder(text: str) -> Callable[[Path], int | None]:
    """A function from a path to its line, or to the line of the nearest table around it."""
    found: Mapping[Path, int] | None = None

    def line_of(path: Path) -> int | None:
        nonlocal found
        if found is None:
            found = key_lines(text)
        while path and path not in found:
            path = path[:-1]
        return found.get(path)

    return line_of


def key_lines(text: str) -> Mapping[Path, int]:
    """Path -> line, for every table, key and element; partial when the text is beyond us."""
    scan = _Scan(text)
    with suppress(_Lost, RecursionError):
        scan.whole()
    return scan.lines


class _Lost(Exception):
    """The text does not look the way accepted TOML looks."""


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._tables: dict[Path, int] = {}

    def whole(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self._header(2, many=True)
            elif self.text[self.at] == "[":
                table = self._header(1, many=False)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self, brackets: int, *, many: bool) -> Path:
        line = self._line()
        self.at += brackets
        names = self._dotted()
        self.at += brackets
        path = self._resolved(names[:-1]) + names[-1:]
        if many:
            self._tables[path] = self._tables.get(path, -1) + 1
        path = self._latest(path)
        self._note(path, line)
        return path

    def _resolved(self, names: Path) -> Path:
        path: Path = ()
        for name in names:
            path = self._latest((*path, name))
        return path

    def _latest(self, path: Path) -> Path:
        return (*path, self._tables[path]) if path in self._tables else path

    def _pair(self, table: Path) -> None:
        line = self._line()
        path = (*table, *self._dotted())
        self._note(path, line)
        self._expect("=")
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> Path:
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            names.append(_plain_key(self._take(_KEY)))
            self._skip(_SPACE)
            if self.text[self.at : self.at + 1] != ".":
                return tuple(names)
            self.at += 1

    def _value(self, path: Path) -> None:
        start = self.text[self.at : self.at + 1]
        if start == "[":
            self._sequence(path, "]", self._element)
        elif start == "{":
            self._sequence(path, "}", self._entry)
        elif start in "\"'":
            self._take(_TEXT)
        else:
            self._take(_PLAIN)

    def _sequence(self, path: Path, end: str, part: Callable[[Path, int], None]) -> None:
        self.at += 1
        count = 0
        self._skip(_BLANK)
        while self.text[self.at : self.at + 1] not in (end, ""):
            part(path, count)
            count += 1
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
                self._skip(_BLANK)
        self._expect(end)

    def _element(self, path: Path, count: int) -> None:
        self._note((*path, count), self._line())
        self._value((*path, count))

    def _entry(self, path: Path, _count: int) -> None:
        self._pair(path)

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _line(self) -> int:
        return bisect_right(self._ends, self.at - 1) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None or found.end() == self.at:
            raise _Lost
        self.at = found.end()
        return found[0]

    def _expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise _Lost
        self.at += len(mark)


def _plain_key(token: str) -> str:
    if token[0] in "\"'":
        return str(tomllib.loads(f"x={token}")["x"])
    return token
