"""What a service's answer says about a launch, by its HTTP code: one table for everyone.

Refused is only what was definitely not started. Everything else is unclear, and goes to ``find``.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Collection

from bydawn.core.sightings import Failure, FailureClass, LaunchRefused, LaunchUnclear

# The service got it, and may be at it.
_AMBIGUOUS = frozenset({302, 303, 408, 409, 425})
# A person must act: a key, a bill, a proxy, a certificate.
_FOR_A_PERSON = frozenset({401, 402, 403, 407})
_SLOW_DOWN = 429
_UNNAMED_WAIT_MS = 60_000
_LONGEST_WAIT_MS = 7 * 86_400_000
_SECONDS = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")


def classified_launch(
    code: int, words: str, retry_after_ms: int | None = None, refused: Collection[int] = ()
) -> LaunchRefused | LaunchUnclear:
    """What an answer other than 2xx means for a launch. ``refused`` are codes above 499 with which
    the service is known to have started nothing; ``words`` are its own, made harmless."""
    told = f"HTTP {code}{f': {words}' if words else ''}"
    if code in _AMBIGUOUS or (code >= 500 and code not in refused):
        return LaunchUnclear(told)
    if code == _SLOW_DOWN:
        wait = _UNNAMED_WAIT_MS if retry_after_ms is None else retry_after_ms
        return LaunchRefused(Failure(FailureClass.HELD, "http_429", told, wait))
    return LaunchRefused(Failure(_kind(code), f"http_{code}", told, retry_after_ms))


def _kind(code: int) -> FailureClass:
    if code >= 500:
        return FailureClass.TRANSIENT
    return FailureClass.AUTH if code in _FOR_A_PERSON else FailureClass.PERMANENT


def needs_a_person(code: int) -> bool:
    """Whether looking again changes nothing until somebody has done something."""
    return code in _FOR_A_PERSON


def retry_after_ms(header: str | None, now: int) -> int | None:
    """Retry-After in either form, seconds or a date, as a length from ``now``; None where there is
    none, or none that can be read."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return min(round(float(text[:20]) * 1000), _LONGEST_WAIT_MS)
    try:
        at_ms = round(email.utils.parsedate_to_datetime(text).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0, at_ms - now), _LONGEST_WAIT_MS)
