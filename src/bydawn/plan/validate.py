"""Data against a table: every mistake becomes a complaint in plain words, with a line."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bydawn.plan.complaints import Complaints, Path, quoted
from bydawn.plan.schema import TAG

_T = TypeVar("_T", bound=BaseModel)


def examine(model: type[BaseModel], data: Any, complaints: Complaints) -> list[Path]:
    """Complain about everything in ``data`` that ``model`` does not allow; the places of it."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return [_complain(model, detail, complaints) for detail in error.errors(include_url=False)]
    except RecursionError:
        complaints.add((), "it is nested too deeply")
    return []


def accepted(model: type[_T], data: Any) -> _T | None:
    """``data`` as ``model``, or None when something in it is wrong."""
    try:
        return model.model_validate(data)
    except (ValidationError, RecursionError):
        return None


def sound(data: dict[str, Any], wrong: list[Path]) -> dict[str, Any]:
    """A copy of a file's data without the entries something was wrong in."""
    kept = deepcopy(data)
    for path in wrong:
        _remove(kept, path[: 3 if path[:1] == ("job",) else 2])
    return kept


def _remove(data: Any, path: Path) -> None:
    for part in path[:-1]:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return
    if isinstance(data, list):
        data[int(path[-1])] = {}
    elif isinstance(data, dict):
        data.pop(path[-1], None)


def did_you_mean(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else ""


def _complain(model: type[BaseModel], detail: Mapping[str, Any], complaints: Complaints) -> Path:
    path = tuple(part for part in detail["loc"] if not _is_mark(part))
    message, remedy = _words(detail)
    if detail["type"] == "extra_forbidden":
        remedy = did_you_mean(str(path[-1]), list(_fields_at(model, path[:-1])))
    complaints.add(path, message, remedy)
    return path


def _is_mark(part: str | int) -> bool:
    return isinstance(part, str) and (part.startswith(TAG) or part == "[key]")


_KINDS = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list in [ ]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "finite_number": "must be a finite number",
    "int_parsing_size": "is too large a number",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
}


def _words(detail: Mapping[str, Any]) -> tuple[str, str]:
    kind = detail["type"]
    given = detail.get("input")
    bounds: dict[str, Any] = detail.get("ctx", {})
    if kind == "literal_error":
        return _not_listed(str(bounds["expected"]), given)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(f"{bounds[name]:g}"), ""
    if kind == "value_error":
        return str(bounds["error"]), ""
    if kind == "string_pattern_mismatch":
        return f"{quoted(str(given))} does not have the form {bounds['pattern']}", ""
    if kind == "list_type" and detail["loc"] == ("job",) and isinstance(given, dict):
        return "must be a list of tables", "write [[job]], in two brackets"
    if kind in _KINDS:
        return _KINDS[kind], _in_quotes(kind, given)
    return str(detail["msg"]), ""


def _in_quotes(kind: str, given: Any) -> str:
    if kind != "string_type" or not isinstance(given, _MOMENTS):
        return ""
    text = given.isoformat()
    return f"write {quoted(text[:5] if isinstance(given, datetime.time) else text)}"


_MOMENTS = (datetime.datetime, datetime.date, datetime.time)


def _not_listed(expected: str, given: Any) -> tuple[str, str]:
    words = expected.replace("'", '"')
    listed = expected.replace(" or ", ", ").replace("'", "").split(", ")
    close = get_close_matches(given, listed, 1) if isinstance(given, str) else []
    return f"must be {words}", f'did you mean "{close[0]}"?' if close else ""


def _fields_at(model: type[BaseModel], path: Path) -> Iterator[str]:
    """The keys the table at ``path`` may have."""
    kinds: list[Any] = [model]
    for part in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    for kind in kinds:
        for name, field in kind.model_fields.items() if _is_table(kind) else ():
            yield field.alias or name


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    if _is_table(kind):
        for name, field in kind.model_fields.items():
            if part == (field.alias or name):
                yield from _alternatives(field.annotation)
    elif get_origin(kind) in (list, dict):
        yield from _alternatives(get_args(kind)[-1])


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _alternatives(inner)
    else:
        yield annotation


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
