"""A plan that asks for isolation this machine cannot give is refused by check and run, exit 69."""

from __future__ import annotations

from pathlib import Path

import pytest

from bydawn.cli.entry import main

PLAN = 'name = "night"\n[[job]]\nid = "one"\n{job}\nisolate = "bwrap"\n'


@pytest.fixture(autouse=True)
def without_bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("verb", ["check", "run"])
def test_nothing_is_started(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "night.toml").write_text(PLAN.format(job=f'argv = ["touch", "{tmp_path}/ran"]'))
    assert main((verb, "night.toml")) == 69
    told = capsys.readouterr().err
    assert 'one: isolate = "bwrap" is not possible here: bubblewrap (bwrap) is not inst' in told
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / ".bydawn" / "runs").exists()


def test_only_commands_can_be_isolated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "night.toml").write_text(PLAN.format(job='backend = "python"\ncall = "a:b"'))
    assert main(("check", "night.toml")) == 3
    assert "job[0].isolate: only commands can be isolated" in capsys.readouterr().err
