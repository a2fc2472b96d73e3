"""What went wrong with a call to a vendor: refused, unclear, wait, or a person's affair."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from bydawn.backends.managed.claude_agent import ANTHROPIC
from bydawn.backends.managed.gemini import GOOGLE
from bydawn.backends.managed.openai_vendor import OPENAI
from bydawn.backends.managed.sdk_line import Unreadable
from bydawn.backends.managed.troubles import launch_answer, trouble_of
from bydawn.core.sightings import FailureClass, LaunchRefused, LaunchUnclear

TRANSIENT, HELD = FailureClass.TRANSIENT, FailureClass.HELD
PERMANENT, AUTH = FailureClass.PERMANENT, FailureClass.AUTH
UNCLEAR = FailureClass.AMBIGUOUS


class Said(Exception):
    """An SDK's error for an answer, in the shape all three of them have."""

    def __init__(self, http: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"Error code: {http}")
        self.status_code, self.body = http, body
        self.response = SimpleNamespace(headers=headers or {})


def google(code: int, word: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "status": word, "message": message, "details": list(details)}}


def anthropic(kind: str, message: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
PER_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
OVERLOADED = "The model is overloaded. Please try again later."

ANSWERS: list[tuple[Any, int, Any, FailureClass, str, bool]] = [
    # Whatever the vendor: by the code of the answer.
    (GOOGLE, 401, None, AUTH, "key_refused", True),
    (OPENAI, 401, {"code": "invalid_api_key", "message": "no"}, AUTH, "key_refused", True),
    (ANTHROPIC, 401, anthropic("authentication_error"), AUTH, "key_refused", True),
    (ANTHROPIC, 402, anthropic("billing_error"), AUTH, "billing", True),
    (OPENAI, 403, None, AUTH, "forbidden", True),
    (OPENAI, 404, {"code": "model_not_found", "message": "no"}, PERMANENT, "not_found", True),
    (OPENAI, 400, {"code": "invalid_request", "message": "no"}, PERMANENT, "refused", True),
    (ANTHROPIC, 413, anthropic("request_too_large"), PERMANENT, "too_large", True),
    (GOOGLE, 422, None, PERMANENT, "refused", True),
    (OPENAI, 408, None, UNCLEAR, "timeout", False),
    (OPENAI, 409, None, UNCLEAR, "conflict", False),
    (OPENAI, 425, None, UNCLEAR, "too_early", False),
    (OPENAI, 302, "", UNCLEAR, "redirected", False),
    (OPENAI, 307, "", TRANSIENT, "redirected", True),
    (OPENAI, 500, {"message": "oops"}, UNCLEAR, "server_error", False),
    (GOOGLE, 502, "<html>Bad gateway</html>", UNCLEAR, "server_error", False),
    (ANTHROPIC, 504, anthropic("timeout_error"), UNCLEAR, "server_error", False),
    # What a vendor says in words of its own.
    (GOOGLE, 503, google(503, "UNAVAILABLE", OVERLOADED), TRANSIENT, "overloaded", True),
    (GOOGLE, 503, google(503, "UNAVAILABLE", "try later"), UNCLEAR, "server_error", False),
    (GOOGLE, 400, google(400, "INVALID_ARGUMENT", "no", BAD_KEY), AUTH, "key_refused", True),
    (GOOGLE, 400, google(400, "INVALID_ARGUMENT", "bad"), PERMANENT, "refused", True),
    (GOOGLE, 429, google(429, "RESOURCE_EXHAUSTED", "no", PER_DAY), HELD, "quota", True),
    (GOOGLE, 429, google(429, "RESOURCE_EXHAUSTED", "no"), HELD, "rate_limited", True),
    (OPENAI, 429, {"code": "insufficient_quota", "message": "no"}, AUTH, "billing", True),
    (OPENAI, 429, {"code": "rate_limit_exceeded", "message": "no"}, HELD, "rate_limited", True),
    (OPENAI, 503, {"message": "overloaded"}, UNCLEAR, "server_error", False),
    (ANTHROPIC, 529, anthropic("overloaded_error"), TRANSIENT, "overloaded", True),
    (ANTHROPIC, 529, None, UNCLEAR, "server_error", False),
    (ANTHROPIC, 409, anthropic("invalid_request_error"), PERMANENT, "refused", True),
    (ANTHROPIC, 429, anthropic("rate_limit_error"), HELD, "rate_limited", True),
    (
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "Your credit balance is too low"),
        AUTH,
        "billing",
        True,
    ),
]


