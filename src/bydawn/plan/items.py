"""Items of a job from JSON Lines or CSV, one at a time, however many there are."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from bydawn.core.errors import Complaint, PlanInvalid
from bydawn.plan.complaints import Complaints, quoted
from bydawn.plan.read import open_regular

LINE_LIMIT = 4_000_000
_SPOOLED_IN_MEMORY = 8_000_000
_MARK = b"\xef\xbb\xbf"


class Item(NamedTuple):
    """One item: where it starts, what it is, and its text as it will be stored."""

    line: int
    value: dict[str, Any]
    text: str


class ItemsFile(NamedTuple):
    """Where items come from. ``stream`` is standard input, made seekable."""

    name: str
    path: Path | None
    stream: BinaryIO | None = None

    @property
    def is_csv(self) -> bool:
        return self.path is not None and self.path.suffix.lower() == ".csv"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes from their start; PlanInvalid when the file cannot be read."""
        if self.stream is not None:
            before = self.stream.tell()
            self.stream.seek(0)
            try:
                yield self.stream
            finally:
                self.stream.seek(before)
        elif self.path is None:
            raise PlanInvalid((Complaint(self.name, None, "", "there is no standard input"),))
        else:
            with open_regular(self.path) as stream:
                yield stream


def spool(stream: BinaryIO) -> BinaryIO:
    """``stream`` read to its end into a file that can be read more than once; to be closed."""
    kept = tempfile.SpooledTemporaryFile(max_size=_SPOOLED_IN_MEMORY)  # noqa: SIM115
    while chunk := stream.read(1 << 20):
        kept.write(chunk)
    kept.seek(0)
    return kept  # type: ignore[return-value]


def read_items(file: ItemsFile, complaints: Complaints) -> Iterator[Item]:
    """The good items in order; what is wrong with the others goes to ``complaints``."""
    with file.opened() as stream:
        lines = _lines(stream, complaints)
        yield from (_table_items if file.is_csv else _json_items)(lines, complaints)


def _lines(stream: BinaryIO, complaints: Complaints) -> Iterator[tuple[int, str, bool]]:
    """Number, text and whether it has an end, of each line that is one."""
    number = 0
    while raw := stream.readline(LINE_LIMIT):
        number += 1
        if number == 1:
            raw = raw.removeprefix(_MARK)
        whole = raw.endswith(b"\n")
        if not whole and len(raw) >= LINE_LIMIT - len(_MARK):
            complaints.add_at(number, f"the line is longer than {LINE_LIMIT // 1_000_000} MB")
            _skip_rest(stream)
            continue
        try:
            yield number, raw.decode(), whole
        except UnicodeDecodeError:
            complaints.add_at(number, "the line is not UTF-8", "save the file as UTF-8")


def _skip_rest(stream: BinaryIO) -> None:
    while (raw := stream.readline(LINE_LIMIT)) and not raw.endswith(b"\n"):
        pass


class _Unusual(ValueError):
    """JSON that is not the same to every reader."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unusual(f"the key {quoted(twice)} is there twice")
    return table


def _constant(name: str) -> Any:
    raise _Unusual(f"{name} is no JSON number")


_decoder = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant)
_SPACES = " \t\n\r"
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def _json_items(lines: Iterator[tuple[int, str, bool]], complaints: Complaints) -> Iterator[Item]:
    for number, line, whole in lines:
        if line.isspace():
            continue
        try:
            value = _decoded(line)
            if not isinstance(value, dict):
                raise _Unusual(f"an item must be a JSON object, not {_kind(value)}")
            yield Item(number, value, item_text(value))
        except _Unusual as error:
            complaints.add_at(number, str(error))
        except RecursionError:
            complaints.add_at(number, "it is nested too deeply")
        except ValueError as error:
            complaints.add_at(number, *_not_json(error, whole))


def _decoded(line: str) -> Any:
    """One value and nothing behind it; what is wrong is said by the decoder that takes its time."""
    text = line.strip(_SPACES)
    try:
        value, end = _decoder.raw_decode(text)
    except json.JSONDecodeError:
        return _decoder.decode(line)
    return value if end == len(text) else _decoder.decode(line)


def item_text(value: dict[str, Any]) -> str:
    """The item as it is stored; ValueError when it has numbers or texts no other program reads."""
    text = _encode(value)
    if not text.isascii():
        text.encode()
    return text


def _not_json(error: ValueError, whole: bool) -> tuple[str, str]:
    if isinstance(error, UnicodeEncodeError):
        return "it has half a character in it (a lone surrogate)", ""
    if not isinstance(error, json.JSONDecodeError):
        return f"it has a number no other program reads ({error})", ""
    if not whole:
        return "the file ends in the middle of this line", "was it still being written?"
    return f"not JSON: {error.msg} at column {error.colno}", "each line is one JSON object"


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {list: "a list", str: "text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _table_items(lines: Iterator[tuple[int, str, bool]], complaints: Complaints) -> Iterator[Item]:
    last = [0]
    rows = _rows(lines, last, complaints)
    header = next(rows, None)
    if header is None:
        return
    names = header[1]
    if not _header_is_good(names, complaints, header[0]):
        return
    for number, row in rows:
        if len(row) != len(names):
            complaints.add_at(number, f"{len(row)} fields, but the header has {len(names)}")
        elif any("\0" in cell for cell in row):
            complaints.add_at(number, "it has a NUL in it")
        else:
            value = dict(zip(names, row, strict=True))
            yield Item(number, value, item_text(value))


def _rows(
    lines: Iterator[tuple[int, str, bool]], last: list[int], complaints: Complaints
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_texts(lines, last), strict=True)
    while True:
        started = last[0] + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            complaints.add_at(started, f"not CSV: {error}", "is a quote left open?")
            continue
        if row:
            yield started, row


def _texts(lines: Iterator[tuple[int, str, bool]], last: list[int]) -> Iterator[str]:
    for number, line, _ in lines:
        last[0] = number
        yield line


def _header_is_good(names: list[str], complaints: Complaints, line: int) -> bool:
    twice = [name for name in names if names.count(name) > 1]
    if twice or not all(names):
        what = f"the column {quoted(twice[0])} is there twice" if twice else "a column has no name"
        complaints.add_at(line, what, "the first line names the columns, each once")
        return False
    return True


def first_item(file: ItemsFile) -> dict[str, Any] | None:
    """The first good item, for a trial; None when there is none. Complaints come with the rest."""
    try:
        return next((item.value for item in read_items(file, Complaints(file.name))), None)
    except PlanInvalid:
        return None
