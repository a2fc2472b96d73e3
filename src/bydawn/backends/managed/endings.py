"""How vendors' words for an ending become outcomes. A word nobody has heard of is no ending."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bydawn.core.sightings import Ended, Failure, FailureClass, Outcome, Usage

_PERMANENT = FailureClass.PERMANENT

CANCELLED = Failure(_PERMANENT, "cancelled", "it was cancelled")
INCOMPLETE = Failure(_PERMANENT, "incomplete", "it stopped at a limit before it was done")
OVER_BUDGET = Failure(_PERMANENT, "over_budget", "the vendor ended it at the budget it was given")
REFUSAL = Failure(_PERMANENT, "refusal", "the model refused")
BUDGET = "budget"


def ended(
    failure: Failure | None,
    result: str | None,
    usage: Usage,
    *,
    started_at: int | None = None,
    ended_at: int | None = None,
) -> Ended:
    """An ending; what is ended at its budget is so by its own statement, like one we ended."""
    stopped = BUDGET if failure is not None and failure.code == OVER_BUDGET.code else None
    return Ended(
        Outcome(
            failure,
            result=result,
            usage=usage,
            started_at=started_at,
            ended_at=ended_at,
            stopped=stopped,
        )
    )


def by_code(code: str, message: str, kinds: Mapping[str, FailureClass]) -> Failure:
    """A failure the run itself tells of; what no table has is worth another try."""
    return Failure(kinds.get(code, FailureClass.TRANSIENT), code or "failed", message)


def with_detail(failure: Failure, detail: str) -> Failure:
    """The failure in the vendor's own words as well."""
    return Failure(
        failure.kind, failure.code, f"{failure.message}: {detail}" if detail else failure.message
    )


def moment(value: Any) -> int | None:
    """An instant in milliseconds, from RFC 3339 text or from seconds since the epoch."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return round(value * 1_000) if 0 < value < 1e11 else None
    if not isinstance(value, str):
        return None
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return round((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)


def tables(value: Any) -> list[Mapping[str, Any]]:
    """The objects of what should be a list of them."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def table(value: Any) -> Mapping[str, Any]:
    """What should be an object; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def words(value: Any) -> str:
    """A text, or nothing where there is none."""
    return value if isinstance(value, str) else ""
