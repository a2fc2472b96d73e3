"""Every recipe is run as it is written: each script, and then what the page says it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from saying import with_program

pytestmark = pytest.mark.wide

ROOT = Path(__file__).parents[2]
RECIPES = (
    "cli-agents", "from-a-laptop-to-ray", "job-services", "leases-from-bash",
    "leases-from-python", "managed-agents", "where-a-gate-must-stand",
)  # fmt: skip
_STEP = re.compile(r"```(bash|python)\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
_SCRIPT = re.compile(r"```(?:bash|python)\n")
_PROGRAMS = {"bash": ["bash", "-u", "-c"], "python": [sys.executable, "-c"]}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """``bydawn`` is on the path, and nobody's git settings are."""
    settings = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return {**with_program(tmp_path), **settings}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says(name: str, tmp_path: Path, environment: dict[str, str]) -> None:
    text = (ROOT / "docs" / "recipes" / f"{name}.md").read_text("utf-8")
    steps = _STEP.findall(text)
    assert len(steps) == len(_SCRIPT.findall(text)) > 0, "each script says what it prints"
    here = tmp_path / "here"
    here.mkdir()
    for language, script, expected in steps:
        done = subprocess.run(
            [*_PROGRAMS[language], script], cwd=here, env=environment, capture_output=True,
            text=True, timeout=100, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (expected, ""), script
