"""Many rows in one statement: each parameter that differs between the rows is read from a table
that is ``given`` with it. To PostgreSQL that is made of arrays, with one element for each row.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bydawn.store.dialect import PARAMETER, cleaned, spoken

_INSERT = re.compile(r"(\s*INSERT INTO .*?)\bVALUES\s*\(([^()]*)\)(.*)", re.DOTALL)
_UPDATE = re.compile(r"(\s*UPDATE .*?)(\bWHERE\b.*)", re.DOTALL)
# What no text holds that PostgreSQL keeps.
_BETWEEN = "\0"
_NEXT = '","'


class Many:
    """The words of statements for many rows. ``types_of`` says of what types the parameters of a
    statement are, and is asked once for each."""

    def __init__(self, types_of: Callable[[str], list[str]]) -> None:
        self._types_of = types_of
        self._types: dict[str, list[str]] = {}
        self._texts: dict[tuple[str, tuple[int, ...]], str] = {}

    def knows(self, sql: str) -> bool:
        """Whether nothing is asked for to word it."""
        return sql in self._types

    def worded(self, sql: str, rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """One statement for all of these rows, and its parameters."""
        assert not spoken(sql).globs, "patterns are for questions"
        if len(rows) == 1:
            return spoken(sql).sql, [cleaned(value) for value in rows[0]]
        alike = alike_in(spoken(sql).sql, rows)
        text = self._texts.get((sql, alike))
        if text is None:
            text = for_many(spoken(sql).sql, self._types_in(sql), alike)
            self._texts[sql, alike] = text
        return text, given_for(rows, alike)

    def _types_in(self, sql: str) -> list[str]:
        found = self._types.get(sql)
        if found is None:
            found = self._types[sql] = self._types_of(spoken(sql).sql)
        return found


def for_many(sql: str, types: Sequence[str], alike: Sequence[int] = ()) -> str:
    """One spoken INSERT or UPDATE for many rows at once: first come the arrays, in the order of
    their places, then the places ``alike``."""
    apart = apart_from(alike, len(types))
    arrays = ", ".join(f"${number}::{types[place - 1]}[]" for number, place in enumerate(apart, 1))
    names = ", ".join(f'"{place}"' for place in apart)
    said = {place: f'given."{place}"' for place in apart}
    for number, place in enumerate(alike, len(apart) + 1):
        said[place] = f"${number}::{types[place - 1]}"
    return over_all(sql, f"unnest({arrays}) AS given({names})", said)


def over_all(sql: str, given: str, said: Mapping[int, str]) -> str:
    """A numbered INSERT or UPDATE of one row for all rows of a table that is ``given``; for its
    parameters stands what is ``said`` for their places."""
    insert = _INSERT.fullmatch(sql)
    if insert:
        head, values, tail = insert.groups()
        return f"{head}SELECT {_saying(values, said)} FROM {given}{tail}"
    head, where = _parts_of_update(sql)
    return f"{_saying(head, said)}FROM {given}\n{_saying(where, said)}"


def each_matched(sql: str, place: int) -> str:
    """An UPDATE that is an error unless it changes as many rows as the parameter at ``place`` says:
    then the server itself undoes the transaction, and nobody has to wait for the count."""
    counted = f"SELECT 1 / (count(*) = ${place}::bigint)::int FROM moved"
    return f"WITH moved AS ({sql} RETURNING 1)\n{counted}"


def alike_in(sql: str, rows: Sequence[Sequence[Any]]) -> tuple[int, ...]:
    """The places that hold the same value in all rows, which is then said once."""
    return alike_among(list(zip(*rows, strict=True)), found_by(sql))


def alike_among(columns: Sequence[Sequence[Any]], found_by: frozenset[int]) -> tuple[int, ...]:
    """The places of columns that hold one value for all rows. One place stays for the rows to
    consist of, and what rows are found by stays: the planner must not know it."""
    alike = [
        place
        for place, values in enumerate(columns, 1)
        if values[0] == values[-1]
        and place not in found_by
        and values.count(values[0]) == len(values)
    ]
    return tuple(alike[1:] if len(alike) == len(columns) else alike)


@functools.lru_cache(maxsize=128)
def found_by(sql: str) -> frozenset[int]:
    """The places of what the rows of a numbered statement are found by: none for an INSERT."""
    if _INSERT.fullmatch(sql):
        return frozenset()
    return frozenset(int(place) for place in PARAMETER.findall(_parts_of_update(sql)[1]))


def given_for(rows: Sequence[Sequence[Any]], alike: Sequence[int] = ()) -> list[Any]:
    """The parameters ``for_many`` reads."""
    columns = list(zip(*rows, strict=True))
    arrays = [array_of(columns[place - 1]) for place in apart_from(alike, len(columns))]
    return [*arrays, *(cleaned(columns[place - 1][0]) for place in alike)]


def array_of(values: Sequence[Any]) -> str:
    """Numbers, texts and None as PostgreSQL reads an array of them. What it cannot keep in a text
    is cleaned."""
    if None in values:
        return f"{{{','.join(map(_element, values))}}}"
    if not isinstance(values[0], str):
        return f"{{{','.join(map(str, values))}}}"
    text = _BETWEEN.join(values)
    if text.count(_BETWEEN) >= len(values) or not text.isascii():
        text = _BETWEEN.join(map(cleaned, values))
    return f'{{"{_quoted(text).replace(_BETWEEN, _NEXT)}"}}'


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return f'"{_quoted(cleaned(value))}"' if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def apart_from(alike: Sequence[int], places: int) -> list[int]:
    """The places that are not alike in all rows."""
    return [place for place in range(1, places + 1) if place not in alike]


def _parts_of_update(sql: str) -> tuple[str, str]:
    update = _UPDATE.fullmatch(sql)
    assert update, f"neither an INSERT nor an UPDATE with a WHERE: {sql}"
    return update[1], update[2]


def _saying(sql: str, said: Mapping[int, str]) -> str:
    return PARAMETER.sub(lambda found: said[int(found[1])], sql)
