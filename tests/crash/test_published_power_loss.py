"""After a loss of power at any moment of a publication: readers see one whole version, none older
than the newest that was acknowledged, and the gate still knows whom to refuse.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lostnames import Disk, traced
from powerloss import REMEDY, can_trace
from publishing import KEPT, KINDS, VERSIONS, claim, content, draft_of, publish

from bydawn.core.errors import BydawnError, Fenced
from bydawn.gates.gate import PublishError
from layers import Count

pytestmark = pytest.mark.wide

_FAST = Path("/dev/shm")
_LATE, _NEXT = VERSIONS + 2, VERSIONS + 4
SLICE = 2
needs_strace = pytest.mark.skipif(not can_trace(), reason=REMEDY)


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def recording(kind: str, folder: Path) -> list[str]:
    (folder / "night" / KEPT).mkdir(parents=True)
    return traced(folder / "night", "publishing.py", kind)


def shown(kind: str, place: Path) -> str | None:
    page = place / "site" if kind == "file" else place / "site" / "page"
    return page.read_text() if page.exists() else None


def wrong_after(disk: Disk, kind: str, seed: int) -> str:
    """What is wrong with what a power loss of this moment leaves; empty where nothing is."""
    with tempfile.TemporaryDirectory(dir=_FAST if _FAST.is_dir() else None) as folder:
        disk.image(random.Random(seed), Path(folder))
        return _wrong_in(Path(folder), kind, disk.acknowledged)


def _wrong_in(folder: Path, kind: str, acknowledged: int) -> str:
    place, drafts = folder / KEPT, folder / "drafts"
    may_be = [content(version) for version in (acknowledged, acknowledged + 1) if version]
    if shown(kind, place) not in (may_be if acknowledged else [None, *may_be]):
        return f"{acknowledged} were acknowledged, readers see {(shown(kind, place) or '')[:40]!r}"
    had = acknowledged > 0
    if had:
        late = draft_of(_LATE, drafts)
        try:
            publish(kind, place, late, claim(acknowledged, late=True), had)
            return "an older claim was let in"
        except Fenced:
            pass
    publish(kind, place, draft_of(_NEXT, drafts), claim(_NEXT), had)
    return "" if shown(kind, place) == content(_NEXT) else "the next version did not come"


def check_losses(kind: str, lines: list[str], folder: Path, rounds: int) -> int:
    """So many losses after each thing that was done."""
    disk, count = Disk(str(folder / "night"), KEPT), 0
    for moment, _ in enumerate(disk.play(lines)):
        for seed in range(rounds):
            count += 1
            wrong = wrong_after(disk, kind, moment * 1_000 + seed)
            assert wrong == "", f"after call {moment}, seed {seed}: {wrong}"
    return count


@needs_strace
def test_what_was_published_survives(kind: str, tmp_path: Path) -> None:
    lines = recording(kind, tmp_path)
    assert sum("fsync(" in line for line in lines) > 2 * VERSIONS
    assert check_losses(kind, lines, tmp_path, SLICE) > 10 * VERSIONS


@needs_strace
@pytest.mark.parametrize("spared", ["files", "folders"])
def test_a_gate_that_does_not_flush_is_caught(kind: str, tmp_path: Path, spared: str) -> None:
    """The images would show it; else they would show nothing."""
    lines = list(without_flushes(recording(kind, tmp_path), spared == "folders"))
    with pytest.raises((AssertionError, BydawnError, PublishError)):
        check_losses(kind, lines, tmp_path, SLICE)


def without_flushes(lines: list[str], of_folders: bool) -> Iterator[str]:
    """A recording of somebody who flushes only files, or only folders."""
    folders: dict[str, bool] = {}
    for line in lines:
        if line.startswith("openat("):
            folders[line.rpartition("= ")[2].strip()] = "O_DIRECTORY" in line
        number = line.removeprefix("fsync(").partition(")")[0]
        if not line.startswith("fsync(") or folders.get(number) != of_folders:
            yield line


@pytest.mark.prove("power lost, images of what is published")
@pytest.mark.timeout(7200)
def test_many_losses_of_power(kind: str, tmp_path: Path, prove_size: int, trials: Count) -> None:
    assert can_trace(), REMEDY
    lines = recording(kind, tmp_path)
    trials(check_losses(kind, lines, tmp_path, max(1, prove_size // 50)))
