"""Whatever services and agents say: it is read, or refused as garbled; and every number that comes
out of it can be kept and added up.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
from typing import Any

import pytest
from spoiling import spoilt

from bydawn.backends.agents.agent import AgentBackend
from bydawn.backends.agents.agy import AgyBackend
from bydawn.backends.agents.claude_code import ClaudeCodeBackend
from bydawn.backends.agents.codex import CodexBackend
from bydawn.backends.agents.gemini_cli import GeminiCliBackend
from bydawn.backends.answers import classified_launch, retry_after_ms
from bydawn.backends.exchange import Garbled, exchanged
from bydawn.backends.readings import Reading
from bydawn.core.believing import MOST, believed
from bydawn.core.sightings import Alive, Ended, Failure, LaunchRefused, Outcome, Usage
from bydawn.processes.lines import Lines
from bydawn.testing.fakes.envelopes import VENDORS
from layers import Count

SLICE = 300
NOW = 1_795_000_000_000
READING = Reading(
    "job.state", {"done": "succeeded"}, "job.code", "job.out", "job.error", "job.progress",
    {"cost_usd": "job.usd", "input_tokens": "job.in", "output_tokens": "job.made"},
)  # fmt: skip
GOOD = {
    "state": "done", "code": 0, "out": {"pages": 3}, "error": "none", "progress": 0.5,
    "usd": "0.25", "in": 900, "made": "12",
}  # fmt: skip
NASTY = (
    None, True, "", " ", -1, 2**63, 10**400, 1e308, -0.0, float("nan"), float("inf"), "1e999999999",
    "-1e-9", "9" * 5000, "²", "--1", "٣", "NaN", "\x00", "\ud800", [], {}, [[[]]], {"": {}}, "done",
    "running", "\x1b[2J", "a" * 70_000,
)  # fmt: skip
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRetry-After: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n1a\r\n" + b'{"job": {"state": "done"}}\r\n0\r\n\r\n'
)
PLAIN = b'HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 14\r\n\r\n{"job": "gone"}'
AGENTS: dict[str, type[AgentBackend]] = {
    "claude": ClaudeCodeBackend,
    "codex": CodexBackend,
    "gemini": GeminiCliBackend,
    "agy": AgyBackend,
}


def check_kept(usage: Usage) -> None:
    assert all(0 <= count <= MOST for count in usage.tokens.values()), usage
    assert usage.cost_micros is None or 0 <= usage.cost_micros <= MOST, usage


def check_services(seeds: range) -> None:
    for seed in seeds:
        chance = random.Random(f"service {seed}")
        job = {**GOOD}
        for name in chance.sample(sorted(job), chance.randrange(1, 4)):
            job[name] = chance.choice(NASTY)
        text = json.dumps({"job": job}).encode()
        text = spoilt(text, chance) if chance.random() < 0.5 else text
        with contextlib.suppress(ValueError, RecursionError):  # it is no JSON, and so no answer
            _check_document(json.loads(text))


def _check_document(document: Any) -> None:
    seen = believed(READING.sighting(document))
    if isinstance(seen, Alive):
        check_kept(seen.usage)
        assert seen.progress is None or abs(seen.progress) < float("inf")
    elif isinstance(seen, Ended):
        check_kept(seen.outcome.usage)
        assert abs(seen.outcome.exit_code or 0) <= MOST


def check_replies(seeds: range) -> None:
    for seed in seeds:
        chance = random.Random(f"reply {seed}")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(spoilt(chance.choice((REPLY, PLAIN)), chance)[:60_000])
            theirs.shutdown(socket.SHUT_WR)
            with contextlib.suppress(Garbled, OSError):
                told = exchanged(ours, b"GET / HTTP/1.1\r\n\r\n", time.monotonic() + 20, 1_000_000)
                after = retry_after_ms(told.headers.get("retry-after"), NOW)
                assert after is None or 0 <= after <= 7 * 86_400_000
                classified_launch(told.code, told.body[:400].decode("utf-8", "replace"), after)


def check_agents(seeds: range) -> None:
    for seed in seeds:
        chance = random.Random(f"agent {seed}")
        name = chance.choice(sorted(AGENTS))
        vendor = VENDORS[name]([])
        said = [*vendor.step("x"), *vendor.end("fine")]
        backend = AGENTS[name]
        transcript = backend.transcript(object.__new__(backend))
        lines = Lines(transcript.take, 1_000_000)
        lines.hear(spoilt("".join(said).encode(), chance))
        lines.finish()
        check_kept(believed(transcript.seen(Alive())).usage)
        check_kept(believed(Ended(transcript.ended(Outcome(exit_code=0), ""))).outcome.usage)


def test_spoilt_answers_of_services() -> None:
    check_services(range(SLICE))


def test_spoilt_replies() -> None:
    check_replies(range(SLICE))


def test_spoilt_words_of_agents() -> None:
    check_agents(range(SLICE))


def test_a_run_without_progress_has_one_witness_in_every_process() -> None:
    seen = READING.sighting({"job": {"state": "running"}})
    assert isinstance(seen, Alive)
    assert seen.witness == "running/[]/None/None"


@pytest.mark.parametrize(
    "header", ["²", "9" * 400, "-1", "1.", ".", "", "Thu, 01 Jan 0001 00:00:00"]
)
def test_how_long_to_wait_can_be_read_or_not(header: str) -> None:
    after = retry_after_ms(header, NOW)
    assert after is None or 0 <= after <= 7 * 86_400_000


def test_a_wait_beyond_any_calendar_is_passed_over() -> None:
    told = believed(LaunchRefused(Failure("held", "quota", retry_after_ms=10**30)))  # type: ignore[arg-type]
    assert told.failure.retry_after_ms is None


@pytest.mark.prove("hostile input: answers of services")
@pytest.mark.timeout(36_000)
def test_many_spoilt_answers_of_services(prove_size: int, trials: Count) -> None:
    trials(prove_size * 20)
    check_services(range(SLICE, SLICE + prove_size * 20))


@pytest.mark.prove("hostile input: HTTP replies, byte by byte")
@pytest.mark.timeout(36_000)
def test_many_spoilt_replies(prove_size: int, trials: Count) -> None:
    trials(prove_size * 10)
    check_replies(range(SLICE, SLICE + prove_size * 10))


@pytest.mark.prove("hostile input: what agents print")
@pytest.mark.timeout(36_000)
def test_many_spoilt_words_of_agents(prove_size: int, trials: Count) -> None:
    trials(prove_size * 10)
    check_agents(range(SLICE, SLICE + prove_size * 10))
