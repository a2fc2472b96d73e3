"""Nights of command-line agents in workspaces, with the runner killed again and again."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from nightly import Night, kill, until

from bydawn.testing.fakes.agents import install, launches

pytestmark = pytest.mark.wide

_AGENTS = ("claude-code", "codex", "gemini-cli", "agy")
_ITEMS = 3
_JOB = """
[[job]]
id = "{agent}"
backend = "{agent}"
items = "records.jsonl"
key = ["site", "slug"]
prompt = "write {{{{ item.slug }}}} [scene {scene}]"
workspace = {{ git = "site", ref = "main" }}
expect = {{ files = ["agent.txt"] }}
backoff = {{ initial = "50ms", max = "100ms" }}
publish = [{{ from = ".", git = "origin", branch = "{agent}/{{{{ item.slug }}}}" }}]
"""


def _git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class AgentNight(Night):
    """A night with the fakes first on PATH, and a site with a remote."""

    def environment(self) -> dict[str, str]:
        plain = super().environment()
        return {**plain, "PATH": f"{self.folder / 'bin'}{os.pathsep}{plain['PATH']}",
                "GEMINI_API_KEY": "k", "GIT_CONFIG_GLOBAL": "/dev/null"}  # fmt: skip

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    def furnish(self) -> None:
        install(self.folder / "bin")
        _git(self.folder, "init", "--quiet", "--bare", str(self.remote))
        _git(self.folder, "init", "--quiet", "-b", "main", "site")
        site = self.folder / "site"
        (site / "readme").write_text("site\n")
        _git(site, "add", "--all")
        _git(site, "commit", "--quiet", "-m", "first")
        _git(site, "remote", "add", "origin", str(self.remote))
        self.items(_ITEMS)

    def branches(self) -> set[str]:
        listed = _git(self.remote, "for-each-ref", "--format=%(refname:short)", "refs/heads")
        return set(listed.split())


@pytest.fixture
def night(tmp_path: Path) -> AgentNight:
    night = AgentNight(tmp_path)
    night.furnish()
    return night


def test_each_launch_key_is_launched_once_whenever_the_runner_dies(night: AgentNight) -> None:
    jobs = "".join(_JOB.format(agent=agent, scene="edit") for agent in _AGENTS)
    night.plan(f'name = "agents"\n[run]\nparallel = 3\n{jobs}')
    chance = random.Random(5)
    for _ in range(4):
        before = len(launches(night.folder / "bin"))
        runner = night.start("run", "plan.toml")
        target = before + chance.randrange(1, 4)
        until(lambda t=target, r=runner: _launched(night) >= t or r.poll() is not None)
        kill(runner)
    code, batch = night.json("run", "plan.toml")
    assert code == 0, json.dumps(batch)[:2000]
    keys = Counter(each["launch_key"] for each in launches(night.folder / "bin"))
    assert set(keys.values()) == {1}
    assert len(keys) == _ITEMS * len(_AGENTS)
    assert {job["attempts"] for job in batch["jobs"]} == {1}
    slugs = [f"item-{number:04}" for number in range(_ITEMS)]
    assert night.branches() == {f"{agent}/{slug}" for agent in _AGENTS for slug in slugs}
    assert batch["usage"]["input_tokens"] == 1000 * _ITEMS * len(_AGENTS)
    kept = [path.name for path in (night.folder / ".bydawn/runs").glob("*/*/draft/*")]
    assert kept == ["agent.txt"] * len(keys)


def _launched(night: AgentNight) -> int:
    return len(launches(night.folder / "bin"))


def test_a_program_that_is_missing_starts_nothing(night: AgentNight) -> None:
    night.plan('name = "agents"\n' + _JOB.format(agent="codex", scene="edit"))
    (night.folder / "bin/codex").unlink()
    done = night.run("run", "plan.toml")
    assert done.returncode == 69
    assert "codex is not on PATH: npm install -g @openai/codex" in done.stderr
    assert night.run("check", "plan.toml").returncode == 69
    assert not (night.folder / ".bydawn/runs").exists()
    doctor = night.run("doctor", "plan.toml")
    assert "codex is not on PATH" in doctor.stdout
    install(night.folder / "bin")
    doctor = night.run("doctor", "plan.toml")
    assert "codex 0.169.0 is ready" in doctor.stdout
    assert "git origin answers" in doctor.stdout
