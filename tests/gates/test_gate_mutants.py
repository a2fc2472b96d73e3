"""Gates with one guard taken out: the contract must notice each of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import test_files

from bydawn.core import fencing
from bydawn.core.fencing import Claim, FenceRecord
from bydawn.gates import beside, paths

Mutant = Callable[[pytest.MonkeyPatch], None]
_write = beside.Beside.write


def compares_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(paths, "admit", lambda *_: None)


def installs_nothing_first(patch: pytest.MonkeyPatch) -> None:
    """Compares, applies, and only then raises the number."""

    def late(self: beside.Beside, record: FenceRecord, durable: bool = True) -> None:
        if record.applied:
            _write(self, record, durable)

    patch.setattr(beside.Beside, "write", late)


def forgets_editions(patch: pytest.MonkeyPatch) -> None:
    def older(claim: Claim, seen: Claim) -> bool:
        return claim.token < seen.token

    patch.setattr(fencing, "_is_older", older)


def believes_any_nonce(patch: pytest.MonkeyPatch) -> None:
    def trusting(record: FenceRecord | None, claim: Claim, target: str, has_history: bool) -> None:
        if record is None or record.claim.token != claim.token:
            fencing.admit(record, claim, target, has_history)

    patch.setattr(paths, "admit", trusting)


def writes_in_place(patch: pytest.MonkeyPatch) -> None:
    """Readers are shown a file while it grows."""

    def show(self: object, fresh: Path) -> None:
        target: Path = self._path  # type: ignore[attr-defined]
        with target.open("w") as file:
            for line in fresh.read_text():
                file.write(line)

    patch.setattr("bydawn.gates.files.FileGate._show", show)


def keeps_no_order(patch: pytest.MonkeyPatch) -> None:
    """Compares and writes without being alone."""

    def alone(self: beside.Beside, _: str) -> AbstractContextManager[None]:
        self._make_folder()
        return nullcontext()

    patch.setattr(beside.Beside, "held", alone)


CASES: list[tuple[Mutant, str]] = [
    (compares_nothing, "test_a_lower_token_changes_nothing"),
    (installs_nothing_first, "test_a_crash_between_any_two_steps_is_recovered_by_the_next"),
    (forgets_editions, "test_last_nights_late_run_does_not_replace_tonights_file"),
    (believes_any_nonce, "test_an_equal_token_in_other_hands_changes_nothing"),
    (writes_in_place, "test_writers_race_and_readers_see_whole_versions_in_order"),
    (keeps_no_order, "test_writers_race_and_readers_see_whole_versions_in_order"),
]


@pytest.mark.parametrize(("mutant", "test"), CASES, ids=lambda case: getattr(case, "__name__", ""))
def test_the_contract_notices(
    mutant: Mutant, test: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the whole gate passes is what ``test_files`` says."""
    mutant(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(test_files.TestFiles(), test)(test_files.FileStand(tmp_path))
