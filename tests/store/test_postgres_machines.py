"""Two machines share a batch; both are killed, over and over, the server too: all jobs run once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from between import database_of
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, Effects, JobSpec, PlannedBatch, PlannedJob
from bydawn.runner.clock import SystemClock
from bydawn.store import counters, read
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from servers import Server, running_server

JOBS = 200
KILLS = 12
_PATIENCE_S = 90
_MACHINE = Path(__file__).with_name("machine.py")


class Machine:
    """A process that is started again whenever it was killed."""

    def __init__(self, folder: Path, url: str, batch: int) -> None:
        folder.mkdir()
        self._words = [sys.executable, str(_MACHINE), str(folder), url, str(batch)]
        self._log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        """The runner alone: its runs belong to their supervisors."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def planned(store: Store, ledger: Path) -> int:
    """Jobs whose every start adds a line to the ledger, which nobody of ours writes."""
    say = f'echo "$BYDAWN_JOB" >> {ledger}; sleep 0.05'
    one = JobSpec(
        id="work", backend="command", payload={"argv": ["sh", "-c", say]}, effects=Effects.OUTSIDE
    )
    jobs = [
        PlannedJob("work", f"work/{n}", job_key("night", "", "work", [n]), None, "{}", n, f"i:{n}")
        for n in range(JOBS)
    ]
    batch = PlannedBatch(
        plan="night", edition="", folder="/", source="night.toml", terms=BatchTerms(parallel=8),
        specs=(one,), fingerprint="",
    )  # fmt: skip
    return store.open_batch(batch, jobs).number


def test_every_job_runs_once_whatever_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20)
    ledger = tmp_path / "ledger"
    with running_server() as server:
        url = server.database()
        store = open_server_store(url, SystemClock(), "s_1")
        batch = planned(store, ledger)
        machines = [Machine(tmp_path / name, url, batch) for name in ("one", "two")]
        try:
            kill_and_restart(chance, machines, server, ledger)
            codes = [machine.process.wait(_PATIENCE_S) for machine in machines]
        finally:
            for machine in machines:
                machine.close()
        states = Counter(job.state for job in read.jobs(store.session, batch))
        ran_on = {job.machine for job in read.jobs(store.session, batch)}
        slots = counters.used(store.session, f"slots:{batch}")
        tokens = server.say("SELECT count(*), count(DISTINCT token) FROM attempt", database_of(url))
        store.close()
    logs = {name: (tmp_path / name / "log").read_text()[-2000:] for name in ("one", "two")}
    assert codes == [0, 0], logs
    assert states == {"succeeded": JOBS}
    assert sorted(ledger.read_text().split()) == sorted(f"work/{n}" for n in range(JOBS))
    assert len(ran_on) == 2
    assert slots == 0
    assert tokens == [(JOBS, JOBS)]


def kill_and_restart(
    chance: random.Random, machines: list[Machine], server: Server, ledger: Path
) -> None:
    """One of the machines dies at a time, at a moment of no meaning; half way, the server does."""
    for number in range(KILLS):
        wait_for_lines(ledger, (number + 1) * JOBS // (KILLS + 2))
        time.sleep(chance.random() * 0.05)
        if number == KILLS // 2:
            server.kill()
            server.start()
        machine = chance.choice(machines)
        machine.kill()
        machine.start()


def wait_for_lines(ledger: Path, count: int) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not ledger.exists() or ledger.read_text().count("\n") < count:
        assert time.monotonic() < give_up, "the batch stands still"
        time.sleep(0.01)
