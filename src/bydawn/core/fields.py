"""The kinds of values a plan's fields take: texts with a form, lengths, money; and its tables.

Loads pydantic: only what reads or checks a plan imports this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from bydawn.core.lengths import is_time_of_day, parse_length, parse_time_of_day

NAME_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
_VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"
_LENGTH_PATTERN = r"([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"
_ENDS_PATTERN = (
    r"(ok|hang|stubborn|vanish|refuse|held( [0-9]{1,9})?"
    r"|exit (1?[0-9]?[0-9]|2[0-4][0-9]|25[0-5])|error [A-Za-z0-9_.-]+)"
)
_LARGEST = 10**15
_MOST_DOLLARS = 10**9
NONE = "none"


class Table(BaseModel):
    """One table of the file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


def _of_form(pattern: str, words: str) -> AfterValidator:
    form = re.compile(pattern)

    def checked(text: str) -> str:
        if form.fullmatch(text) is None:
            raise ValueError(words)
        return text

    return AfterValidator(checked)


def _text(validator: AfterValidator, pattern: str) -> Any:
    return Annotated[str, validator, WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})]


def _length_checked(least_ms: int) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if parse_length(text) < least_ms:
            raise ValueError("must be longer than nothing")
        return text

    return checked


def _or_none(check: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: text if text == NONE else check(text)


def _time_of_day(text: str) -> str:
    parse_time_of_day(text)
    return text


def _deadline(text: str) -> str:
    if not is_time_of_day(text):
        try:
            _length_checked(1)(text)
        except ValueError:
            raise ValueError(
                'must be a time of day like "06:30" or a length like "7h30m"'
            ) from None
    return text


def _allowed_failures(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"(?:[0-9]{1,2}|100)%", value):
        return value
    raise ValueError('must be a count, or a share like "5%"')


def _cron(text: str) -> str:
    from bydawn.core.schedules import parse_cron

    parse_cron(text)
    return text


def _inside_draft(text: str) -> str:
    if not text or text.startswith("/") or ".." in text.split("/") or "\0" in text:
        raise ValueError("must be a path inside the draft, without ..")
    return text


Name = _text(
    _of_form(NAME_PATTERN, "must be small letters, digits and -, at most 63, no - first"),
    NAME_PATTERN,
)
Variable = _text(
    _of_form(_VARIABLE_PATTERN, "must be the name of an environment variable"), _VARIABLE_PATTERN
)
FromVariable = _text(
    _of_form(rf"env:{_VARIABLE_PATTERN}", 'must name a variable, like "env:BYDAWN_NOTIFY_URL"'),
    f"env:{_VARIABLE_PATTERN}",
)
Callee = _text(
    _of_form(
        r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*",
        'must be "module:function"',
    ),
    r"[^:]+:[^:]+",
)
Ends = _text(
    _of_form(
        _ENDS_PATTERN,
        'must be "ok", "exit 3", "error CODE", "held", "hang", "stubborn", "vanish" or "refuse"',
    ),
    _ENDS_PATTERN,
)
TagValue = _text(_of_form(r"[^=]+=.+", 'must be a tag and its value, like "site=a"'), "[^=]+=.+")
Length = _text(AfterValidator(_length_checked(1)), _LENGTH_PATTERN)
LengthOrZero = _text(AfterValidator(_length_checked(0)), _LENGTH_PATTERN)
LengthOrNone = _text(AfterValidator(_or_none(_length_checked(1))), f"({_LENGTH_PATTERN}|none)")
TimeOfDay = _text(AfterValidator(_time_of_day), "[0-2][0-9]:[0-5][0-9]")
Deadline = _text(
    AfterValidator(_or_none(_deadline)), f"([0-2][0-9]:[0-5][0-9]|{_LENGTH_PATTERN}|none)"
)
Cron = Annotated[str, AfterValidator(_cron)]
DraftPath = _text(AfterValidator(_inside_draft), "[^/].*")
AllowedFailures = Annotated[
    str,
    BeforeValidator(_allowed_failures),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+%$"}]}),
]
Filled = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Field(ge=0, le=_LARGEST)]
Positive = Annotated[int, Field(gt=0, le=_LARGEST)]
Dollars = Annotated[float, Field(ge=0, le=_MOST_DOLLARS, allow_inf_nan=False)]
SomeDollars = Annotated[float, Field(gt=0, le=_MOST_DOLLARS, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Argv = Annotated[list[str], Field(min_length=1)]
