"""The allowance a rendering lives on, and the parts of the language that could outgrow it.

Everything that makes a value pays for it here, by its size, before it is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

ALLOWANCE = 4_000_000
_STEP = 4

_left: ContextVar[list[int] | None] = ContextVar("_left", default=None)


@contextmanager
def allowance(amount: int) -> Iterator[None]:
    """Inside, everything is paid for from ``amount``."""
    token = _left.set([amount])
    try:
        yield
    finally:
        _left.reset(token)


def spend(amount: int) -> None:
    left = _left.get()
    if left is not None:
        left[0] -= amount
        if left[0] < 0:
            raise SecurityError("it wants too much time or memory")


def weigh(value: Any) -> int:
    """Roughly the characters a value stands for; looking at it is itself paid for."""
    weight = 0
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str | bytes):
            part = len(current) + _STEP
        elif isinstance(current, int):
            part = current.bit_length() // 8 + _STEP
        elif isinstance(current, dict):
            part = len(current) + _STEP
            waiting.extend(current.values())
        elif isinstance(current, list | tuple):
            part = _STEP
            waiting.extend(current)
        else:
            part = _STEP
        spend(part)
        weight += part
    return weight


def settled(value: Any) -> Any:
    """``value``, or the list an iterator stands for, paid for element by element."""
    if not isinstance(value, Iterator):
        weigh(value)
        return value
    elements = []
    for element in value:
        weigh(element)
        elements.append(element)
    return elements


def shown(value: Any) -> Any:
    """What ``{{ value }}`` puts into the text."""
    if isinstance(value, str | Undefined):
        return value
    if value is None or isinstance(value, bool | list | tuple | dict):
        return _json(value)
    if isinstance(value, int | float):
        return str(value)
    raise SecurityError(f"a {type(value).__name__} is no text; use | list or | join")


def _json(value: Any) -> str:
    weigh(value)
    return json.dumps(value, ensure_ascii=False, default=_no_json)


def _no_json(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)
    raise SecurityError(f"a {type(value).__name__} is no JSON value")


def _shell_quoted(value: Any) -> str:
    """One shell word, whatever is in it."""
    text = str(shown(value))
    spend(4 * len(text))
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _join(values: Any, between: str = "", attribute: Any = None) -> str:
    elements = settled(values)
    if attribute is not None:
        elements = [element[attribute] for element in elements]
    parts = [str(shown(element)) for element in elements]
    spend(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _concat(values: list[Any]) -> str:
    return _join(values)


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> str:
    whole, was, becomes = str(shown(text)), str(shown(old)), str(shown(new))
    spend(len(whole) + whole.count(was) * len(becomes))
    return whole.replace(was, becomes, count)


def _round(number: float, digits: int = 0) -> float:
    return round(number, max(-15, min(digits, 15)))


def _sum(values: Any, start: float = 0) -> Any:
    return sum((value for value in settled(values) if not isinstance(value, str)), start)


def _laps(values: Any) -> Iterator[Any]:
    """The elements of a loop, each lap paid for."""
    for element in values:
        spend(4 * _STEP)
        yield element


def _join_by(between: str, values: Any) -> str:
    return _join(values, between)


def size_of_result(operator: str, left: Any, right: Any) -> int:
    if operator == "%" and isinstance(left, str):
        raise SecurityError('"%" does not format text here; use ~ to put texts together')
    if operator == "**":
        return weigh(left) * 8 * abs(int(right))
    if operator == "*" and isinstance(left, str | list | tuple):
        return weigh(left) * max(0, int(right))
    if operator == "*" and isinstance(right, str | list | tuple):
        return weigh(right) * max(0, int(left))
    return weigh(left) + weigh(right)


GROWING: dict[str, Callable[..., Any]] = {"join": _join_by, "replace": _replace}
OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "join": _join,
    "replace": _replace,
    "round": _round,
    "sh": _shell_quoted,
    "sum": _sum,
    "tojson": _json,
    # Not writable by hand: names no template can spell.
    "~": _concat,
    "laps": _laps,
    "settled": settled,
}
