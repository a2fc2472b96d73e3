"""Whatever an agent prints is read without harm, and read the same however it arrives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_agents import AGENTS

from bydawn.backends.agents.transcript import Transcript
from bydawn.backends.agents.words import Said
from bydawn.core.sightings import Alive, Failure, FailureClass, Outcome
from bydawn.processes.lines import Lines
from bydawn.testing.fakes.envelopes import VENDORS

_NAMES = st.sampled_from(
    ["type", "event", "subtype", "is_error", "result", "status", "response", "usage", "modelUsage",
     "stats", "error", "message", "item", "denied_actions", "errors", "structured_output",
     "total_cost_usd", "rate_limit_info", "resetsAt", "content"]
)  # fmt: skip
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4)
)
_KINDS = st.sampled_from(["result", "assistant", "user", "error", "turn.completed", "turn.failed",
                          "item.completed", "rate_limit_event", "message", "init"])  # fmt: skip
_ENDED = Outcome(exit_code=0, ended_at=1_795_000_000_000)
_FAILED = Outcome(Failure(FailureClass.TRANSIENT, "exit_1"), 1, ended_at=1_795_000_000_000)


def _transcript(agent: str) -> Transcript:
    return AGENTS[agent].transcript(object.__new__(AGENTS[agent]))


@given(st.sampled_from(list(AGENTS)), _KINDS, st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_any_event_is_taken(agent: str, kind: str, fields: dict[str, Any]) -> None:
    for name in ("type", "event"):
        for outcome in (_ENDED, _FAILED):
            transcript = _transcript(agent)
            transcript.take({**fields, name: kind})
            transcript.seen(Alive())
            ended = transcript.ended(outcome, "")
            assert ended.failure is not None or ended.exit_code == 0
            assert all(count >= 0 for count in ended.usage.tokens.values())
            if ended.result is not None:
                json.loads(ended.result)


@given(st.sampled_from(list(AGENTS)), st.binary(max_size=300))
def test_any_bytes_before_a_good_end_change_nothing(agent: str, noise: bytes) -> None:
    vendor = VENDORS[agent]([])
    transcript = _transcript(agent)
    lines = Lines(transcript.take, 1_000_000)
    lines.hear(noise + b"\n")
    lines.hear("".join(vendor.end("fine")).encode())
    assert transcript.ended(_ENDED, "").result == '"fine"'


@given(st.sampled_from(list(AGENTS)), st.lists(st.integers(1, 90), max_size=30))
def test_it_does_not_matter_how_an_envelope_arrives(agent: str, cuts: list[int]) -> None:
    whole = "".join((*VENDORS[agent]([]).step("x"), *VENDORS[agent]([]).end("fine"))).encode()
    transcript = _transcript(agent)
    lines = Lines(transcript.take, 1_000_000)
    for cut in cuts:
        lines.hear(whole[:cut])
        whole = whole[cut:]
    lines.hear(whole)
    assert transcript.ended(_ENDED, "").result == '"fine"'


_AT = 1_795_046_400_000  # 2026-11-19 00:00 UTC


@pytest.mark.parametrize(
    ("message", "retry_ms"),
    [
        (f"Claude AI usage limit reached|{_AT // 1000 + 60}", 60_000),
        (f"Claude AI usage limit reached|{_AT // 1000 - 60}", 0),
        ("You've hit your limit · resets 3am (UTC)", 3 * 3_600_000),
        ("You've hit your session limit · resets 12:30am (Europe/Berlin)", 84_600_000),
        ("You've hit your limit · resets 3pm (Nowhere/Land)", None),
        ("You've hit your usage limit. Try again in 1 hour 5 minutes.", 65 * 60_000),
        ("You've hit your usage limit. Try again in 2 days.", 2 * 86_400_000),
        ("quota exceeded. Your quota will reset after 14h32m10s.", 52_330_000),
        ('Quota exceeded: "retryDelay":"34.07s"', 34_070),
        ("You've hit your usage limit. Try again at 8:05 PM.", (20 * 60 + 5) * 60_000),
        ("Credit balance is too low", None),
    ],
)
def test_when_a_quota_is_there_again(message: str, retry_ms: int | None) -> None:
    failure = Said(message, _AT).failure()
    assert failure is not None
    assert (failure.kind, failure.code) == (FailureClass.HELD, "quota")
    assert failure.retry_after_ms == retry_ms


@given(st.text(max_size=200), st.none() | st.integers(0, 2**40))
def test_any_message_has_a_meaning_or_none(message: str, at: int | None) -> None:
    failure = Said(message, at).failure(FailureClass.TRANSIENT, "error")
    assert failure is not None
    assert failure.retry_after_ms is None or failure.retry_after_ms >= 0
    assert failure.message.isprintable()
