"""Shells complete verbs, flags, batches and jobs; and never see an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import Scene

from bydawn.cli.entry import COMPLETING, main


def offered(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What bash is offered for the last of these words."""
    monkeypatch.setenv(COMPLETING, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    assert main([]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return [line.partition(",")[2] for line in said.out.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    told = capsys.readouterr().out
    assert f"{COMPLETING}={shell}_complete" in told
    assert "bydawn" in told


def test_verbs_and_flags(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sorted(offered("bydawn re", monkeypatch, capsys)) == [
        "rehearse", "report", "resolve", "results", "retry",
    ]  # fmt: skip
    assert "--retry-failed" in offered("bydawn run --re", monkeypatch, capsys)
    assert offered("bydawn jobs c", monkeypatch, capsys) == ["cancel"]


def test_batches_and_jobs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.night()
    monkeypatch.chdir(scene.folder)
    assert offered("bydawn status n", monkeypatch, capsys) == ["nightly", "nightly@2026-11-19"]
    assert offered("bydawn show nightly/art", monkeypatch, capsys) == [
        "nightly/article-a", "nightly/article-b",
    ]  # fmt: skip
    assert "nightly/" in offered("bydawn logs n", monkeypatch, capsys)
    assert offered("bydawn wait nightly/r", monkeypatch, capsys) == ["nightly/review"]


def test_another_place_is_completed_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.night()
    monkeypatch.chdir("/")
    words = f"bydawn -C {scene.folder} status nightly@"
    assert offered(words, monkeypatch, capsys) == ["nightly@2026-11-19"]


@pytest.mark.parametrize("begun", ["n", "nope/x", "", "j_"])
def test_no_store_or_a_broken_one_is_silence(
    begun: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(f"bydawn show {begun}", monkeypatch, capsys) == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".bydawn").mkdir()
    (tmp_path / ".bydawn/store.db").write_bytes(b"x" * 5000)
    assert offered(f"bydawn show {begun}", monkeypatch, capsys) == []
