"""Command-line agents: what they are started with, and how every ending of theirs is judged.

The fakes print what the real programs were seen to print; ``make e2e`` runs the real ones.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ordered import around, handle_of, outcome_of, request, until

from bydawn.backends.agents.agent import AgentBackend
from bydawn.backends.agents.agy import AgyBackend
from bydawn.backends.agents.claude_code import ClaudeCodeBackend
from bydawn.backends.agents.codex import CodexBackend
from bydawn.backends.agents.gemini_cli import GeminiCliBackend
from bydawn.core.sightings import (
    Absent,
    Alive,
    Ended,
    FailureClass,
    Found,
    Launched,
    LaunchRefused,
    Outcome,
    Request,
)
from bydawn.processes.runs import LocalRuns
from bydawn.testing.fakes.agents import install, launches

AGENTS: dict[str, type[AgentBackend]] = {
    "claude": ClaudeCodeBackend,
    "codex": CodexBackend,
    "gemini": GeminiCliBackend,
    "agy": AgyBackend,
}
_HELD, _AUTH = FailureClass.HELD, FailureClass.AUTH
_PERMANENT, _TRANSIENT = FailureClass.PERMANENT, FailureClass.TRANSIENT


class Stage:
    """One state folder, the four fakes on PATH, and a backend of each."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.bin = folder / "bin"
        (folder / "home").mkdir()
        install(self.bin)
        self.runs = LocalRuns(self.state, "runner-1")
        self.machine = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "ANTHROPIC_API_KEY": "k-anthropic",
            "OPENAI_API_KEY": "k-openai",
            "GEMINI_API_KEY": "k-gemini",
            "OTHER_KEY": "k-other",
        }

    def backend(self, name: str) -> AgentBackend:
        return AGENTS[name](around(self.runs, self.machine))

    def request(self, prompt: str, name: str = "one", **more: Any) -> Request:
        payload = {"prompt": prompt, **more.pop("payload", {})}
        return request(self.state, name, payload, **more)

    def outcome(self, agent: str, scene: str, **more: Any) -> Outcome:
        wanted = self.request(f"write it [scene {scene}]", **more)
        return outcome_of(self.backend(agent), wanted)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.runs.close()


@pytest.mark.parametrize("agent", AGENTS)
def test_a_good_end_has_its_answer_and_its_meter(stage: Stage, agent: str) -> None:
    outcome = stage.outcome(agent, "ok")
    assert outcome.failure is None
    assert outcome.exit_code == 0
    assert outcome.result == '"done: write it"'
    tokens = outcome.usage.tokens
    assert tokens["input_tokens"] == 1000
    assert tokens["output_tokens"] == (25 if agent in ("gemini", "agy") else 20)
    assert tokens.get("cache_read_tokens", 0) == (0 if agent == "agy" else 100)
    assert outcome.usage.cost_micros == (12_500 if agent == "claude" else None)


_EVERYWHERE = [
    ("auth", _AUTH, "auth"),
    ("overloaded", _TRANSIENT, None),
    ("unavailable", _TRANSIENT, None),
    ("rate-limit", _TRANSIENT, "http_429"),
    ("bad-model", _PERMANENT, "unknown_model"),
    ("overflow", _PERMANENT, "context_overflow"),
    ("quota", _HELD, "quota"),
    ("refusal", _PERMANENT, "refused_by_model"),
    ("crash", _TRANSIENT, "exit_1"),
    ("cut", _TRANSIENT, "no_envelope"),
]
_SOMEWHERE = [
    ("claude", "credit", _HELD, "quota"),
    ("claude", "invalid", _PERMANENT, "invalid_request"),
    ("claude", "budget", _PERMANENT, "budget"),
    ("claude", "turns", _PERMANENT, "turn_limit"),
    ("claude", "limited", _HELD, "quota"),
    ("codex", "credit", _HELD, "quota"),
    ("codex", "invalid", _PERMANENT, "invalid_request"),
    ("gemini", "credit", _HELD, "quota"),
    ("gemini", "invalid", _PERMANENT, "invalid_request"),
    ("gemini", "turns", _PERMANENT, "turn_limit"),
    ("gemini", "loop", _PERMANENT, "tool_loop"),
    ("agy", "late", _TRANSIENT, "own_timeout"),
    ("agy", "denied", _PERMANENT, "denied"),
]
_ENDINGS = [(agent, *row) for agent in AGENTS for row in _EVERYWHERE] + _SOMEWHERE


