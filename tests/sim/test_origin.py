"""The played remote is held against git itself: the same stories end the same way on both."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bydawn.core.errors import Fenced
from bydawn.core.fencing import Claim
from bydawn.gates.gate import no_steps
from bydawn.gates.git import GitGate
from bydawn.testing.origin import Origin
from bydawn.testing.targets import BranchGate
from bydawn.testing.witness import Troubled

Steps = Callable[[str], None]
Made = Callable[[Steps], GitGate]
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/nonexistent"}


@pytest.fixture(params=["git", "played"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """Makes one more gate of the same branch, as another process would."""
    remote = tmp_path / "remote.git"
    if request.param == "git":
        subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True, env=ENVIRONMENT)
        return lambda steps: GitGate(str(remote), "site", tmp_path, ENVIRONMENT, steps)
    quiet = Troubled(lambda: False, lambda: False, lambda _: False, random.Random(1))
    origin = Origin("origin", quiet)
    return lambda steps: BranchGate(origin, "site", tmp_path, steps)


def publish(gate: GitGate, folder: Path, token: int, text: str) -> bool:
    draft = folder / f"draft-{token}"
    (draft / "files").mkdir(parents=True, exist_ok=True)
    (draft / "files" / "page").write_text(text)
    claim = Claim("s", "night/a", token, f"n{token}", effect_key=text)
    return gate.publish(draft, "files", claim).written


def test_newer_claims_are_let_in_and_older_ones_are_not(made: Made, tmp_path: Path) -> None:
    assert publish(made(no_steps), tmp_path, 1, "one")
    assert publish(made(no_steps), tmp_path, 3, "two")
    assert not publish(made(no_steps), tmp_path, 4, "two"), "it stands there already"
    with pytest.raises(Fenced):
        publish(made(no_steps), tmp_path, 2, "one")
    record = made(no_steps).look()
    assert record is not None
    assert (record.claim.token, record.applied) == (3, True)


@pytest.mark.parametrize("step", ["compared", "prepared"])
def test_whoever_is_overtaken_before_its_push_changes_nothing(
    made: Made, tmp_path: Path, step: str
) -> None:
    publish(made(no_steps), tmp_path, 1, "one")

    def overtaken(name: str) -> None:
        if name == step:
            publish(made(no_steps), tmp_path, 9, "newer")

    with pytest.raises(Fenced):
        publish(made(overtaken), tmp_path, 5, "older")
    record = made(no_steps).look()
    assert record is not None
    assert record.claim.token == 9


def test_an_older_one_that_is_overtaken_is_added_to(made: Made, tmp_path: Path) -> None:
    """The commit that came in between stays in the branch, and is built upon."""

    def overtaken(name: str) -> None:
        if name == "prepared" and publish(made(no_steps), tmp_path, 5, "older"):
            return

    assert publish(made(overtaken), tmp_path, 9, "newer")
    record = made(no_steps).look()
    assert record is not None
    assert record.claim.token == 9
