"""``bydawn demo``: a 12-job night with a crash in the middle, told as it happens, then checked.

Real runners, supervisors and agents, in a folder of their own. What it claims at the end is
compared with what the agents themselves wrote down.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bydawn
from bydawn.app.first_hour.demo_night import FAILURES, FLAKY, FRONT, HOPELESS, LENGTHS, Night
from bydawn.processes.child import Child

_LOOK_S = 0.03
_PATIENCE_S = 60.0
_UNIT_S, _FAST_UNIT_S = 0.2, 0.04
_KILL_AFTER = 5
_SOME_FAILED = 1
_PLAN = "nightly.toml"

Say = Callable[[str], None]


class _NeverCame(Exception):
    """Something the story needs did not happen in time."""


def demo(say: Say, fast: bool, pause: Callable[[float], None]) -> int:
    """Play the night; 0 when every claim about it is true, 1 when one is not.

    ``pause`` gives a person so many seconds to read. Nothing is left behind when all went well.
    """
    folder = Path(tempfile.mkdtemp(prefix="bydawn-demo-")).resolve()
    night = Night(folder, _FAST_UNIT_S if fast else _UNIT_S)
    stage = _Stage(night, say, (lambda s: pause(s / 10)) if fast else pause)
    try:
        is_true = _play(stage)
    except _NeverCame as error:
        is_true = stage.claim(False, str(error))
    except BaseException:
        stage.clear()
        raise
    if not is_true:
        say(f"The folder was kept: {folder}")
        return 1
    stage.clear()
    say("Nothing was left behind.")
    return 0


@dataclass
class _Stage:
    """Starts the real commands in the night's folder and passes on what they print."""

    night: Night
    say: Say
    pause: Callable[[float], None]
    _shown: int = 0
    _child: Child | None = None
    _codes: list[int] = field(default_factory=list)

    def start(self, *words: str) -> Child:
        self.say(f"$ bydawn {' '.join(words)}")
        self._child = self._quietly(*words)
        return self._child

    def run(self, *words: str) -> int:
        """One command to its end, its lines shown as they come."""
        child = self.start(*words)
        self.until(lambda: child.ended(0) is not None, f"bydawn {words[0]} never ended")
        self.show()
        return child.ended(0) or 0

    def until(self, what: Callable[[], bool], otherwise: str) -> None:
        """Show what comes until it is so."""
        give_up = time.monotonic() + _PATIENCE_S
        while not what():
            self.show()
            if time.monotonic() > give_up:
                raise _NeverCame(otherwise)
            time.sleep(_LOOK_S)

    def show(self) -> None:
        for line in self._fresh():
            self.say(f"    {line}")

    def claim(self, is_true: bool, text: str) -> bool:
        self.say(f"  {'ok   ' if is_true else 'FALSE'} {text}")
        return is_true

    def clear(self) -> None:
        """End whatever still runs and remove the folder."""
        if self._child is not None and self._child.ended(0) is None:
            self._child.kill()
        if self.night.record().working():
            self._quietly("stop").ended(_PATIENCE_S)
        shutil.rmtree(self.night.folder, ignore_errors=True)

    def _quietly(self, *words: str) -> Child:
        argv = (sys.executable, "-m", "bydawn", *words)
        return Child(argv, self.night.folder, _environment(self.night.folder), self._log)

    @property
    def _log(self) -> Path:
        return self.night.folder / "commands.log"

    def _fresh(self) -> Iterator[str]:
        """The whole lines that were printed since the last time."""
        with self._log.open("rb") as log:
            log.seek(self._shown)
            whole = log.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._shown += len(whole)
        yield from whole.decode(errors="replace").splitlines()


