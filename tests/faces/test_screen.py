"""The live screen: drawn in place, never wider or taller than the terminal, gone at the end."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.cli.faces import JsonFace, LiveFace, PlainFace, QuietFace, face_for
from bydawn.cli.screen import Screen
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk

SOURCE = Path(__file__).resolve().parents[2] / "src"


class Terminal:
    """As much of a terminal as the screen uses: lines, cursor up, erase to the end."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0

    def feed(self, text: str) -> None:
        for piece in re.findall(r"\x1b\[\d*[A-Za-z]|\n|[^\x1b\n]+", text):
            self._obey(piece)

    def _obey(self, piece: str) -> None:
        if piece == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif piece.startswith("\x1b"):
            self._command(int(piece[2:-1] or 0), piece[-1])
        else:
            self.lines[self.row] = piece

    def _command(self, number: int, verb: str) -> None:
        if verb == "F":
            assert number <= self.row, "the cursor must not leave what was drawn"
            self.row -= number
        elif verb == "J":
            self.lines[self.row :] = [""]
        else:
            assert verb == "K"

    @property
    def shown(self) -> list[str]:
        return self.lines[: self.row]


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    class Watched(Terminal):
        @property
        def shown(self) -> list[str]:
            self.feed(capsys.readouterr().err)
            return super().shown

    return Watched()


def test_a_drawing_replaces_the_one_before(terminal: Terminal) -> None:
    screen = Screen()
    screen.draw(["one", "two", "three"])
    assert terminal.shown == ["one", "two", "three"]
    screen.draw(["uno"])
    assert terminal.shown == ["uno"]
    screen.draw(["eins", "zwei"])
    assert terminal.shown == ["eins", "zwei"]


def test_a_note_goes_up_and_stays(terminal: Terminal) -> None:
    screen = Screen()
    screen.draw(["bar"])
    screen.above("a note")
    screen.draw(["bar", "row"])
    assert terminal.shown == ["a note", "bar", "row"]
    screen.clear()
    assert terminal.shown == ["a note"]
    screen.clear()
    assert terminal.shown == ["a note"]


def test_the_live_face_follows_the_night(
    scene: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "12")
    batch = scene.night()
    face = LiveFace(Talk(Settings()))
    face.opened(scene.store, batch, 0)
    seen = []

    def turned() -> None:
        face.turned()
        seen.append(terminal.shown)

    scene.drive(batch, turned=turned)
    scene.clock.wind(500)
    turned()
    assert any(" > article-a" in line for lines in seen for line in lines)
    assert seen[-1][1].endswith("4/6   2 succeeded  1 failed  1 parked  2 waiting")
    assert all(len(lines) <= 11 for lines in seen)
    assert all(len(line) <= 99 for lines in seen for line in lines)
    face.note("a word")
    face.close()
    assert terminal.shown == ["bydawn: a word"]


def test_at_most_two_drawings_a_second(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    batch = scene.submit(scripted("long", ok(HOUR)))
    face = LiveFace(Talk(Settings()))
    face.opened(scene.store, batch, 0)
    for _ in range(100):
        face.turned()
        scene.clock.wind(50)
    assert capsys.readouterr().err.count("long") == 10


def test_the_right_face_for_each_place(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = {"live": LiveFace, "plain": PlainFace, "json": JsonFace, "none": QuietFace}
    for form, expected in forms.items():
        assert type(face_for(Talk(Settings()), form)) is expected
    assert type(face_for(Talk(Settings()), "auto")) is PlainFace
    assert type(face_for(Talk(Settings(quiet=True)), "auto")) is QuietFace
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert type(face_for(Talk(Settings()), "auto")) is LiveFace
    monkeypatch.setenv("CI", "true")
    assert type(face_for(Talk(Settings()), "auto")) is PlainFace


def test_a_real_terminal_is_left_clean(tmp_path: Path) -> None:
    """stderr is a terminal, stdout a pipe: the screen goes to one, the answer to the other."""
    plan = 'schema = 1\nname = "night"\n[[job]]\nid = "one"\nargv = ["sleep", "0.3"]\n'
    (tmp_path / "night.toml").write_text(plan)
    leader, follower = pty.openpty()
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], "TERM": "xterm",
                   "NO_COLOR": "1", "HOME": str(tmp_path)}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "bydawn", "run", "night.toml"], cwd=tmp_path, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower, text=True,
    )  # fmt: skip
    os.close(follower)
    drawn = _everything(leader).replace("\r\n", "\n")
    out, _ = process.communicate(timeout=60)
    terminal = Terminal()
    terminal.feed(drawn)
    assert process.returncode == 0
    assert "one" in drawn
    assert "\x1b[" not in out
    assert out.startswith("1 succeeded in ")
    assert terminal.shown == []


def _everything(descriptor: int) -> str:
    """What a terminal was sent until nobody holds it any more."""
    pieces = []
    try:
        while piece := os.read(descriptor, 65_536):
            pieces.append(piece)
    except OSError:
        pass
    os.close(descriptor)
    return b"".join(pieces).decode()
