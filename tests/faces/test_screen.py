"""The live screen: drawn in place, never wider or taller than the terminal, gone at the end."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from scene import HOUR, Scene, ok, scripted

from bydawn.cli.faces import JsonFace, PlainFace, QuietFace, face_for
from bydawn.cli.keyboard import names_of
from bydawn.cli.live import Hands, LiveFace
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
    face = LiveFace(Talk(Settings()), "Ctrl-C leaves")
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
    face = LiveFace(Talk(Settings()), "Ctrl-C leaves")
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
    assert terminal.shown == ["bydawn report night tells what happened"]


class Hand:
    """A person's keys, and what they did."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []
        self.hands = Hands(
            cancel=lambda job: self.done.append(("cancel", job)),
            pause=lambda batch, paused: self.done.append(("pause", batch, paused)),
            leave=lambda: self.done.append(("leave",)),
            printed=lambda job: [f"printed by {job}"],
        )


def test_keys_choose_look_and_act(scene: Scene, terminal: Terminal) -> None:
    batch = scene.submit(scripted("one", ok()), scripted("two", ok()), scripted("three", ok()))
    hand = Hand()
    face = LiveFace(Talk(Settings()), "a hint", hand.hands)
    face.opened(scene.store, batch, 0)

    def press(*keys: str) -> list[str]:
        for key in keys:
            face.press(key)
        face.look_now()
        return terminal.shown

    assert press()[-1] == " a hint"
    assert [line[:6] for line in press("down")[3:6]] == ["*. one", " . two", " . thr"]
    assert [line[0] for line in press("down", "down", "down")[3:6]] == [" ", " ", "*"]
    assert [line[0] for line in press("up")[3:6]] == [" ", "*", " "]
    two = scene.job(batch, "two").number
    assert press("l") == [" two: what it prints", f"printed by {two}", " any key goes back"]
    assert "cancel two?" in press("x", "c")[-1]
    assert press("n")[-1] == " a hint"
    assert hand.done == []
    press("c", "y", "p")
    assert any("cancel it; asks first" in line for line in press("?"))
    press("q", "q")
    assert hand.done == [("cancel", two), ("pause", batch.number, True), ("leave",)]


def test_what_is_over_is_not_asked_about(scene: Scene, terminal: Terminal) -> None:
    """A job that ended while its log was read: the next c means no other one."""
    spec = scripted("bad", {"takes_ms": 1, "ends": "exit 3"}, permanent_exit=(3,))
    batch = scene.submit(spec, scripted("slow", ok(HOUR)))
    scene.drive(batch, hours=0.1)
    hand = Hand()
    face = LiveFace(Talk(Settings()), "a hint", hand.hands)
    face.opened(scene.store, batch, 0)
    face.look_now()
    for keys, asks in ((["down", "c"], False), (["down", "c"], True), (["n", "up", "c"], False)):
        for key in keys:
            face.press(key)
        face.look_now()
        assert ("cancel slow?" in terminal.shown[-1]) is asks
        assert "cancel bad?" not in terminal.shown[-1]
    unchosen = LiveFace(Talk(Settings()), "a hint", hand.hands)
    unchosen.opened(scene.store, batch, 0)
    unchosen.look_now()
    unchosen.press("c")
    unchosen.press("y")
    assert hand.done == [("cancel", scene.job(batch, "slow").number)]


def test_without_hands_keys_do_nothing(scene: Scene, terminal: Terminal) -> None:
    batch = scene.submit(scripted("one", ok()))
    face = LiveFace(Talk(Settings()), "a hint")
    face.opened(scene.store, batch, 0)
    face.hear(lambda: None)
    face.look_now()
    face.press("?")
    face.look_now()
    assert terminal.shown[-1] == " a hint"


@pytest.mark.parametrize(
    ("typed", "names"),
    [(b"\x1b[A", ["up"]), (b"\x1bOB", ["down"]), (b"jk", ["down", "up"]), (b"q?", ["q", "?"]),
     (b"\x1b", ["escape"]), (b"\x1b[5~", []), (b"\xff", ["\N{REPLACEMENT CHARACTER}"])],
)  # fmt: skip
def test_keys_have_names(typed: bytes, names: list[str]) -> None:
    assert names_of(typed) == names


# Makes its terminal the controlling one, as a shell has it, and becomes bydawn.
_AT_HOME = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "bydawn", "run", "night.toml"])
"""


def test_a_person_at_a_real_terminal(tmp_path: Path) -> None:
    """Keys are heard, q leaves as Ctrl-C does, and the terminal is as it was."""
    plan = 'schema = 1\nname = "night"\n[[job]]\nid = "long"\nargv = ["sleep", "600"]\n'
    (tmp_path / "night.toml").write_text(plan)
    leader, follower = pty.openpty()
    before = termios.tcgetattr(follower)
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], "TERM": "xterm",
                   "NO_COLOR": "1", "HOME": str(tmp_path)}  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_HOME], cwd=tmp_path, env=environment,
        stdin=follower, stdout=subprocess.DEVNULL, stderr=follower,
    )  # fmt: skip
    try:
        _until(leader, "running")
        os.write(leader, b"?")
        _until(leader, "asks first")
        os.write(leader, b" q")
        assert process.wait(60) == 130
        after = termios.tcgetattr(follower)
    finally:
        process.kill()
        process.wait()
        os.close(follower)
        os.close(leader)
        subprocess.run(
            [sys.executable, "-m", "bydawn", "cancel", "night"], cwd=tmp_path, env=environment,
            capture_output=True, check=True,
        )  # fmt: skip
    assert after == before


def _until(descriptor: int, words: str) -> None:
    """Read what a terminal is sent until it has these words."""
    seen = ""
    until = time.monotonic() + 60
    while words not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0, until - time.monotonic()))
        assert ready, f"{words!r} never came: {seen!r}"
        seen += os.read(descriptor, 65_536).decode()


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
