"""A write is heard of at once: nobody waits for the next look. What cannot be heard is polled."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from between import Pooler, database_of
from bydawn.app.place import Place
from bydawn.app.runs import turning
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Driven, Errand
from bydawn.app.values import Invocation, Silent
from bydawn.core.keys import job_key
from bydawn.core.model import BatchTerms, JobSpec, PlannedBatch, PlannedJob
from bydawn.runner.clock import SystemClock
from bydawn.store import read
from bydawn.store.listening import Listener
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from servers import Server

_FAR_MS = 3_600_000
_PATIENCE_S = 30.0
_LISTENING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = '{}'"


@pytest.fixture
def url(postgres_server: Server) -> str:
    made = postgres_server.database()
    opened(made).close()
    return made


@pytest.fixture
def writer(url: str) -> Iterator[Store]:
    with contextlib.closing(opened(url)) as store:
        yield store


def opened(url: str) -> Store:
    return open_server_store(url, SystemClock(), "s_1")


def comes(is_so: Callable[[], object]) -> bool:
    give_up = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def listening(server: Server, url: str) -> list[int]:
    return [row[0] for row in server.say(_LISTENING.format(database_of(url)))]


def write(store: Store) -> None:
    store.session.change("UPDATE counter SET used = used WHERE name = 'none'")


@contextlib.contextmanager
def hearing(url: str) -> Iterator[tuple[Store, threading.Event]]:
    rung = threading.Event()
    with contextlib.closing(opened(url)) as store, store.session.hearing(rung.set):
        yield store, rung


def planned(store: Store) -> int:
    one = JobSpec(id="work", backend="scripted", payload={"script": [{"takes_ms": 0}]})
    job = PlannedJob("work", "work", job_key("night", "", "work", [1]), None, "{}", 1, "i:1")
    batch = PlannedBatch(
        plan="night", edition="", folder="/", source="night.toml", terms=BatchTerms(parallel=8),
        specs=(one,), fingerprint="",
    )  # fmt: skip
    return store.open_batch(batch, [job]).number


class Elsewhere(threading.Thread):
    """A runner that, left alone, would look around once an hour."""

    def __init__(self, folder: Path, url: str, batch: int) -> None:
        super().__init__(daemon=True)
        self._folder, self._url, self._batch = folder, url, batch
        self.driven: Driven | None = None

    def run(self) -> None:
        place = Place(self._folder, self._folder / "store.db", self._url)
        invocation = Invocation(self._folder, self._url, {})
        with contextlib.closing(opened(self._url)) as store:
            errand = Errand(choose=lambda: [self._batch])
            self.driven = drive(place, invocation, store, errand, Silent())


@pytest.fixture
def looks_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    made = turning.runner_kit

    @contextlib.contextmanager
    def patient(*given: object) -> Iterator[object]:
        with made(*given) as kit:  # type: ignore[arg-type]
            kit.tools.look_ms = _FAR_MS
            yield kit

    monkeypatch.setattr(turning, "runner_kit", patient)


@pytest.mark.usefixtures("looks_once_an_hour")
def test_what_a_person_let_go_on_is_claimed_elsewhere_at_once(
    postgres_server: Server, url: str, writer: Store, tmp_path: Path
) -> None:
    batch = planned(writer)
    writer.pause(batch, True)
    runners = [Elsewhere(tmp_path / name, url, batch) for name in ("one", "two")]
    for runner in runners:
        runner.start()
    assert comes(lambda: len(listening(postgres_server, url)) == 2)
    assert comes(lambda: len(writer.runners()) == 2)
    writer.pause(batch, False)
    for runner in runners:
        runner.join(_PATIENCE_S)
    assert [one.driven and one.driven.stop for one in runners] == ["joined", "joined"]
    assert [job.state for job in read.jobs(writer.session, batch)] == ["succeeded"]


def test_ones_own_writes_and_those_to_another_store_ring_nothing(
    postgres_server: Server, url: str, writer: Store
) -> None:
    other = postgres_server.database()
    with hearing(url) as (store, rung), contextlib.closing(opened(other)) as stranger:
        assert comes(rung.is_set), "having begun to listen is worth a look"
        rung.clear()
        write(store)
        write(stranger)
        assert not rung.wait(0.3)
        write(writer)
        assert rung.wait(_PATIENCE_S)


def test_a_listener_that_is_cut_off_comes_back_and_looks(
    postgres_server: Server, url: str, writer: Store
) -> None:
    with hearing(url) as (_, rung):
        assert comes(rung.is_set)
        (before,) = listening(postgres_server, url)
        rung.clear()
        postgres_server.say(f"SELECT pg_terminate_backend({before})")
        assert rung.wait(_PATIENCE_S), "what was missed meanwhile is worth a look"
        assert listening(postgres_server, url) != [before]
        rung.clear()
        write(writer)
        assert rung.wait(_PATIENCE_S)
    assert comes(lambda: listening(postgres_server, url) == [])


def test_nobody_listens_behind_a_pooler_and_looking_still_tells(
    postgres_server: Server, url: str, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Listener] = []
    whole = Listener.__init__

    def noted(self: Listener, *given: object) -> None:
        made.append(self)
        whole(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Listener, "__init__", noted)
    with (
        Pooler(postgres_server, database_of(url), size=3) as pooler,
        hearing(pooler.url) as (store, rung),
    ):
        assert comes(lambda: made[0].is_deaf)
        assert listening(postgres_server, url) == []
        store.session.changed_elsewhere()
        write(writer)
        assert store.session.changed_elsewhere()
        assert not rung.is_set()


def test_a_server_that_is_gone_delays_nobody(url: str) -> None:
    with contextlib.closing(opened(url)) as store:
        store.session._wire._address.parameters["host"] = "/nowhere"  # type: ignore[attr-defined]
        with store.session.hearing(lambda: None):
            assert store.session.row("SELECT 1") == (1,)
