"""A command that prints is alive; one that reports progress is taken at its word from then on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordered import around, handle_of, request, until

from bydawn.backends.command import CommandBackend
from bydawn.core.sightings import Alive
from bydawn.processes.runs import LocalRuns

STEP = "until [ -e ../go{0} ]; do sleep 0.02; done; {1};"
PRINT, TELL = "echo dot", "echo '{{\"{0}\": {1}}}' >> $BYDAWN_REPORT"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[CommandBackend]:
    runs = LocalRuns(tmp_path, "r_1")
    yield CommandBackend(around(runs, dict(os.environ)))
    runs.close()


class Watched:
    """A command in steps, each taken when it is let go, and what is seen of it."""

    def __init__(self, backend: CommandBackend, state: Path, *steps: str) -> None:
        script = "".join(STEP.format(number, step) for number, step in enumerate(steps))
        self.wanted = request(state, "one", {"shell": script + STEP.format("last", "exit 0")})
        self.folder = Path(self.wanted.folder)
        self.backend, self.handle = backend, handle_of(backend, self.wanted)

    def let_go(self, number: int) -> tuple[str, str]:
        """Take a step; what is seen once its trace is on disk."""
        before = self._traces()
        (self.folder / f"go{number}").touch()
        until(lambda: self._traces() != before)
        return self.seen()

    def seen(self) -> tuple[str, str]:
        sighting = self.backend.poll(self.handle)
        assert isinstance(sighting, Alive)
        return sighting.witness, sighting.steps

    def end(self) -> None:
        (self.folder / "golast").touch()

    def _traces(self) -> list[int]:
        paths = [self.folder / name for name in ("output.log", "report.jsonl")]
        return [path.stat().st_size if path.exists() else 0 for path in paths]


def test_dots_are_progress_until_progress_was_told(backend: CommandBackend, tmp_path: Path) -> None:
    told = [TELL.format("progress", part) for part in ("0.1", "0.1", "0.2")]
    run = Watched(backend, tmp_path, PRINT, told[0], PRINT, told[1], told[2])
    first = run.seen()
    printed = run.let_go(0)
    assert printed[0] != first[0]
    reported = run.let_go(1)
    assert reported != printed
    assert run.let_go(2) == reported, "a dot after that is only a sign of life"
    assert run.let_go(3) == reported, "and so is the same number again"
    moved = run.let_go(4)
    assert moved[0] != reported[0]
    assert moved[1] != reported[1]
    run.end()


def test_spending_moves_the_witness_and_no_step(backend: CommandBackend, tmp_path: Path) -> None:
    spent = TELL.format("usage", '{"output_tokens": 9}')
    run = Watched(backend, tmp_path, TELL.format("progress", "0.1"), spent)
    reported = run.let_go(0)
    after = run.let_go(1)
    assert after[0] != reported[0]
    assert after[1] == reported[1]
    run.end()
