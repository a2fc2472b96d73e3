"""From a file to plain data: every way a file can be unreadable is a complaint with a remedy."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.core.values import value
from bydawn.plan.complaints import Complaints
from bydawn.plan.lines import line_finder

PLAN_LIMIT = 8_000_000
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_AT_END = " (at end of document)"


@value
class Source:
    """One TOML file as it was read, once."""

    file: str
    text: str
    data: dict[str, Any]

    def complaints(self) -> Complaints:
        return Complaints(self.file, line_finder(self.text))


def open_regular(path: Path) -> BinaryIO:
    """The file, opened; PlanInvalid unless it is a regular file that may be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _unreadable(path, "there is no such file", _near(path)) from None
    except PermissionError:
        raise _unreadable(path, "it may not be read", "see its permissions") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"it cannot be opened ({_reason(error)})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(path, "it is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """The whole file, read once; PlanInvalid when it is larger than ``limit``."""
    with open_regular(path) as stream:
        try:
            content = stream.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, f"it cannot be read ({_reason(error)})") from None
    if len(content) > limit:
        raise _unreadable(path, f"it is larger than {limit // 1_000_000} MB")
    return content


def read_text(path: Path, limit: int = PLAN_LIMIT) -> str:
    return _decoded(read_bytes(path, limit), str(path))


def read_toml(path: Path) -> Source:
    """The file as data; PlanInvalid with the line when it is not TOML."""
    return parse_toml(read_bytes(path, PLAN_LIMIT), str(path))


def parse_toml(content: bytes, file: str) -> Source:
    text = _decoded(content, file)
    try:
        return Source(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PlanInvalid((_syntax_complaint(file, text, str(error)),)) from None
    except RecursionError:
        raise PlanInvalid((Complaint(file, None, "", "it is nested too deeply"),)) from None
    except ValueError as error:
        raise PlanInvalid((Complaint(file, None, "", f"it is not TOML: {error}"),)) from None


def job_lines(path: Path) -> dict[str, int]:
    """On which line each job of a plan says its id; empty for what is not, or no longer, a plan."""
    try:
        source = read_toml(path)
    except PlanInvalid:
        return {}
    line_of, jobs = line_finder(source.text), source.data.get("job")
    ids = [job.get("id") if isinstance(job, dict) else None for job in _listed(jobs)]
    found = {str(id_): line_of(("job", number, "id")) for number, id_ in enumerate(ids) if id_}
    return {id_: line for id_, line in found.items() if line}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _decoded(content: bytes, file: str) -> str:
    if content.startswith(b"\xef\xbb\xbf"):
        raise _invalid(file, 1, "it starts with a byte order mark", "save it as plain UTF-8")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _invalid(file, line, "it is not UTF-8", "save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _invalid(file, line, "it has a NUL in it", "is it really a text file?")
    return text


def _syntax_complaint(file: str, text: str, message: str) -> Complaint:
    found = _AT_LINE.search(message)
    if found:
        return Complaint(file, int(found[1]), "", f"not TOML: {message[: found.start()]}")
    line = text.rstrip("\n").count("\n") + 1
    return Complaint(file, line, "", f"not TOML: {message.removesuffix(_AT_END)} at the end")


def _near(path: Path) -> str:
    from difflib import get_close_matches

    try:
        beside = sorted(entry.name for entry in path.parent.iterdir())[:1000]
    except (OSError, ValueError):
        return f"there is no folder {path.parent}"
    close = get_close_matches(path.name, beside, 1)
    if close:
        return f'did you mean "{close[0]}"?'
    return "bydawn init writes a first plan" if path.suffix == ".toml" else ""


def _unreadable(path: Path, message: str, remedy: str = "") -> PlanInvalid:
    return _invalid(str(path), None, message, remedy)


def _invalid(file: str, line: int | None, message: str, remedy: str) -> PlanInvalid:
    return PlanInvalid((Complaint(file, line, "", message, remedy),))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