@pytest.mark.parametrize(("vendor", "http", "body", "kind", "code", "definite"), ANSWERS)
def test_answers_are_judged_by_one_table(
    vendor: Any, http: int, body: Any, kind: FailureClass, code: str, definite: bool
) -> None:
    trouble = trouble_of(Said(http, body), vendor.rows)
    assert (trouble.failure.kind, trouble.failure.code) == (kind, code)
    assert trouble.is_definite is definite
    assert trouble.is_gone is (http == 404)
    expected = LaunchRefused if definite else LaunchUnclear
    assert isinstance(launch_answer(trouble), expected)


REQUEST = httpx2.Request("POST", "https://vendor.test/v1")
LINES: list[tuple[BaseException, FailureClass, str, bool]] = [
    (httpx2.ConnectError("refused"), TRANSIENT, "unreachable", True),
    (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), AUTH, "tls", True),
    (httpx2.ConnectTimeout("slow"), TRANSIENT, "unreachable", True),
    (httpx2.PoolTimeout("busy"), TRANSIENT, "unreachable", True),
    (httpx2.UnsupportedProtocol("no scheme"), PERMANENT, "base_url", True),
    (httpx2.ReadTimeout("slow"), UNCLEAR, "timeout", False),
    (httpx2.WriteTimeout("slow"), UNCLEAR, "timeout", False),
    (httpx2.RemoteProtocolError("Server disconnected"), UNCLEAR, "broken_line", False),
    (httpx2.ReadError("reset"), UNCLEAR, "broken_line", False),
    (Unreadable("the reply is a web page"), UNCLEAR, "malformed", False),
    (ValueError("not JSON"), UNCLEAR, "malformed", False),
]


@pytest.mark.parametrize(("cause", "kind", "code", "definite"), LINES)
def test_a_line_that_fails_is_definite_only_where_it_never_stood(
    cause: BaseException, kind: FailureClass, code: str, definite: bool
) -> None:
    """The SDKs wrap what happened on the line in errors of their own."""
    error = RuntimeError("Connection error.")
    error.__cause__ = cause
    trouble = trouble_of(error)
    assert (trouble.failure.kind, trouble.failure.code) == (kind, code)
    assert trouble.is_definite is definite


def test_a_good_code_with_a_reply_that_cannot_be_read_is_unclear() -> None:
    error = Said(200, "<html>log in</html>")
    assert trouble_of(error, GOOGLE.rows).is_definite is False


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7_000),
        ({"retry-after": "1.5"}, 1_500),
        ({"retry-after-ms": "250", "retry-after": "9"}, 250),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 13:00:30 GMT",
                "date": "Fri, 20 Nov 2026 13:00:00 GMT",
            },
            30_000,
        ),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], expected: Any) -> None:
    failure = trouble_of(Said(503, None, headers)).failure
    assert failure.retry_after_ms == expected


def test_a_wait_is_taken_from_the_header_or_the_envelope_or_is_half_a_minute() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    told = trouble_of(Said(429, google(429, "RESOURCE_EXHAUSTED", "no", info)), GOOGLE.rows)
    assert told.failure.retry_after_ms == 34_500
    assert trouble_of(Said(429, None, {"retry-after": "3"})).failure.retry_after_ms == 3_000
    assert trouble_of(Said(429)).failure.retry_after_ms == 30_000
    daily = trouble_of(Said(429, google(429, "X", "no", PER_DAY)), GOOGLE.rows)
    assert daily.failure.retry_after_ms is None


def test_no_message_tells_the_key_or_goes_on_without_end() -> None:
    body = {"message": "Incorrect API key provided: sk-secret-1." + " and so on" * 500}
    message = trouble_of(Said(401, body), OPENAI.rows, "sk-secret-1").failure.message
    assert "sk-secret" not in message
    assert "[key]" in message
    assert len(message) <= 400
    assert "\n" not in trouble_of(Said(500, {"message": "a\nb"})).failure.message


@pytest.mark.parametrize(
    "body", [None, [], "x", 7, {"error": None}, {"error": ["x"]}, {"message": {"a": 1}}]
)
def test_an_envelope_of_any_shape_is_read(body: Any) -> None:
    assert trouble_of(Said(503, body), GOOGLE.rows).failure.code == "server_error"
