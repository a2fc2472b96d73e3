"""The one place where untrusted text is rendered inert: names, messages and what runs print.

Nothing that leaves here can move a cursor, colour a screen, reorder a line or break one: every such
character is shown as its escape, so it can be seen and does nothing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# What the runner of a forge would obey in a log: ``::`` at the head of a line, ``##[`` anywhere.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)


def inert(text: str) -> str:
    """One harmless line: escapes, line breaks and direction overrides are spelled out."""
    return text if text.isprintable() else "".join(map(_shown, text))


def inert_lines(text: str) -> str:
    """Harmless text that keeps its lines and tabs; Windows line ends become plain ones."""
    text = text.replace("\r\n", "\n")
    return "\n".join("\t".join(map(inert, line.split("\t"))) for line in text.split("\n"))


def json_text(value: Any) -> str:
    """One line of JSON that is as harmless on a screen as it is right for a program."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text if text.isprintable() else "".join(map(_shown_in_json, text))


def without_commands(text: str) -> str:
    """The same with nothing in it that a forge's runner takes for a command. JSON keeps its
    meaning."""
    return _COMMAND.sub(_spelled_out, text)


def _spelled_out(found: re.Match[str]) -> str:
    return "\\u0023" if found[0] == "#" else f"{found[1]}\\u003a"


def shortened(text: str, length: int) -> str:
    """For tables on screens only; what programs read is never cut."""
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"


def width(text: str) -> int:
    """The columns an inert line takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def fitted(text: str, columns: int) -> str:
    """As much of an inert line as fits into so many columns."""
    if width(text) <= columns:
        return text
    taken, used = [], 1
    for character in text:
        used += _columns(character)
        if used > columns:
            break
        taken.append(character)
    return "".join(taken) + "…"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_harmless(character: str) -> bool:
    """Printable by Python's word; wide and narrow spaces are no danger either."""
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _shown(character: str) -> str:
    if _is_harmless(character):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _shown_in_json(character: str) -> str:
    return character if _is_harmless(character) else json.dumps(character)[1:-1]
