"""Real processes: a writer is stopped past its lease between two steps, another one publishes, the
first goes on. Whatever the step, the second one's bytes stand at the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bydawn.runner.clock import SystemClock
from bydawn.store import leases
from bydawn.store.store import Store, open_store
from layers import Count

SOURCES = Path(__file__).parents[2] / "src"
STEPS = ("acquired", "read", "held", "compared", "copied", "installed", "applied", "noted")
_INSIDE = STEPS[2:]
_TTL_MS = 60
_FENCED, _WAITED_IN_VAIN = 9, 75

# argv: store, target, draft, content's name, where to stop (or none), how long to wait at the gate
_WRITER = """
import os, signal, sys
from pathlib import Path
from bydawn.core.errors import Fenced
from bydawn.core.fencing import Claim
from bydawn.gates.files import FileGate
from bydawn.gates.gate import PublishError
store, target, draft, name, token, nonce, stop_at, patience = sys.argv[1:]
def reach(step):
    if step == stop_at:
        os.kill(os.getpid(), signal.SIGSTOP)
claim = Claim(store, "lease:a", int(token), nonce)
reach("acquired")
try:
    FileGate(Path(target), int(patience), reach).publish(Path(draft), name, claim)
except Fenced:
    sys.exit(9)
except PublishError as error:
    print(error)
    sys.exit(75)
"""


class Scene:
    """One store, one target, and writers that each hold the lease when they start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "public" / "page"
        self.drafts = folder / "drafts"
        self.drafts.mkdir()
        self.store: Store = open_store(folder / "s.db", SystemClock(), "s_1")
        self._nonces = iter(range(1_000_000))

    def writer(self, stop_at: str = "never", patience_ms: int = 20_000) -> Writer:
        """A process that has just been given the lease, which lapsed for everybody before."""
        lease = _until(self._taken)
        content = f"content of {lease.token}\n" * 500
        name = f"d{lease.token}"
        (self.drafts / name).write_text(content)
        words = [str(self.target), str(self.drafts), name, str(lease.token), lease.nonce, stop_at]
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, "s_1", *words, str(patience_ms)],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdout=subprocess.PIPE,
            text=True,
        )
        return Writer(process, content)

    def _taken(self) -> leases.Lease | None:
        nonce = f"n{next(self._nonces)}"
        found = leases.acquire(self.store.session, "a", _TTL_MS, "test", lambda: nonce)
        return found.lease if found.is_ours else None


class Writer:
    def __init__(self, process: subprocess.Popen[str], content: str) -> None:
        self.process, self.content = process, content

    def until_stopped(self) -> None:
        stat = Path(f"/proc/{self.process.pid}/stat")
        _until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")

    def go_on(self) -> int:
        self.process.send_signal(signal.SIGCONT)
        return self.code()

    def code(self) -> int:
        self.said, _ = self.process.communicate(timeout=30)
        return self.process.returncode


def _until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.003)
    return found


def one_round(scene: Scene, step: str) -> None:
    stopped = scene.writer(step)
    stopped.until_stopped()
    if step in _INSIDE:
        _inside(scene, stopped)
    else:
        _outside(scene, stopped)


def _outside(scene: Scene, stopped: Writer) -> None:
    """It holds nothing: the next one publishes, and the late writer changes nothing."""
    follower = scene.writer()
    assert follower.code() == 0
    before = scene.target.stat()
    assert stopped.go_on() == _FENCED
    after = scene.target.stat()
    assert scene.target.read_text() == follower.content
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _inside(scene: Scene, stopped: Writer) -> None:
    """It holds the gate: nobody pushes it aside, and the next one follows it."""
    impatient = scene.writer(patience_ms=1)
    assert impatient.code() == _WAITED_IN_VAIN
    assert f"process {stopped.process.pid} (stopped)" in impatient.said
    follower = scene.writer()
    time.sleep(0.01)
    assert stopped.go_on() == 0
    assert follower.code() == 0
    assert scene.target.read_text() == follower.content


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_stopped_writer_never_undoes_its_successor(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for step in (STEPS * 4)[:30]:
        one_round(scene, step)
    scene.store.close()


@pytest.mark.prove("writers stopped at a gate, real processes")
@pytest.mark.timeout(3600)
def test_a_stopped_writer_never_undoes_its_successor_at_length(
    tmp_path: Path, prove_size: int, trials: Count
) -> None:
    scene, chance = Scene(tmp_path), random.Random(7)
    rounds = min(300, prove_size)
    trials(rounds)
    for _ in range(rounds):
        one_round(scene, chance.choice(STEPS))
    scene.store.close()


def test_a_killed_writer_at_every_step_leaves_a_target_the_next_one_mends(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.writer().code() == 0
    for step in STEPS[1:]:
        before = scene.target.read_text()
        dying = scene.writer(step)
        dying.until_stopped()
        dying.process.kill()
        dying.code()
        assert scene.target.read_text() in (before, dying.content)
        follower = scene.writer()
        assert follower.code() == 0
        assert scene.target.read_text() == follower.content
    scene.store.close()