@pytest.mark.parametrize(("agent", "scene", "kind", "code"), _ENDINGS)
def test_every_bad_end_is_told_apart(
    stage: Stage, agent: str, scene: str, kind: FailureClass, code: str | None
) -> None:
    outcome = stage.outcome(agent, scene)
    failure = outcome.failure
    assert failure is not None
    assert (failure.kind, failure.code) == (kind, code or failure.code)
    assert failure.code != "error"
    assert failure.message
    assert outcome.result is None


@pytest.mark.parametrize("agent", AGENTS)
def test_an_empty_answer_is_no_result(stage: Stage, agent: str) -> None:
    outcome = stage.outcome(agent, "silent")
    assert (outcome.failure, outcome.result) == (None, None)
    assert stage.backend(agent).capabilities.wants_result


def test_what_was_denied_and_came_to_nothing_is_not_tried_again(stage: Stage) -> None:
    failure = stage.outcome("claude", "denied").failure
    assert failure is not None
    assert (failure.kind, failure.code) == (_PERMANENT, "denied")
    assert "Bash" in failure.message


def test_a_claude_in_flight_is_known_to_have_used_at_least_this() -> None:
    transcript = ClaudeCodeBackend.transcript(object.__new__(ClaudeCodeBackend))
    told = {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 2}
    for name in ("m1", "m1", "m2"):
        transcript.take({"type": "assistant", "message": {"id": name, "usage": told}})
    assert transcript.seen(Alive()).usage.tokens["input_tokens"] == 210
    # Without its last word nobody knows what it came to.
    assert transcript.ended(Outcome(), "").usage.tokens == {}


@pytest.mark.parametrize(
    ("agent", "asks", "goes_on"),
    [
        (
            "claude",
            {"type": "assistant", "message": {"content": [{"name": "AskUserQuestion"}]}},
            {"type": "user"},
        ),
        (
            "agy",
            {"event": "step_update", "status": "WAITING_FOR_USER", "text": "which?"},
            {"event": "step_update", "status": "DONE"},
        ),
    ],
)
def test_a_question_is_seen_until_it_goes_on(
    agent: str, asks: dict[str, Any], goes_on: dict[str, Any]
) -> None:
    transcript = AGENTS[agent].transcript(object.__new__(AGENTS[agent]))
    transcript.take(asks)
    assert transcript.seen(Alive()).needs_input
    transcript.take(goes_on)
    assert transcript.seen(Alive()).needs_input is None


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("scene", ["noise", "flood", "forged"])
def test_what_it_prints_beside_does_not_hide_the_answer(
    stage: Stage, agent: str, scene: str
) -> None:
    outcome = stage.outcome(agent, scene)
    assert outcome.failure is None, outcome.failure
    answers = {"noise": "done: write it", "flood": "after the flood", "forged": "the real answer"}
    assert json.loads(outcome.result or "") == answers[scene]
    assert outcome.usage.tokens["input_tokens"] == 1000
    run = stage.state / "runs/one"
    assert (run / "answer.log").stat().st_size <= 10_000_100
    assert (run / "output.log").stat().st_size <= 10_000_100


