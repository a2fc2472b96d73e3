"""A new attempt goes on with a session where its files still are, and begins anew elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ordered import handle_of, outcome_of, request, until
from test_agents import Stage

from bydawn.core.sightings import Ended, Outcome, Request
from bydawn.testing.fakes.agents import launches

_SESSIONS = {
    "claude": ("--resume", "s"),
    "codex": ("resume", "t-1"),
    "agy": ("--conversation", "c-1"),
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "place").mkdir()
    stage = Stage(tmp_path)
    yield stage
    stage.runs.close()


def _attempt(stage: Stage, generation: int, scenes: str, **payload: Any) -> Request:
    """The n-th generation of one job, in a folder that stays."""
    asked = {"prompt": f"go [scene {scenes}]", "cwd": str(stage.state.parent / "place"), **payload}
    wanted = request(stage.state, f"j_1/1.{generation}", asked)
    return replace(wanted, launch_key=f"key-{generation}")


def _both(stage: Stage, agent: str, first: str, **payload: Any) -> tuple[list[str], Outcome]:
    """What the second attempt is started with after the first one ended so, and its own end."""
    backend = stage.backend(agent)
    scenes = f"{first}, ok"
    assert outcome_of(backend, _attempt(stage, 1, scenes, **payload)).failure is not None
    outcome = outcome_of(stage.backend(agent), _attempt(stage, 2, scenes, **payload))
    return launches(stage.bin)[-1]["words"], outcome


@pytest.mark.parametrize("agent", _SESSIONS)
def test_what_was_cut_off_at_its_work_is_gone_on_with(stage: Stage, agent: str) -> None:
    words, outcome = _both(stage, agent, "worked-overloaded")
    option, session = _SESSIONS[agent]
    assert words[words.index(option) + 1] == session
    assert any("An earlier attempt" in word for word in words)
    assert outcome.failure is None


def test_a_meter_that_counts_on_is_counted_once(stage: Stage) -> None:
    _, outcome = _both(stage, "codex", "worked-overloaded")
    # The first attempt was cut off before its meter spoke: all of the session is the second's.
    assert outcome.usage.tokens["input_tokens"] == 2000
    first = stage.state / "runs/j_1/1.1/answer.log"
    meter = '{"type":"turn.completed","usage":{"input_tokens":1000,"output_tokens":20}}\n'
    first.write_text(first.read_text() + meter)
    sighting = stage.backend("codex").poll("runs/j_1/1.2")
    assert isinstance(sighting, Ended)
    assert sighting.outcome.usage.tokens["input_tokens"] == 1000


@pytest.mark.parametrize(
    "first", ["overloaded", "auth", "overflow", "worked-overflow", "crash", "refusal"]
)
@pytest.mark.parametrize("agent", _SESSIONS)
def test_what_never_worked_or_failed_by_itself_begins_anew(
    stage: Stage, agent: str, first: str
) -> None:
    words, _ = _both(stage, agent, first)
    assert _SESSIONS[agent][0] not in words


@pytest.mark.parametrize("agent", _SESSIONS)
def test_a_draft_and_a_worktree_begin_anew(stage: Stage, agent: str) -> None:
    words, _ = _both(stage, agent, "worked-overloaded", cwd="")
    assert _SESSIONS[agent][0] not in words


@pytest.mark.parametrize("reason", ["interrupt", "timeout"])
def test_what_we_ended_is_gone_on_with_only_after_an_interruption(
    stage: Stage, reason: str
) -> None:
    backend = stage.backend("claude")
    first = _attempt(stage, 1, "hang, ok")
    handle = handle_of(backend, first)

    said = Path(first.folder, "answer.log")
    until(lambda: said.exists() and "thinking" in said.read_text())
    backend.cancel(handle, reason)
    until(lambda: isinstance(backend.poll(handle), Ended))
    outcome_of(backend, _attempt(stage, 2, "hang, ok"))
    assert ("--resume" in launches(stage.bin)[-1]["words"]) is (reason == "interrupt")


def test_codex_finds_its_session_in_the_home_it_was_begun_in(stage: Stage) -> None:
    _both(stage, "codex", "worked-overloaded")
    first, second = (Path(each["codex_home"]) for each in launches(stage.bin))
    assert first != second
    assert first.resolve() == second.resolve()
