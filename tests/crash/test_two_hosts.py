"""Two hosts on one store, each with a state folder of its own: one lends itself, one stops all.

For a file the second host is a second folder on this machine; for a server it is a machine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bydawn.core.clock import Clock
from bydawn.runner.clock import SystemClock
from bydawn.store import read
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store, open_store
from servers import Server

pytestmark = pytest.mark.wide

_PATIENCE_S = 60
_PLAN = """
schema = 1
name = "{name}"
[run]
parallel = {parallel}
[[job]]
id = "work"
items = "items.jsonl"
key = ["n"]
argv = ["sh", "-c", "{what}"]
"""


class Host:
    """One machine: a folder with its own copy of the plans, and the processes started there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        # The nearest .bydawn is its own.
        (folder / ".bydawn").mkdir(parents=True, mode=0o700)
        self._environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BYDAWN_STORE": url,
        }  # fmt: skip
        self.started: list[subprocess.Popen[str]] = []

    def plan(self, name: str, jobs: int, what: str = "true", parallel: int = 8) -> str:
        lines = "".join(json.dumps({"n": n}) + "\n" for n in range(jobs))
        (self.folder / "items.jsonl").write_text(lines)
        text = _PLAN.format(name=name, what=what, parallel=parallel)
        (self.folder / f"{name}.toml").write_text(text)
        return f"{name}.toml"

    def start(self, *words: str) -> subprocess.Popen[str]:
        with (self.folder / "err").open("a") as talk:
            process = subprocess.Popen(
                [sys.executable, "-m", "bydawn", *words], cwd=self.folder, text=True,
                env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=talk, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *words: str) -> tuple[int, str]:
        process = self.start(*words)
        out, _ = process.communicate(timeout=_PATIENCE_S)
        return process.returncode, out

    def said(self) -> str:
        return (self.folder / "err").read_text()

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    server: Server = request.getfixturevalue("postgres_server")
    return server.database()


