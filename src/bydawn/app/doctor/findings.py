"""What ``doctor`` finds: one value for each thing it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bydawn.core.errors import BydawnError, PlanInvalid
from bydawn.core.values import value

OK, WARN, FAIL = "ok", "warn", "fail"


@value
class Finding:
    """One thing that was looked at. A night may begin with warnings, not with failures."""

    name: str
    level: str
    message: str
    remedy: str = ""


def caught(name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What cannot even be looked at has failed."""
    try:
        yield from look()
    except PlanInvalid as error:
        yield from (Finding(name, FAIL, str(one)) for one in error.complaints)
    except BydawnError as error:
        yield Finding(name, FAIL, error.message, error.remedy)
    except OSError as error:
        yield Finding(name, FAIL, f"{error.filename}: {error.strerror}")
