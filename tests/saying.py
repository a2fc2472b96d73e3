"""Command lines as a person types them: in this process, or by a program on the path."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bydawn.cli.entry import main

# The exit code, and what was written to stdout and stderr.
Say = Callable[..., tuple[int, str, str]]


def saying(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Type one line in the folder."""
    monkeypatch.chdir(folder)

    def say(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        said = capsys.readouterr()
        return code, said.out, said.err

    return say


def with_program(folder: Path) -> dict[str, str]:
    """An environment that has ``bydawn`` on its path."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "bydawn"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bydawn "$@"\n')
    program.chmod(0o755)
    source = Path(__file__).resolve().parents[1] / "src"
    path = f"{program.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(source)}