@pytest.mark.parametrize(
    ("agent", "scene", "least", "most"),
    [
        ("codex", "quota", 2 * 86_400_000, 3 * 86_400_000),
        ("gemini", "credit", 52_330_000, 52_330_000),
        ("agy", "quota", 7_200_000, 7_200_000),
        ("claude", "quota", 86_400_000, None),
        ("claude", "limited", 86_400_000, None),
    ],
)
def test_a_spent_quota_is_held_until_it_is_there_again(
    stage: Stage, agent: str, scene: str, least: int, most: int | None
) -> None:
    failure = stage.outcome(agent, scene).failure
    assert failure is not None
    assert failure.retry_after_ms is not None
    assert least <= failure.retry_after_ms
    assert most is None or failure.retry_after_ms <= most


def test_spent_money_of_a_run_that_was_cut_off_counts(stage: Stage) -> None:
    usage = stage.outcome("claude", "budget").usage
    assert (usage.cost_micros, usage.tokens["input_tokens"]) == (12_500, 1000)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_run_that_never_said_what_it_used_is_not_called_free(stage: Stage, agent: str) -> None:
    for scene in ("crash", "cut"):
        usage = stage.outcome(agent, scene, name=scene).usage
        assert (usage.tokens, usage.cost_micros) == ({}, None)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_run_in_flight_is_seen_to_move_and_can_be_ended(stage: Stage, agent: str) -> None:
    backend = stage.backend(agent)
    handle = handle_of(backend, stage.request("think [scene slow]"))
    seen: set[str] = set()

    def moved() -> bool:
        sighting = backend.poll(handle)
        assert isinstance(sighting, Alive)
        seen.add(sighting.steps)
        return len(seen) > 3

    until(moved)
    backend.cancel(handle, "timeout")
    until(lambda: isinstance(backend.poll(handle), Ended))
    sighting = backend.poll(handle)
    assert isinstance(sighting, Ended)
    assert sighting.outcome.stopped == "timeout"


def test_one_launch_per_launch_key_whatever_is_asked_again(stage: Stage) -> None:
    for agent in AGENTS:
        backend = stage.backend(agent)
        wanted = stage.request("once", name=f"{agent}-1")
        assert isinstance(backend.find(wanted), Absent)
        first = backend.launch(wanted)
        again = stage.backend(agent).launch(wanted)
        assert isinstance(first, Launched)
        assert isinstance(again, Launched)
        assert first.handle == again.handle
        assert isinstance(backend.find(wanted), Found)
        until(lambda backend=backend, handle=first.handle: isinstance(backend.poll(handle), Ended))
    assert [each["program"] for each in launches(stage.bin)] == list(AGENTS)


@pytest.mark.parametrize("agent", ["claude", "gemini"])
def test_the_vendor_refuses_a_launch_key_it_has_seen(stage: Stage, agent: str) -> None:
    """The run folder is lost, the vendor's own memory is not."""
    backend = stage.backend(agent)
    wanted = stage.request("once", store_id="store-1")
    assert outcome_of(backend, wanted).failure is None
    again = outcome_of(backend, replace(wanted, folder=f"{wanted.folder}-again"))
    assert again.failure is not None
    assert (again.failure.kind, again.failure.code) == (_PERMANENT, "session_in_use")
    other = replace(wanted, folder=f"{wanted.folder}-other", store_id="store-2")
    assert outcome_of(backend, other).failure is None
    sessions = [uuid.UUID(path.name) for path in (stage.bin / "sessions").iterdir()]
    assert {each.version for each in sessions} == {5}


_WORDS = {
    "claude": (
        "-p --output-format stream-json --verbose --session-id ID --permission-mode acceptEdits"
        " --model big --max-budget-usd 1.25 --effort high -- PROMPT"
    ),
    "codex": (
        "exec --json --skip-git-repo-check --sandbox workspace-write --model big --effort high"
        " -- PROMPT"
    ),
    "gemini": (
        "--output-format stream-json --skip-trust --session-id ID --approval-mode auto_edit"
        " --model big --effort high --prompt=PROMPT"
    ),
    "agy": (
        "--output-format stream-json --print-timeout 320s --mode accept-edits --model big"
        " --effort high -p=PROMPT"
    ),
}


