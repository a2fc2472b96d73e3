"""The machine is kept awake exactly as long as the block lasts, where it has a program for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bydawn.processes import awake as awake_module
from bydawn.processes.awake import awake, keeper

INHIBIT = """#!/bin/sh
echo "$@" > {folder}/asked
while read -r line; do :; done
touch {folder}/released
"""


def came(path: Path) -> bool:
    """Whether a file comes into being soon."""
    until = time.monotonic() + 20
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return path.exists()


def test_it_is_held_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake_module, "_BOOTED_BY_SYSTEMD", tmp_path)
    program = tmp_path / "systemd-inhibit"
    program.write_text(INHIBIT.format(folder=tmp_path))
    program.chmod(0o755)
    with awake("runs nightly", {"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as is_held:
        assert is_held
        assert came(tmp_path / "asked")
        assert "--why=runs nightly" in (tmp_path / "asked").read_text()
        assert not (tmp_path / "released").exists()
    assert came(tmp_path / "released")


def test_without_a_program_the_night_runs_anyway(tmp_path: Path) -> None:
    assert keeper("runs", {"PATH": str(tmp_path)}) is None
    with awake("runs", {"PATH": str(tmp_path)}) as is_held:
        assert not is_held