def _environment(folder: Path) -> Mapping[str, str]:
    """This process's own, without anything that steers bydawn; and this very bydawn."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BYDAWN_")}
    ours = str(Path(bydawn.__file__ or "").resolve().parents[1])
    path = os.pathsep.join(filter(None, [ours, kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(folder), "NO_COLOR": "1"}


def _play(stage: _Stage) -> bool:
    """The story, scene by scene; whether all its claims are true."""
    night = stage.night
    _introduce(stage)
    working = _first_run(stage)
    _alone(stage, working)
    before = night.record().launches
    stage.say("")
    stage.say("The same command again. There is no resume command, and no clean-up:")
    second = stage.run("run", _PLAN, "--progress", "plain")
    _report(stage)
    launches, seen = night.record().launches, _stamp(night.page)
    stage.say("The same command a third time:")
    third = stage.run("run", _PLAN, "--progress", "plain")
    stage.pause(2)
    return _check(stage, _Seen(working, before, launches, seen, (second, third)))


def _introduce(stage: _Stage) -> None:
    night, lengths = stage.night, LENGTHS.values()
    night.write()
    stage.say(
        f"A night of {len(LENGTHS)} jobs. One after the other they take"
        f" {sum(lengths) * night.unit_s:.0f} s,"
        f" the longest alone {max(lengths) * night.unit_s:.0f} s."
    )
    stage.say("The agents are small fake programs: no keys, no network, nothing spent. Each")
    stage.say("notes its launch in a file no part of bydawn writes: the judge in the end.")
    stage.say(f"{FLAKY} will fail twice before it works, {HOPELESS} will give up for")
    stage.say(f"good, and {FRONT} publishes one page, through a check.")
    stage.pause(5)


def _first_run(stage: _Stage) -> list[str]:
    """Start it, and kill it in the middle; the jobs whose agents were at work then."""
    night = stage.night
    stage.say("")
    child = stage.start("run", _PLAN, "--progress", "plain")

    def is_in_the_middle() -> bool:
        record = night.record()
        is_failing = record.said("failed")[FLAKY] >= _SOME_FAILED
        return is_failing and record.said("done").total() >= _KILL_AFTER

    stage.until(lambda: is_in_the_middle() or child.ended(0) is not None, "the middle never came")
    if child.ended(0) is not None:
        raise _NeverCame("the runner ended before it could be killed")
    child.kill()
    working = night.record().working()
    stage.show()
    stage.say("")
    stage.say(f"The worst that can happen: kill -9 to the runner, process {child.pid}. It is gone.")
    stage.say(f"{len(working)} agents were at work: {', '.join(working)}.")
    return working


def _alone(stage: _Stage, working: list[str]) -> None:
    stage.say("They go on by themselves, each under a supervisor of its own.")
    stage.pause(2.5)
    still = stage.night.record().working()
    over = [name for name in working if name not in still]
    if over:
        stage.say(f"Meanwhile {', '.join(over)} came to an end with nobody watching.")


def _report(stage: _Stage) -> None:
    stage.pause(2)
    stage.say("")
    stage.say("In the morning:")
    stage.run("report")
    stage.pause(4)
    stage.say("")


@dataclass(frozen=True)
class _Seen:
    """What was noted on the way, to be checked at the end."""

    working: list[str]
    before: Counter[str]
    launches: Counter[str]
    page: tuple[int, int, str]
    codes: tuple[int, int]


def _check(stage: _Stage, seen: _Seen) -> bool:
    """Every claim, against the recorder."""
    record = stage.night.record()
    wanted = Counter({name: 1 + FAILURES if name == FLAKY else 1 for name in LENGTHS})
    again = [name for name in seen.working if name != FLAKY and record.launches[name] != 1]
    done, pages = record.said("done"), record.pages()
    good = Counter(name for name in LENGTHS if name != HOPELESS)
    stage.say("")
    stage.say("Checked against what the agents themselves wrote down:")
    claims = [
        (record.launches == wanted,
         f"{wanted.total()} launches in all: one for each job, {1 + FAILURES} for {FLAKY}"),
        (bool(seen.working) and not again,
         f"none of the {len(seen.working)} agents at work during the crash was started again"),
        (done == good, f"all but {HOPELESS} came to a good end, each exactly once"),
        (len(pages) == 1 and seen.page[2] == pages[0],
         "one page was written, and what was published is that page, whole"),
        (record.launches == seen.launches and _stamp(stage.night.page) == seen.page,
         "the third run started nothing and published nothing"),
        (seen.codes == (1, 1), "both runs ended with exit code 1: joined, one job failed"),
        (not record.working(), "no agent is left running"),
    ]  # fmt: skip
    told = [stage.claim(is_true, text) for is_true, text in claims]
    return all(told)


def _stamp(page: Path) -> tuple[int, int, str]:
    """Which file it is, when it was written, and what it says."""
    try:
        found = page.stat()
        return found.st_ino, found.st_mtime_ns, page.read_text("utf-8")
    except OSError:
        return 0, 0, ""
