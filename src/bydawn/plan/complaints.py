"""Complaints about one file, gathered so that all of them are told at once."""

from __future__ import annotations

import re
from collections.abc import Callable

from bydawn.core.errors import Complaint, PlanInvalid

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 80
_MOST = 100


def written(path: Path) -> str:
    """``("job", 3, "timout")`` as people read it: ``job[3].timout``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if _BARE.fullmatch(part) else quoted(part)
            text += f".{bare}" if text else bare
    return text


def quoted(text: str) -> str:
    """``text`` in quotes, short and with nothing in it that could move a cursor."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return f'"{shown[:_LONGEST]}{"…" if len(shown) > _LONGEST else ""}"'


class Complaints:
    """What is wrong with one file. ``line_of`` finds the line a path was written on."""

    def __init__(self, file: str, line_of: Callable[[Path], int | None] | None = None) -> None:
        self.file = file
        # Kept in order, each once.
        self._found: dict[Complaint, None] = {}
        self._line_of = line_of or (lambda _path: None)
        self._at: Path = ()

    def add(self, path: Path, message: str, remedy: str = "") -> None:
        """Complain about what is written at ``path``; saying it twice is saying it once."""
        path = (*self._at, *path)
        self._keep(Complaint(self.file, self._line_of(path), written(path), message, remedy))

    def add_at(self, line: int | None, message: str, remedy: str = "", subject: str = "") -> None:
        """Complain about a line; PlanInvalid when there is no end of it."""
        self._keep(Complaint(self.file, line, subject, message, remedy))
        if len(self._found) >= _MOST:
            self._keep(Complaint(self.file, None, "", "too many errors; the rest was not read"))
            raise PlanInvalid(tuple(self.found))

    def below(self, path: Path) -> Complaints:
        """The same complaints, seen from inside the table at ``path``."""
        inner = Complaints(self.file, self._line_of)
        inner._found, inner._at = self._found, (*self._at, *path)
        return inner

    @property
    def found(self) -> list[Complaint]:
        return list(self._found)

    def line(self, path: Path) -> int | None:
        return self._line_of(path)

    def _keep(self, complaint: Complaint) -> None:
        self._found[complaint] = None
