"""What the words of an agent's failure mean, and when it may be tried again.

None of these programs gives its errors numbers we could rely on, so one table reads their messages.
An agent can print what it likes: only what its program says of itself is read here, and the worst
that a forged message does is to hold or fail the agent's own job.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bydawn.core.sightings import Failure, FailureClass
from bydawn.core.values import value
from bydawn.processes.outcomes import printable

_HELD, _AUTH = FailureClass.HELD, FailureClass.AUTH
_PERMANENT, _TRANSIENT = FailureClass.PERMANENT, FailureClass.TRANSIENT
_HTTP = {
    400: (_PERMANENT, "invalid_request"),
    401: (_AUTH, "auth"),
    402: (_HELD, "quota"),
    403: (_AUTH, "auth"),
    404: (_PERMANENT, "not_found"),
    413: (_PERMANENT, "context_overflow"),
    422: (_PERMANENT, "invalid_request"),
}
# The first that fits decides: a spent quota comes as 429, a context too long as 400.
_WORDS: tuple[tuple[FailureClass, str, tuple[str, ...]], ...] = (
    (_HELD, "quota", (
        "usage limit", "hit your .{0,20}limit", "(session|weekly|monthly|spend) limit",
        "insufficient_quota", "quota exceeded", "exceeded your current quota", "exhausted your",
        "quota will reset", "credit balance", "out of credits", "TerminalQuotaError", "billing",
    )),
    (_PERMANENT, "context_overflow", (
        "prompt is too long", "context[ _](window|length|limit)", "maximum context",
        "input is too long", "ran out of room", "request_too_large",
    )),
    (_PERMANENT, "tool_loop", ("loop (was )?detected", "repetitive tool calls")),
    (_PERMANENT, "turn_limit", ("maximum (number of |session )?turns", "max(imum)?[ _]turns")),
    (_PERMANENT, "refused_by_model", (
        "usage policy", "content[ _]policy", "prohibited_content", "policy_violation",
        "invalid_prompt", "stop_reason.{0,4}refusal",
    )),
    (_PERMANENT, "session_in_use", ("session id .{0,60} already (in use|exists)",)),
    (_AUTH, "auth", (
        "not logged in", "log ?in required", "run /login", "invalid (x-)?api[ -]key",
        "api key not (valid|found)", "authentication", "unauthorized", "invalid auth method",
        "set an auth method", "oauth token", "permission_error", "permission_denied",
    )),
    (_PERMANENT, "unknown_model", (
        "model .{0,80}(not found|not exist|not supported|not available)",
        "(invalid|unknown|unsupported) model", "issue with the selected model",
    )),
    (_PERMANENT, "untrusted_folder", ("trusted (directory|folder|workspace)", "untrusted")),
)  # fmt: skip
_TABLE = tuple((kind, code, re.compile("|".join(words), re.I)) for kind, code, words in _WORDS)
_STATUS = re.compile(
    r"(?:status|api error|http|\bcode|rejected)\W{0,6}(?:code\W{0,3})?([45]\d\d)\b",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"econnre|etimedout|enotfound|eai_again|fetch failed|stream (disconnected|error)|connection"
    r" (error|reset|refused)|network|timed? ?out|overloaded|unavailable|socket hang up",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"limit reached\|(\d{9,11})\b")
_LENGTH = re.compile(
    r"(?:try again|retry|reset|resets|retryDelay)\W{0,4}(?:in|after)?\W{0,4}"
    r"((?:\d+(?:\.\d+)?\s*(?:d|h|m|s)[a-z]*[\s,]*(?:and\s)?)+)",
    re.IGNORECASE,
)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])", re.IGNORECASE)
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_TIME = re.compile(
    r"(?:resets?|try again)(?: at)? (\d{1,2})(?::(\d\d))?\s*([ap]m)(?:\s*\(([\w/+-]+)\))?",
    re.IGNORECASE,
)


@value
class Said:
    """A message and when it was said; ``http`` is the HTTP answer where the program tells it,
    ``reset_at`` when a spent quota is there again."""

    message: str
    at: int | None = None
    http: int | None = None
    reset_at: int | None = None

    def failure(self, kind: FailureClass | None = None, code: str = "") -> Failure | None:
        """What it means; ``kind`` and ``code`` where the words say nothing. None: nothing does."""
        found = self._by_words() or self._by_http() or self._by_network()
        if found is None and kind is not None:
            found = (kind, code)
        if found is None:
            return None
        retry = self._retry_ms() if found[0] in (_HELD, _TRANSIENT) else None
        return Failure(*found, printable(self.message), retry)

    def _by_words(self) -> tuple[FailureClass, str] | None:
        return next(
            ((kind, code) for kind, code, words in _TABLE if words.search(self.message)), None
        )

    def _by_http(self) -> tuple[FailureClass, str] | None:
        code = self.http
        if code is None and (written := _STATUS.search(self.message)):
            code = int(written[1])
        if code is None or code < 400:
            return None
        return _HTTP.get(code, (_TRANSIENT, f"http_{code}"))

    def _by_network(self) -> tuple[FailureClass, str] | None:
        return (_TRANSIENT, "unreachable") if _NETWORK.search(self.message) else None

    def _retry_ms(self) -> int | None:
        if self.reset_at is not None and self.at is not None:
            return max(0, self.reset_at - self.at)
        if self.at is not None and (epoch := _EPOCH.search(self.message)):
            return max(0, int(epoch[1]) * 1000 - self.at)
        if length := _LENGTH.search(self.message):
            parts = _PART.findall(length[1])
            return int(sum(float(n) * _UNIT_MS[unit.lower()] for n, unit in parts))
        return self._until_time()

    def _until_time(self) -> int | None:
        """Until the next time of that name; in UTC where no zone is named."""
        said = _TIME.search(self.message)
        if said is None or self.at is None:
            return None
        hour, minute = int(said[1]) % 12 + 12 * (said[3].lower() == "pm"), int(said[2] or 0)
        try:
            now = datetime.fromtimestamp(self.at / 1000, ZoneInfo(said[4]) if said[4] else UTC)
            then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        except (ValueError, KeyError, OSError):
            return None
        then += timedelta(days=then <= now)
        return int((then - now).total_seconds() * 1000)
