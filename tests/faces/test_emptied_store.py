"""An empty file where there have been runs is not taken for a new store."""

from __future__ import annotations

from pathlib import Path

import pytest

from bydawn.cli.entry import main

PLAN = 'name = "night"\n[[job]]\nid = "one"\nbackend = "scripted"\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night.toml").write_text(PLAN)
    (tmp_path / ".bydawn").mkdir(mode=0o700)
    return tmp_path


def test_it_is_refused_where_runs_were(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".bydawn" / "runs").mkdir()
    (here / ".bydawn" / "store.db").touch()
    assert main(("run", "night.toml")) == 3
    told = capsys.readouterr().err
    assert "is empty, although there have been runs here: restore a backup" in told
    assert (here / ".bydawn" / "store.db").stat().st_size == 0


def test_it_is_filled_where_none_were(here: Path) -> None:
    """A creation that was cut short leaves such a file."""
    (here / ".bydawn" / "store.db").touch()
    assert main(("run", "night.toml", "--progress", "none")) == 0