@pytest.fixture
def hosts(url: str, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    made = Host(tmp_path / "one", url), Host(tmp_path / "two", url)
    yield made
    for host in made:
        host.close()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    clock: Clock = SystemClock()
    path = url.removeprefix("sqlite:///")
    made = open_store(Path(path), clock, "s_1") if path != url else None
    opened = made or open_server_store(url, clock, "s_1")
    yield opened
    opened.close()


def comes(is_so: Callable[[], object], host: Host) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up, host.said()
        time.sleep(0.05)


def states(store: Store, plan: str) -> list[str]:
    batch = store.batches(plan)
    return [job.state for job in read.jobs(store.session, batch[0].number)] if batch else []


def lent(host: Host, *words: str) -> subprocess.Popen[str]:
    process = host.start("run", *words, "--stay")
    comes(lambda: "lending this machine" in host.said(), host)
    return process


def test_a_lent_machine_joins_in_what_opens_and_stays(
    hosts: tuple[Host, Host], store: Store
) -> None:
    one, two = hosts
    lender = lent(two, two.plan("night", 0), two.plan("week", 0), "--json")
    for name in ("night", "week"):
        # Long enough that one host cannot be done before the other has heard of it.
        code, _ = one.run("run", one.plan(name, 12, "sleep 0.4", parallel=2), "--progress", "none")
        assert code == 0, one.said()
        jobs = list(read.jobs(store.session, store.batches(name)[0].number))
        assert {job.state for job in jobs} == {"succeeded"}
        assert len({job.machine for job in jobs}) == 2
        comes(lambda seen=name: f"{seen}: succeeded" in two.said(), two)
    assert lender.poll() is None
    lender.send_signal(signal.SIGTERM)
    out, _ = lender.communicate(timeout=_PATIENCE_S)
    assert lender.returncode == 128 + signal.SIGTERM
    assert {one["plan"] for one in json.loads(out)["batches"]} == {"night", "week"}


def test_a_lent_machine_takes_no_more_than_its_own(hosts: tuple[Host, Host], store: Store) -> None:
    """Held back by a file, so that all who may start have started before any of them ends."""
    one, two = hosts
    what = f"while [ ! -e {one.folder / 'go'} ]; do sleep 0.05; done"
    lent(two, two.plan("night", 0), "--own", "1")
    first = one.start("run", one.plan("night", 9, what, parallel=4), "--progress", "none")
    comes(lambda: states(store, "night").count("running") == 4, one)
    jobs = read.jobs(store.session, store.batches("night")[0].number)
    places = [job.machine for job in jobs if job.state == "running"]
    assert sorted(places.count(machine) for machine in set(places)) in ([1, 3], [4])
    (one.folder / "go").touch()
    first.communicate(timeout=_PATIENCE_S)
    assert first.returncode == 0, one.said()


def test_the_plan_of_another_machine_is_joined_from_wherever_it_lies_there(
    hosts: tuple[Host, Host], store: Store, url: str, tmp_path: Path
) -> None:
    """Each job notes beside whose copy of the plan it runs; the first wait for the second host."""
    one, two = hosts
    ledger, go, is_file = tmp_path / "ledger", tmp_path / "go", url.startswith("sqlite")
    wait = f"while [ ! -e {go} ]; do sleep 0.05; done; sleep 0.2"
    what = f"echo {{{{ plan.dir }}}} >> {ledger}; {wait}"
    first = one.start("run", one.plan("night", 16, what, parallel=4), "--progress", "none")
    comes(ledger.exists, one)
    second = two.start("run", two.plan("night", 16, what, parallel=4), "--progress", "none")
    if is_file:
        assert second.wait(_PATIENCE_S) == 3
    else:
        comes(lambda: sum(1 for runner in store.runners() if runner.batches) == 2, two)
    go.touch()
    assert (first.wait(_PATIENCE_S), second.wait(_PATIENCE_S)) == (0, 3 if is_file else 0)
    ran = ledger.read_text().split()
    assert len(ran) == 16
    assert set(ran) == {str(host.folder) for host in ((one,) if is_file else hosts)}


def test_when_whoever_opened_it_dies_a_lent_machine_finishes_it(
    hosts: tuple[Host, Host], store: Store
) -> None:
    one, two = hosts
    plan = one.plan("night", 6, f"echo ran >> {one.folder / 'ledger'}")
    lender = lent(two, two.plan("night", 0))
    first = one.start("run", plan, "--progress", "none")
    comes(lambda: store.batches("night"), one)
    first.send_signal(signal.SIGKILL)
    first.wait()
    comes(lambda: store.batches("night")[0].closed_at, two)
    done = states(store, "night")
    assert done.count("succeeded") == (one.folder / "ledger").read_text().count("ran")
    assert lender.poll() is None


def test_a_stop_reaches_the_runners_of_every_machine_and_is_lifted_anywhere(
    hosts: tuple[Host, Host], store: Store
) -> None:
    one, two = hosts
    plan = one.plan("night", 5, "sleep 600", parallel=3)
    first = one.start("run", plan, "--progress", "none")
    comes(lambda: states(store, "night").count("running") == 3, one)
    assert two.run("stop")[0] == 0
    first.communicate(timeout=_PATIENCE_S)
    assert first.returncode == 7, one.said()
    assert sorted(states(store, "night")) == ["cancelled"] * 3 + ["queued"] * 2
    assert one.run("run", plan)[0] == 6
    assert one.run("wait", "night")[0] == 6
    assert one.run("run", plan, "--stay")[0] == 6
    assert "bydawn stop --clear" in one.said()
    assert not (one.folder / ".bydawn/STOP").exists()
    assert two.run("stop", "--clear")[0] == 0
    assert one.run("run", one.plan("later", 1), "--progress", "none")[0] == 0, one.said()


def test_a_lender_is_ended_by_a_stop(hosts: tuple[Host, Host]) -> None:
    one, two = hosts
    lender = lent(two, two.plan("night", 0))
    assert one.run("stop")[0] == 0
    lender.communicate(timeout=_PATIENCE_S)
    assert lender.returncode == 7


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "--own", "2", "night.toml"), "--own goes with --stay"),
        (("run", "--stay"), "run what?"),
        (("run", "night.toml", "--stay", "--date", "2026-11-19"), "do not go together"),
        (("run", "night.toml", "week.toml"), "one plan at a time"),
    ],
)
def test_what_cannot_be_lent_is_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    host = Host(tmp_path / "one", f"sqlite:///{tmp_path / 's.db'}")
    host.plan("night", 1)
    assert host.run(*words)[0] == 2
    assert told in host.said()
    assert not (tmp_path / "s.db").exists()
