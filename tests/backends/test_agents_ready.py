"""Whether an agent could run here is asked before the night, in a bounded time, and once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_agents import AGENTS, Stage

from bydawn.backends.agents import readiness

_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    readiness._known.clear()
    stage = Stage(tmp_path)
    yield stage
    stage.runs.close()


def _why_not(stage: Stage, agent: str) -> str:
    return stage.backend(agent).readiness().why_not


def _program(stage: Stage, agent: str, script: str) -> None:
    (stage.bin / agent).write_text(f"#!/bin/sh\n{script}\n")


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_there_is_ready_and_has_a_version(stage: Stage, agent: str) -> None:
    ready = stage.backend(agent).readiness()
    assert ready.why_not == ""
    assert ready.version.count(".") == 2


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_missing_says_how_to_get_it(stage: Stage, agent: str) -> None:
    (stage.bin / agent).unlink()
    why = _why_not(stage, agent)
    assert why.startswith(f"{agent} is not on PATH: ")
    assert "install" in why


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 0.0.9", "0.0.9 is too old, "),
        ("echo of course", "does not say its version"),
        ("exit 3", "does not say its version"),
        ("printf '\\377\\376'", "does not say its version"),
        ("sleep 60", "does not answer"),
    ],
)
def test_what_is_no_good_is_told(
    stage: Stage, script: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE_MS", 300)
    _program(stage, "codex", script)
    why = _why_not(stage, "codex")
    assert said in why
    assert "npm install -g @openai/codex" in why


@pytest.mark.parametrize("agent", ["claude", "codex", "gemini"])
def test_nobody_logged_in_is_told_with_what_to_do(stage: Stage, agent: str) -> None:
    for key in _KEYS:
        del stage.machine[key]
    (stage.bin / "logged-out").touch()
    why = _why_not(stage, agent)
    assert why.startswith(f"{agent} is not logged in: run `{agent}")
    assert "_API_KEY" in why


def test_a_key_needs_no_log_in(stage: Stage) -> None:
    (stage.bin / "logged-out").touch()
    for agent in AGENTS:
        assert _why_not(stage, agent) == ""


def test_a_program_is_asked_once(stage: Stage) -> None:
    _program(stage, "claude", f"echo asked >> {stage.bin}/asked; echo 2.1.200")
    for _ in range(3):
        assert _why_not(stage, "claude") == ""
    assert (stage.bin / "asked").read_text() == "asked\n"
    assert os.path.exists(stage.bin / "claude")