@pytest.mark.parametrize("agent", AGENTS)
def test_what_it_is_started_with(stage: Stage, agent: str) -> None:
    payload = {"model": "big", "argv": ["--effort", "high"], "env": {"MINE": "1"},
               "pass_env": ["OTHER_KEY"]}  # fmt: skip
    wanted = stage.request("--yolo please", payload=payload, budget_usd_micros=1_250_000)
    assert outcome_of(stage.backend(agent), wanted).failure is None
    (launch,) = launches(stage.bin)
    words = " ".join(launch["words"]).replace("--yolo please", "PROMPT")
    assert re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", words) == _WORDS[agent]
    keys = {"claude": "ANTHROPIC_API_KEY", "codex": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}
    seen = set(launch["environment"])
    assert {"MINE", "OTHER_KEY", "BYDAWN_DRAFT"} <= seen
    assert seen & set(keys.values()) == ({keys[agent]} if agent in keys else set())
    assert launch["cwd"] == f"{wanted.folder}/draft"


@pytest.mark.parametrize(
    ("agent", "given", "gone"),
    [
        ("claude", ["--permission-mode", "plan"], "acceptEdits"),
        ("claude", ["--resume", "old"], "--session-id"),
        ("claude", ["--max-budget-usd=9"], "1.25"),
        ("codex", ["-s", "read-only"], "workspace-write"),
        ("codex", ["--dangerously-bypass-approvals-and-sandbox"], "workspace-write"),
        ("gemini", ["--yolo"], "auto_edit"),
        ("agy", ["--dangerously-skip-permissions"], "accept-edits"),
        ("agy", ["--print-timeout", "9s"], "320s"),
    ],
)
def test_the_plans_own_words_go_before_ours(
    stage: Stage, agent: str, given: list[str], gone: str
) -> None:
    wanted = stage.request("go", payload={"argv": given}, budget_usd_micros=1_250_000)
    outcome_of(stage.backend(agent), wanted)
    (launch,) = launches(stage.bin)
    assert all(word in launch["words"] for word in given)
    assert gone not in launch["words"]


def test_a_job_that_is_to_cost_nothing_has_no_limit_of_nothing(stage: Stage) -> None:
    outcome_of(stage.backend("claude"), stage.request("go", budget_usd_micros=0))
    (launch,) = launches(stage.bin)
    assert "--max-budget-usd" not in launch["words"]


def test_codex_has_a_home_of_its_own_with_the_users_account(stage: Stage) -> None:
    users = Path(stage.machine["HOME"], ".codex")
    users.mkdir()
    (users / "auth.json").write_text("{}")
    for name in ("one", "two"):
        outcome_of(stage.backend("codex"), stage.request("go", name=name))
    homes = [Path(launch["codex_home"]) for launch in launches(stage.bin)]
    assert homes == [stage.state / f"runs/{name}/codex" for name in ("one", "two")]
    assert [home.joinpath("auth.json").resolve() for home in homes] == [users / "auth.json"] * 2
    assert not homes[0].joinpath("config.toml").exists()


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("prompt", "code"), [("", "spawn"), ("x" * 140_000, "prompt_too_long")], ids=["none", "long"]
)
def test_what_cannot_be_asked_is_refused(stage: Stage, agent: str, prompt: str, code: str) -> None:
    answer = stage.backend(agent).launch(stage.request(prompt))
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.code) == (_PERMANENT, code)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_program_that_is_not_there_is_refused(stage: Stage, agent: str) -> None:
    (stage.bin / agent).unlink()
    answer = stage.backend(agent).launch(stage.request("go"))
    assert isinstance(answer, LaunchRefused)
    assert f"{agent}: No such file" in answer.failure.message
