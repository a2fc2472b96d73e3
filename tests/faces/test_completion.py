"""Shells complete verbs, flags, batches and jobs; and never see an error."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from scene import Scene

from bydawn.cli.entry import COMPLETING, main
from saying import with_program


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


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("bydawn show nightly@2026-11-19/art", ["@2026-11-19/article-a", "@2026-11-19/article-b"]),
        ("bydawn wait nightly/review ", ["nightly", "nightly@2026-11-19"]),
        ("bydawn logs 'night", ["nightly/", "nightly@2026-11-19/"]),
    ],
)
def test_bash_itself_completes_addresses(
    line: str, answers: list[str], scene: Scene, tmp_path: Path
) -> None:
    """Bash cuts words at @; what it is given has to begin there."""
    scene.night()
    script = f"""
eval "$(bydawn completion bash)"
COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}
_bydawn_completion bydawn
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", script], cwd=scene.folder, env=with_program(tmp_path), text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert [said for said in done.stdout.splitlines() if said] == answers


def test_at_a_real_terminal_the_line_is_as_it_was_meant(scene: Scene, tmp_path: Path) -> None:
    """What readline makes of the answers: each line is completed, put behind echo, and printed."""
    scene.night()
    lines = [
        "bydawn status nightly@20",
        "bydawn show nightly@2026-11-19/rev",
        "bydawn logs nightly/rev",
    ]
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], cwd=scene.folder,
        env={**with_program(tmp_path), "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    typed = [
        "PS1=",
        'eval "$(bydawn completion bash)"',
        *(f"{one}\t\x01echo [\x05]" for one in lines),
    ]
    os.write(ours, "".join(f"{one}\n" for one in [*typed, "exit"]).encode())
    said = b""
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            said += piece
    shell.wait(timeout=60)
    os.close(ours)
    found = re.findall(r"\n\[(bydawn [^\]\r]*) \]\r", said.decode())
    assert found == [
        "bydawn status nightly@2026-11-19", "bydawn show nightly@2026-11-19/review",
        "bydawn logs nightly/review",
    ], said.decode()  # fmt: skip
