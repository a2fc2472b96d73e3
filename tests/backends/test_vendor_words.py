"""What vendors' words for a run's state come to. A word nobody has heard of is no ending."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bydawn.backends.managed import claude_agent, gemini, openai_agents, openai_background
from bydawn.core.sightings import Alive, Ended, FailureClass, Sighting

PERMANENT, TRANSIENT = FailureClass.PERMANENT, FailureClass.TRANSIENT
AUTH, HELD = FailureClass.AUTH, FailureClass.HELD


def verdict(seen: Sighting) -> Any:
    """The kind and code of a failure, "ok", "asks" or the raw word of what is alive."""
    if isinstance(seen, Alive):
        return "asks" if seen.needs_input else seen.raw
    assert isinstance(seen, Ended)
    failure = seen.outcome.failure
    return (failure.kind, failure.code) if failure else "ok"


def said(text: str) -> list[dict[str, Any]]:
    return [{"type": "model_output", "content": [{"type": "text", "text": text}]}]


@pytest.mark.parametrize(
    ("raw", "more", "expected"),
    [
        ("queued", {}, "queued"),
        ("in_progress", {}, "in_progress"),
        ("requires_action", {}, "asks"),
        ("completed", {}, "ok"),
        ("incomplete", {}, (PERMANENT, "incomplete")),
        ("requires_continuation", {}, (PERMANENT, "incomplete")),
        ("budget_exceeded", {}, (PERMANENT, "over_budget")),
        ("cancelled", {}, (PERMANENT, "cancelled")),
        ("failed", {}, (TRANSIENT, "failed")),
        (
            "failed",
            {"errors": [{"code": "x/INTERNAL", "message": "oops"}]},
            (TRANSIENT, "INTERNAL"),
        ),
        ("failed", {"errors": [{"message": "blocked by SAFETY"}]}, (PERMANENT, "failed")),
        ("failed", {"errors": "what"}, (TRANSIENT, "failed")),
        ("dreaming", {}, "dreaming"),
        (None, {}, "unknown"),
        (7, {}, "unknown"),
    ],
)
def test_gemini(raw: Any, more: dict[str, Any], expected: Any) -> None:
    assert verdict(gemini.sighting({"status": raw, **more})) == expected


def test_geminis_answer_is_the_last_thing_it_put_out_and_stays_with_what_it_did_not_finish() -> (
    None
):
    steps = [
        *said("draft"),
        {"type": "function_call"},
        *said("fi"),
        {"type": "thought"},
        *said("nal"),
    ]
    seen = gemini.sighting(
        {
            "status": "incomplete",
            "steps": steps,
            "created": "2026-11-20T01:00:00Z",
            "updated": "2026-11-20T01:00:30.5Z",
            "usage": {"total_input_tokens": 5, "total_output_tokens": 7},
        }
    )
    assert isinstance(seen, Ended)
    outcome = seen.outcome
    assert json.loads(outcome.result or "null") == "final"
    assert (outcome.ended_at or 0) - (outcome.started_at or 0) == 30_500
    assert outcome.usage.tokens == {"input_tokens": 5, "output_tokens": 7}


def test_what_a_vendor_ends_at_its_budget_counts_as_ended_by_the_budget() -> None:
    seen = gemini.sighting({"status": "budget_exceeded"})
    assert isinstance(seen, Ended)
    assert seen.outcome.stopped == "budget"


def test_progress_is_seen_in_steps_and_not_in_spending() -> None:
    first = gemini.sighting({"status": "in_progress", "steps": said("a"), "updated": "1"})
    spent = {"status": "in_progress", "steps": said("a"), "usage": {"total_tokens": 9}}
    second = gemini.sighting(spent)
    assert isinstance(first, Alive)
    assert isinstance(second, Alive)
    assert first.steps == second.steps
    assert first.witness != second.witness


@pytest.mark.parametrize(
    ("raw", "more", "expected"),
    [
        ("queued", {}, "queued"),
        ("in_progress", {}, "in_progress"),
        ("completed", {}, "ok"),
        ("cancelled", {}, (PERMANENT, "cancelled")),
        ("incomplete", {"incomplete_details": {"reason": "x"}}, (PERMANENT, "incomplete")),
        ("incomplete", {"incomplete_details": None}, (PERMANENT, "incomplete")),
        ("failed", {"error": {"code": "server_error"}}, (TRANSIENT, "server_error")),
        ("failed", {"error": {"code": "rate_limit_exceeded"}}, (HELD, "rate_limit_exceeded")),
        ("failed", {"error": {"code": "invalid_prompt"}}, (PERMANENT, "invalid_prompt")),
        ("failed", {"error": {"code": "new_one"}}, (TRANSIENT, "new_one")),
        ("failed", {"error": None}, (TRANSIENT, "failed")),
        ("pondering", {}, "pondering"),
    ],
)
def test_openai_in_the_background(raw: str, more: dict[str, Any], expected: Any) -> None:
    assert verdict(openai_background.sighting({"status": raw, **more})) == expected


def test_a_refusal_without_an_answer_is_a_failure() -> None:
    def message(*parts: dict[str, Any]) -> dict[str, Any]:
        return {"status": "completed", "output": [{"type": "message", "content": list(parts)}]}

    refusal = {"type": "refusal", "refusal": "I will not"}
    text = {"type": "output_text", "text": "done"}
    assert verdict(openai_background.sighting(message(refusal))) == (PERMANENT, "refusal")
    assert verdict(openai_background.sighting(message(refusal, text))) == "ok"


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({"status": "completed"}, None),
        ({"status": "cancelled"}, (PERMANENT, "cancelled")),
        ({"status": "failed"}, (TRANSIENT, "failed")),
        (
            {"status": "failed", "error": {"code": "session_budget_exceeded"}},
            (PERMANENT, "over_budget"),
        ),
        (
            {"status": "failed", "error": {"code": "credit_balance_exhausted"}},
            (AUTH, "credit_balance_exhausted"),
        ),
        (
            {"status": "failed", "error": {"code": "server_overloaded"}},
            (TRANSIENT, "server_overloaded"),
        ),
    ],
)
def test_a_turn_of_openais_agents(turn: dict[str, Any], expected: Any) -> None:
    failure = openai_agents.failure_of(turn)
    assert (failure and (failure.kind, failure.code)) == expected


def idle(reason: str) -> dict[str, Any]:
    return {"type": "session.status_idle", "stop_reason": {"type": reason}}


MESSAGE = {"type": "agent.message", "content": [{"type": "text", "text": "done"}]}
INTERRUPT = {"type": "user.interrupt"}


def error(kind: str) -> dict[str, Any]:
    return {"type": "session.error", "error": {"type": kind, "message": "no"}}


@pytest.mark.parametrize(
    ("session", "newest_first", "expected"),
    [
        ({"status": "idle"}, [], "idle"),
        ({"status": "idle"}, [idle("end_turn"), MESSAGE], "ok"),
        ({"status": "idle"}, [idle("requires_action")], "asks"),
        ({"status": "idle"}, [idle("budget_reached"), MESSAGE], (PERMANENT, "over_budget")),
        ({"status": "idle"}, [idle("refusal")], (PERMANENT, "refusal")),
        ({"status": "idle"}, [idle("retries_exhausted")], (TRANSIENT, "retries_exhausted")),
        (
            {"status": "idle"},
            [idle("retries_exhausted"), error("model_overloaded_error")],
            (TRANSIENT, "model_overloaded_error"),
        ),
        (
            {"status": "idle"},
            [idle("retries_exhausted"), error("billing_error")],
            (AUTH, "billing_error"),
        ),
        ({"status": "idle"}, [idle("something_new")], (TRANSIENT, "something_new")),
        ({"status": "idle"}, [idle("end_turn"), INTERRUPT, MESSAGE], (PERMANENT, "cancelled")),
        ({"status": "idle"}, [INTERRUPT, idle("end_turn"), MESSAGE], "ok"),
        ({"status": "terminated"}, [], (TRANSIENT, "terminated")),
        ({"status": "terminated"}, [idle("end_turn"), MESSAGE], "ok"),
        (
            {"status": "terminated"},
            [error("unknown_error"), idle("end_turn")],
            (TRANSIENT, "unknown_error"),
        ),
        ({"status": "idle", "archived_at": "2026-11-20"}, [], (PERMANENT, "cancelled")),
        ({"status": "idle", "archived_at": "2026-11-20"}, [idle("end_turn")], "ok"),
    ],
)
def test_a_session_of_claude_is_judged_by_its_last_stop(
    session: dict[str, Any], newest_first: list[dict[str, Any]], expected: Any
) -> None:
    assert verdict(claude_agent.sighting(session, newest_first)) == expected


def test_claudes_answer_is_its_last_message() -> None:
    earlier = {"type": "agent.message", "content": [{"type": "text", "text": "working"}]}
    assert claude_agent.answer_of([idle("end_turn"), MESSAGE, earlier]) == "done"
    assert claude_agent.answer_of([]) == ""
