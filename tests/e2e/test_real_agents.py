"""The real claude, codex and gemini, through plans as a user writes them; the models are loopback.

``make e2e`` installs the programs with npm. A program that is not there is a failure with its
remedy, never a test passed over.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_models import Models, running_models

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
_ROOT = Path(__file__).parents[2]
_PROGRAMS = _ROOT / ".venv/npm/node_modules/.bin"
_PROVIDER = (
    'model_providers.loopback={{name="loopback",base_url="{address}/v1",wire_api="responses",'
    'env_key="OPENAI_API_KEY",request_max_retries=0,stream_max_retries=0}}'
)


class Stage:
    """A folder with a site, a remote, and a home nobody lives in."""

    def __init__(self, folder: Path, models: Models) -> None:
        self.folder, self.models = folder, models
        (folder / "home/.gemini").mkdir(parents=True)
        chosen = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
        (folder / "home/.gemini/settings.json").write_text(json.dumps(chosen))
        self._git("init", "--quiet", "--bare", "remote.git")
        self._git("init", "--quiet", "-b", "main", "site")
        (folder / "site/readme").write_text("site\n")
        self._git("-C", "site", "add", "--all")
        self._git("-C", "site", "commit", "--quiet", "-m", "first")
        self._git("-C", "site", "remote", "add", "origin", str(folder / "remote.git"))

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(_PROGRAMS), os.environ["PATH"]))
        return {
            "PATH": path,
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(_ROOT / "src"),
            "ANTHROPIC_BASE_URL": self.models.address,
            "ANTHROPIC_API_KEY": "nobody's",
            "OPENAI_API_KEY": "nobody's",
            "GEMINI_API_KEY": "nobody's",
            "GOOGLE_GEMINI_BASE_URL": self.models.address,
        }

    def run(self, plan: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Run the plan; its exit code, and its jobs by name."""
        (self.folder / "plan.toml").write_text(plan)
        done = self.command("--json", "run", "plan.toml")
        jobs = json.loads(done.stdout)["jobs"] if done.stdout else []
        assert done.stdout, done.stderr
        return done.returncode, {job["job"]: job for job in jobs}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bydawn", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def branch(self, name: str, file: str) -> str:
        return self._git("-C", "remote.git", "show", f"{name}:{file}")

    def _git(self, *words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        done = subprocess.run(["git", *identity, *words], cwd=self.folder, capture_output=True,
                              text=True, check=True)  # fmt: skip
        return done.stdout


@pytest.fixture(autouse=True)
def _programs() -> None:
    for name in ("claude", "codex", "gemini"):
        if shutil.which(name, path=f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}") is None:
            pytest.fail(f"{name} is not installed: `make e2e` installs it, and needs node and npm")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_models() as models:
        yield Stage(tmp_path, models)


def _job(name: str, backend: str, prompt: str, stage: Stage, more: str = "") -> str:
    own = {
        "claude-code": 'env = { CLAUDE_CODE_MAX_RETRIES = "0" }',
        "codex": "argv = ['-c', 'model_provider=\"loopback\"', '-c', "
        f"'{_PROVIDER.format(address=stage.models.address)}']",
        "gemini-cli": 'model = "gemini-2.5-flash"',
    }[backend]
    head = f'[[job]]\nid = "{name}"\nbackend = "{backend}"\nprompt = "{prompt}"\nretries = 0\n'
    return f"{head}{own}\n{more}\n"


_GOOD = ("claude-code", "codex", "gemini-cli")


def test_good_ends_have_answer_meter_and_one_request_each(stage: Stage) -> None:
    plan = "".join(_job(name, name, "please [say fine]", stage) for name in _GOOD)
    code, jobs = stage.run(f'name = "good"\n{plan}')
    assert code == 0, jobs
    assert {job["result"] for job in jobs.values()} == {"fine"}
    for name in _GOOD:
        usage = jobs[name]["usage"]
        assert usage["input_tokens"] == 1000, name
        assert usage["output_tokens"] == 20, name
        assert usage["cache_read_tokens"] == 100, name
    assert float(jobs["claude-code"]["cost_usd"]) > 0
    assert len(stage.models.asked) == len(_GOOD)
    again, _ = stage.run(f'name = "good"\n{plan}')
    assert again == 0
    assert len(stage.models.asked) == len(_GOOD)


def test_bad_ends_are_told_apart(stage: Stage) -> None:
    wanted = {
        ("claude-code", 401): ("parked", "auth"),
        ("claude-code", 529): ("failed", "http_529"),
        ("claude-code", 429): ("failed", "http_429"),
        ("claude-code", 400): ("failed", "invalid_request"),
        ("codex", 401): ("parked", "auth"),
        ("codex", 503): ("failed", "http_503"),
        ("codex", 429): ("failed", "http_429"),
        ("codex", 400): ("failed", "invalid_request"),
        ("gemini-cli", 401): ("parked", "auth"),
        ("gemini-cli", 400): ("failed", "invalid_request"),
    }
    plan = "".join(
        _job(f"{name}-{code}", name, f"please [fail {code}]", stage) for name, code in wanted
    )
    code, jobs = stage.run(f'name = "bad"\n{plan}')
    assert code == 8
    told = {name: (job["state"], job["error"]["code"]) for name, job in jobs.items()}
    assert told == {f"{name}-{code}": end for (name, code), end in wanted.items()}
    one_request = [each for each in stage.models.asked if "gemini" not in each]
    assert len(one_request) == 8


@pytest.mark.parametrize("backend", ["claude-code", "gemini-cli"])
def test_what_an_agent_writes_into_its_workspace_is_published(stage: Stage, backend: str) -> None:
    more = """
workspace = { git = "site", ref = "main" }
expect = { files = ["new"] }
publish = [{ from = ".", git = "origin", branch = "content" }]
"""
    # The prompt names the file by the folder it is in.
    job = _job("write", backend, "please [write {{ draft }}/new]", stage, more)
    code, jobs = stage.run(f'name = "work"\n{job}')
    assert code == 0, jobs
    assert stage.branch("content", "new") == "written\n"
    assert stage.branch("content", "readme") == "site\n"
    assert not (stage.folder / "site/new").exists()


def test_the_remaining_budget_is_kept_by_the_program_too(stage: Stage) -> None:
    job = _job("dear", "claude-code", "please [say fine]", stage, "budget = { usd = 0.0001 }")
    code, jobs = stage.run(f'name = "dear"\n[budget]\nusd = 1\n{job}')
    assert code == 1
    assert jobs["dear"]["error"]["code"] == "budget"
    assert float(jobs["dear"]["cost_usd"]) > 0.0001


def test_nobody_logged_in_starts_nothing(stage: Stage) -> None:
    plan = "".join(_job(name, name, "hello", stage) for name in ("claude-code", "codex"))
    (stage.folder / "plan.toml").write_text(f'name = "out"\n{plan}')
    for key, said in (("ANTHROPIC_API_KEY", "claude"), ("OPENAI_API_KEY", "codex")):
        environment = {name: each for name, each in stage.environment.items() if name != key}
        done = subprocess.run(
            [sys.executable, "-m", "bydawn", "run", "plan.toml"], cwd=stage.folder,
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 69
        assert f"{said} is not logged in" in done.stderr
    assert stage.models.asked == []
