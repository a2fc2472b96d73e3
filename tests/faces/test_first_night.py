"""Pages are walked as they are written, in one folder after another, with every answer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from saying import with_program

pytestmark = pytest.mark.wide

ROOT = Path(__file__).parents[2]
_STEP = re.compile(r"```bash\n(.*?)```\n\n(?:[^`]|`[^`])*?```text\n(.*?)```", re.DOTALL)
_ANYTHING = "…"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**with_program(tmp_path), "HOME": str(tmp_path), "TZ": "UTC"}


def fits(said: str, expected: str) -> bool:
    """Whether it is what the page says, but for what differs each time."""
    parts = map(re.escape, expected.split(_ANYTHING))
    return re.fullmatch("[^\n]*".join(parts), said) is not None


@pytest.mark.parametrize(
    ("page", "length"),
    [
        ("first-night", 10),
        ("recipes/from-a-bash-loop", 4),
        ("recipes/from-cron-mail", 4),
        ("recipes/continuous-integration", 4),
        ("recipes/git-publishing", 3),
    ],
)
def test_a_page_goes_as_it_is_written(
    page: str, length: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    text = (ROOT / f"docs/{page}.md").read_text("utf-8")
    steps = _STEP.findall(text)
    assert len(steps) == text.count("```bash\n") >= length
    here = tmp_path
    for script, expected in steps:
        where = tmp_path / "where"
        done = subprocess.run(
            ["bash", "-c", f"{script}\npwd > {where}"], cwd=here, env=environment, text=True,
            capture_output=True, timeout=100, check=False,
        )  # fmt: skip
        assert fits(done.stdout, expected), (script, done.stdout, done.stderr)
        here = Path(where.read_text().strip())


@pytest.mark.parametrize(
    ("said", "expected", "is_same"),
    [
        ("3 succeeded in 11s\n", "3 succeeded in …\n", True),
        ("3 succeeded in 11s\nmore\n", "3 succeeded in …\n", False),
        ("2 succeeded in 11s\n", "3 succeeded in …\n", False),
    ],
)
def test_what_differs_may_and_nothing_else(said: str, expected: str, is_same: bool) -> None:
    assert fits(said, expected) is is_same
