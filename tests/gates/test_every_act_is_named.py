"""Gates at paths: nothing that others see changes twice between two steps, and a writer that dies
before any act at all, named or not, leaves what the next one makes good.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from gate_contract import Crash, Stand, claim
from test_files import FileStand
from test_folders import FolderStand

from acts import Act, heeding
from bydawn.core.errors import Fenced
from bydawn.gates.beside import FOLDER, Beside


class PathStand(Stand, Protocol):
    """A stand whose target is a path."""

    target: Path


MAKERS: dict[str, Callable[[Path], PathStand]] = {"file": FileStand, "folder": FolderStand}


@pytest.fixture(params=list(MAKERS))
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> PathStand:
    return MAKERS[request.param](tmp_path)


def history_of(stand: PathStand) -> list[str]:
    """One write after another: its steps, and between them what was done to names others read."""
    seen = {str(stand.target), str(stand.target.parent / FOLDER / f"{stand.target.name}.json")}
    stand.write(claim(1), "old")
    told: list[str] = []

    def heed(act: Act) -> None:
        if act.path in seen:
            told.append(act.name)

    with heeding(heed):
        stand.write(claim(2), "new", lambda step: told.append(f"step {step}"))
    return told


def nameless(history: list[str]) -> list[str]:
    """Acts that no step parts from the one before."""
    pairs = itertools.pairwise(history)
    return [two for one, two in pairs if "step" not in (one[:4], two[:4])]


def test_a_step_stands_between_any_two_changes_that_others_see(stand: PathStand) -> None:
    told = history_of(stand)
    assert [name for name in told if not name.startswith("step")] != []
    assert [one.removeprefix("step ") for one in told if one.startswith("step")] == [*stand.points]
    assert not nameless(told), told


def test_a_change_without_a_step_is_noticed(
    stand: PathStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Beside.write

    def twice(self: Beside, *given: object, **named: object) -> None:
        whole(self, *given, **named)  # type: ignore[arg-type]
        whole(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Beside, "write", twice)
    assert nameless(history_of(stand))


def test_a_death_before_any_act_is_made_good_by_the_next(stand: PathStand) -> None:
    tokens = itertools.count(1)
    for number in itertools.count(1):
        acts = _mended(stand, tokens, number)
        if len(acts) < number:
            break
    assert number > len(stand.points)


def _mended(stand: PathStand, tokens: Iterator[int], number: int) -> list[str]:
    """A writer that dies before its act of this number, and who comes after it; its acts."""
    old, new = f"old {number}", f"new {number}"
    stand.write(claim(next(tokens)), old)
    late, dying, successor = (next(tokens) for _ in range(3))
    acts = _dies_before(number, lambda: stand.write(claim(dying, effect_key=new), new))
    assert stand.read() in (old, new), acts
    stand.write(claim(successor, effect_key=new), new)
    assert stand.read() == new, acts
    with pytest.raises(Fenced):
        stand.write(claim(late), "late")
    assert stand.read() == new, acts
    return acts


def _dies_before(number: int, write: Callable[[], object]) -> list[str]:
    """What was done or tried; the act of this number is not done."""
    acts: list[str] = []

    def heed(act: Act) -> None:
        acts.append(act.name)
        if len(acts) == number:
            raise Crash(act.name)

    with heeding(heed), contextlib.suppress(Crash):
        write()
    return acts
