"""`bydawn lease run` on real processes: the command ends before anybody else can hold the lease."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from supervised import SOURCES, living, until

from bydawn.processes.machine import sleepless_ms

# Writes down when it still lived, on the clock that leases are counted by.
_BEATS = """
import sys, time
with open(sys.argv[1], "a", buffering=1) as beats:
    while True:
        beats.write(f"{int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)}\\n")
        time.sleep(0.005)
"""
# A signal that comes when the command has only just been started.
_AT_ONCE = """
import os, signal, sys
from bydawn.app.leases import leased
from bydawn.cli.entry import main
start = leased.Keeper.start
def asked(keeper):
    os.kill(os.getpid(), signal.SIGTERM)
    start(keeper)
leased.Keeper.start = asked
sys.exit(main(sys.argv[1:]))
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CLOCK_BOOTTIME and /proc")


class Place:
    """A folder with a store, and bydawn typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ("PATH", "HOME", "TMPDIR", "LANG")
        self.environment = {name: os.environ[name] for name in names if name in os.environ}
        self.environment["PYTHONPATH"] = str(SOURCES)
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.start_as(("-m", "bydawn"), *words)

    def start_as(self, program: tuple[str, str], *words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, *program, *words], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def show(self, name: str = "a") -> Any:
        return json.loads(self.run("lease", "show", name, "--json")[1])

    def beating(self, *words: str) -> tuple[subprocess.Popen[str], Path]:
        """``lease run`` of a command that beats, once it does."""
        beats = self.folder / "beats"
        argv = ("--", sys.executable, "-c", _BEATS, str(beats))
        process = self.start("lease", "run", *words, *argv)
        until(lambda: beats.exists() and beats.read_text())
        return process, beats


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()
    until(lambda: not living(str(tmp_path)))


def _last_beat(beats: Path) -> int:
    return int(beats.read_text().split()[-1])


def test_the_command_has_its_lease_in_its_environment_and_its_code_is_ours(place: Place) -> None:
    script = 'echo "$BYDAWN_LEASE $BYDAWN_TOKEN $BYDAWN_NONCE"; exit 3'
    code, out, err = place.run("lease", "run", "a", "--", "sh", "-c", script)
    name, token, nonce = out.split()
    assert (code, name, err) == (3, "a", "")
    shown = place.show()
    assert (str(shown["token"]), shown["nonce"], shown["holder"]) == (token, nonce, None)


def test_a_command_that_died_of_a_signal(place: Place) -> None:
    assert place.run("lease", "run", "a", "--", "sh", "-c", "kill -9 $$")[0] == 137


def test_a_program_that_is_not_there_is_a_wrong_word_and_leaves_the_lease_free(
    place: Place,
) -> None:
    code, _, err = place.run("lease", "run", "a", "--", "./no-such-program")
    assert code == 2
    assert "no-such-program" in err
    assert place.show()["holder"] is None


def test_while_it_is_held_others_are_refused_and_told_by_whom(place: Place) -> None:
    place.beating("a")
    code, _, err = place.run("lease", "run", "a", "--", "true")
    assert code == 6
    assert "is held by" in err
    assert "pid" in err


def test_it_is_renewed_for_as_long_as_the_command_lives(place: Place) -> None:
    script = "sleep 2.5; echo done"
    code, out, _ = place.run("lease", "run", "a", "--ttl", "1s", "--", "sh", "-c", script)
    assert (code, out) == (0, "done\n")


def test_after_a_clean_release_the_next_is_there_at_once(place: Place) -> None:
    from bydawn.app import Invocation, open_app
    from bydawn.app.leases.leasing import acquire, release

    app = open_app(Invocation(place.folder))
    held = acquire(app, "a", 60_000)
    stamp = f"import time; print(int(time.clock_gettime({time.CLOCK_BOOTTIME}) * 1000))"
    words = ("lease", "run", "a", "--wait", "30s", "--", sys.executable, "-S", "-c", stamp)
    waiting = place.start(*words)
    time.sleep(0.5)  # it is in its waiting loop by now; were it not, it would only be faster
    release(app, "a", held.lease.token, held.lease.nonce)
    released_at = sleepless_ms()
    out, _ = waiting.communicate(timeout=30)
    app.close()
    # 0.2 s for the takeover, the rest for a command that starts on a busy machine.
    assert int(out) - released_at < 2_000


def test_after_a_death_the_next_is_there_when_the_lease_is_over(place: Place) -> None:
    process, beats = place.beating("a", "--ttl", "1s")
    process.kill()
    process.wait()
    died_at = sleepless_ms()
    code, _, _ = place.run("lease", "run", "a", "--wait", "30s", "--ttl", "1s", "--", "true")
    assert code == 0
    assert sleepless_ms() - died_at < 1_000 + 1_000 + 1_500
    assert _last_beat(beats) <= died_at + 100


def test_when_its_keeper_is_killed_the_command_dies_too(place: Place) -> None:
    process, beats = place.beating("a")
    process.kill()
    process.wait()
    until(lambda: not living(str(beats)))


def test_a_store_that_cannot_be_reached_ends_the_command_before_the_lease_is_over(
    place: Place,
) -> None:
    process, beats = place.beating("a", "--ttl", "2s")
    blocking = sqlite3.connect(place.folder / ".bydawn" / "store.db", isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    (over_at,) = blocking.execute("SELECT lease_until FROM lease WHERE name = 'a'").fetchone()
    until(lambda: set(living(str(beats))) <= {process.pid}, 30)
    assert sleepless_ms() <= over_at + 20
    assert _last_beat(beats) < over_at
    assert process.wait(5) == 9
    blocking.execute("ROLLBACK")
    blocking.close()


def test_one_that_slept_too_long_ends_its_command_and_says_so(place: Place) -> None:
    process, beats = place.beating("a", "--ttl", "1s")
    process.send_signal(signal.SIGSTOP)
    code, out, _ = place.run("lease", "acquire", "a", "--wait", "20s", "--json")
    assert code == 0
    process.send_signal(signal.SIGCONT)
    assert process.wait(20) == 9
    assert not living(str(beats))
    assert place.show()["token"] == json.loads(out)["token"]


def test_the_whole_tree_ends_also_what_detached_itself(place: Place) -> None:
    mark = str(place.folder / "mark")
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    detached = f"setsid {sys.executable} -c '{deaf}' {mark} >/dev/null 2>&1 &"
    # The lease is lost while the command waits: its store is put out of reach.
    process = place.start("lease", "run", "a", "--ttl", "1s", "--", "sh", "-c", detached + " wait")
    until(lambda: len(living(f"time.sleep(600)\0{mark}")) == 1)
    blocking = sqlite3.connect(place.folder / ".bydawn" / "store.db", isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    assert process.wait(30) == 9
    assert not living(mark)
    blocking.execute("ROLLBACK")
    blocking.close()


def test_what_the_command_left_in_the_background_ends_with_it(place: Place) -> None:
    mark = str(place.folder / "mark")
    script = f"(exec -a {mark} sleep 600) & (setsid sleep 601 {mark} 2>/dev/null; true) & echo on"
    code, _, _ = place.run("lease", "run", "a", "--", "bash", "-c", script)
    assert code == 0
    assert not living(mark)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command_and_gives_the_lease_back(
    place: Place, number: signal.Signals
) -> None:
    process, beats = place.beating("a")
    process.send_signal(number)
    assert process.wait(20) == 128 + number
    assert not living(str(beats))
    assert place.show()["holder"] is None


def test_a_signal_that_comes_right_after_the_start_ends_the_command_too(place: Place) -> None:
    mark = str(place.folder / "mark")
    argv = (sys.executable, "-c", "import time; time.sleep(600)", mark)
    process = place.start_as(("-c", _AT_ONCE), "lease", "run", "a", "--", *argv)
    assert process.wait(20) == 143
    assert not living(mark)
    assert place.show()["holder"] is None


def test_a_second_signal_leaves_no_grace(place: Place) -> None:
    mark = str(place.folder / "mark")
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True);"
    argv = (sys.executable, "-c", deaf + "time.sleep(600)", mark)
    process = place.start("lease", "run", "a", "--", *argv)
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert time.monotonic() - began < 8
    assert not living(mark)
