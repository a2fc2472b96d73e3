"""The page of symptoms quotes what is really said, and knows every reason a person meets."""

from __future__ import annotations

import re
from pathlib import Path

from bydawn.core.states import Reason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "when-things-go-wrong.md").read_text("utf-8")
_ROW = re.compile(r"^\| ([^|]+) \|", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


def part(title: str) -> list[str]:
    """What is quoted in the first cells of a part's table."""
    text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [cell for cell in _ROW.findall(text) if cell != "---"]
    return [word for cell in cells for word in _QUOTED.findall(cell)]


def test_what_is_quoted_is_said_somewhere() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    quoted = part("It does not start")
    assert len(quoted) > 5
    assert [words for words in quoted if words not in source] == []


def test_what_is_odd_is_said_in_these_words() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    quoted = set(part("Something is odd in the morning"))
    said = {"secret in draft", "is assumed", "more than its own cap", "UNUSUAL"}
    assert said <= quoted
    assert [words for words in said if words not in source.replace("_", " ")] == []


def test_every_reason_a_person_meets_is_there() -> None:
    told = {word for title in ("It waits", "It failed", "It is parked") for word in part(title)}
    # Neither of them asks for anything: done before, and done but described otherwise now.
    assert told == {reason.value for reason in Reason} - {"already_done", "changed"}
