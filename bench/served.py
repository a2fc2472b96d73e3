"""What is measured on a PostgreSQL server, one function each."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plans
import psycopg
from programs import RUN, Failed, Program, environment, finished

import bydawn
from bydawn.app import Invocation, open_app
from bydawn.app.leases.publishing import publish
from bydawn.runner.clock import SystemClock
from bydawn.store import leases
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store, open_store
from servers import Server

GROUP = 100
PAIRS = 1_000
FILES = 50
TTL_S = 2.0
_LONG = 'backend = "scripted"\nscript = [ { takes = "600s" } ]'
_PATIENCE_S = 60
_TABLE = """
CREATE TABLE job (number BIGINT PRIMARY KEY, key TEXT NOT NULL UNIQUE, state SMALLINT NOT NULL,
    token BIGINT, handle TEXT, result TEXT);
CREATE INDEX job_queued ON job (number) WHERE state = 0"""
_INSERT = """
INSERT INTO job (number, key, state)
SELECT n, lpad(to_hex(n), 64, '0'), 0 FROM generate_series($1::bigint, $2::bigint) n"""
_CLAIM = """
UPDATE job SET state = 1, token = 1 WHERE number IN (
    SELECT number FROM job WHERE state = 0 ORDER BY number LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING number"""
_RUNNING = "UPDATE job SET state = 2, handle = 'handle' WHERE number = ANY($1) AND state = 1"
_DONE = "UPDATE job SET state = 3, result = 'null' WHERE number = ANY($1) AND state = 2"
_INSIDE = """
SELECT count(*) FILTER (WHERE to_state = 'succeeded'), max(at) - min(at) FROM event
WHERE kind IN ('intended', 'succeeded')"""


def bare_per_s(server: Server, count: int) -> float:
    """Insert, claim, running, done: one commit for each step of a group."""
    with (
        server.lending() as url,
        psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as link,
    ):
        link.execute(_TABLE)
        began = time.perf_counter()
        for start in range(0, count, GROUP):
            link.execute(_INSERT, (start, start + GROUP - 1))
            taken = [row[0] for row in link.execute(_CLAIM, (GROUP,))]
            link.execute(_RUNNING, (taken,))
            link.execute(_DONE, (taken,))
        return count / (time.perf_counter() - began)


def runners_per_s(server: Server, count: int, place: Path, runners: int) -> tuple[float, float]:
    """``bydawn run`` in so many processes at once, from plan to join; and the same from the first
    intention to the last success."""
    place.mkdir()
    plans.scripted(place, count, GROUP, "0s")
    with server.lending() as url:
        began = time.perf_counter()
        started = [Program().start(place, "--store", url, *RUN) for _ in range(runners)]
        for one in started:
            finished(one)
        wall_s = time.perf_counter() - began
        done, inside_ms = _told(url, _INSIDE)
    if done != count:
        raise Failed(f"{done} of {count} jobs are done")
    return count / wall_s, count / (inside_ms / 1000)


def resume_s(server: Server, count: int, place: Path) -> float:
    """Kill -9 at half; from the start of the same command to its first new job."""
    place.mkdir()
    plans.scripted(place, count, GROUP, "0s")
    url = server.database()
    first = Program().start(place, "--store", url, *RUN)
    _until(lambda: _successes(url) >= count // 2, "half of the jobs")
    first.kill()
    (before,) = _told(url, "SELECT max(seq) FROM event")
    second = Program().start(place, "--store", url, *RUN)
    finished(second)
    (at,) = _told(url, f"SELECT min(at) FROM event WHERE seq > {before} AND kind = 'intended'")
    return float(at / 1000 - second.began_at)


def runner_takeover_s(server: Server, place: Path) -> float:
    """A second host is at work on the batch when the first is killed with a long run in hand: how
    long after the first one's lease its run is taken over."""
    hosts = [place / name for name in ("one", "two")]
    for host in hosts:
        (host / ".bydawn").mkdir(parents=True, mode=0o700)
        plans.item_plan(host, 1, 1, _LONG)
        text = (host / "plan.toml").read_text().replace("[run]", f'[run]\nlease = "{TTL_S:g}s"')
        (host / "plan.toml").write_text(text)
    url = server.database()
    first = Program().start(hosts[0], "--store", url, *RUN)
    _until(lambda: _count(url, "kind = 'launched'"), "the long run")
    second = Program().start(hosts[1], "--store", url, "run", "plan.toml", "--stay")
    _until(lambda: len(_live_runners(url)) == 2, "the second runner")
    first.kill()
    killed_at = time.time()
    _until(lambda: _count(url, "kind = 'claimed'"), "the takeover")
    (at,) = _told(url, "SELECT max(at) FROM event WHERE kind = 'claimed'")
    second.kill()
    return float(at / 1000 - killed_at - TTL_S)


def lease_pairs_per_s(store: Store) -> float:
    """Acquire and release one name, over and over, on one connection."""
    began = time.perf_counter()
    for _ in range(PAIRS):
        taken = leases.acquire(store.session, "site-a", 60_000, "bench", lambda: "nonce").lease
        leases.release(store.session, "site-a", taken.token, taken.nonce)
    return PAIRS / (time.perf_counter() - began)


def lease_rates(server: Server, place: Path) -> tuple[float, float]:
    """On PostgreSQL, and on SQLite with its durability."""
    place.mkdir()
    with contextlib.closing(open_server_store(server.database(), SystemClock(), "s_1")) as served:
        on_server = lease_pairs_per_s(served)
    with contextlib.closing(open_store(place / "s.db", SystemClock(), "s_1")) as filed:
        return on_server, lease_pairs_per_s(filed)


def lease_takeovers_s(server: Server) -> tuple[float, float]:
    """Somebody waits for a name: how long after its holder's lease ended unrenewed, and after it
    was given back."""
    url = server.database()
    with contextlib.closing(open_server_store(url, SystemClock(), "s_1")) as store:
        session, held_ms = store.session, int(TTL_S * 1000)
        began = time.time()
        leases.acquire(session, "dead", held_ms, "one", lambda: "nonce")
        lapsed = _when_acquired(url, "dead") - began - TTL_S
        taken = leases.acquire(session, "given", 60_000, "one", lambda: "nonce").lease
        waiting = _Waiting(url, "given")
        waiting.start()
        time.sleep(1.0)  # so that it certainly waits, and its interpreter has started
        released = time.time()
        leases.release(session, "given", taken.token, taken.nonce)
        waiting.join(_PATIENCE_S)
        return lapsed, waiting.acquired_at - released


class _Waiting(threading.Thread):
    def __init__(self, url: str, name: str) -> None:
        super().__init__(daemon=True)
        self._wanted = (url, name)
        self.acquired_at = float("inf")

    def run(self) -> None:
        self.acquired_at = _when_acquired(*self._wanted)


def _when_acquired(url: str, name: str) -> float:
    """When a program that waits for a name was given it."""
    words = ("lease", "run", name, "--wait", "30s", "--", "date", "+%s.%N")
    ran = subprocess.run(
        [*Program().argv, "--store", url, *words], env=environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if ran.returncode != 0:
        raise Failed(ran.stderr[-300:])
    return float(ran.stdout)


def publish_ms(server: Server, place: Path) -> tuple[float, float]:
    """One publication of a small file, less the time spent in the fsyncs it asks for: with the
    store at hand, as a runner has it, and by ``bydawn.publish``, which connects for it."""
    place.mkdir()
    with _in_folder(place, server.database()), bydawn.lease("site-a", ttl=60) as lease:
        invocation = Invocation(place, environment=dict(os.environ))
        with contextlib.closing(open_app(invocation)) as app:
            at_hand = _publish_ms(
                lambda: publish(app, Path("draft.html"), "index.html", lease.claim, place)
            )
        return at_hand, _publish_ms(lambda: bydawn.publish("draft.html", "index.html", lease))


def _publish_ms(act: Callable[[], object]) -> float:
    spent: list[float] = []
    for number in range(FILES):
        Path("draft.html").write_text(f"{number} {time.time_ns()}\n")
        with _counting_fsync() as waited:
            began = time.perf_counter()
            act()
            spent.append(time.perf_counter() - began - sum(waited))
    return 1000 * statistics.median(spent)


@contextlib.contextmanager
def _in_folder(place: Path, url: str) -> Iterator[None]:
    before = os.environ.get("BYDAWN_STORE")
    os.environ["BYDAWN_STORE"] = url
    try:
        with contextlib.chdir(place):
            yield
    finally:
        if before is None:
            del os.environ["BYDAWN_STORE"]
        else:
            os.environ["BYDAWN_STORE"] = before


@contextlib.contextmanager
def _counting_fsync() -> Iterator[list[float]]:
    waited: list[float] = []
    real = os.fsync

    def timed(descriptor: Any) -> None:
        began = time.perf_counter()
        real(descriptor)
        waited.append(time.perf_counter() - began)

    os.fsync = timed
    try:
        yield waited
    finally:
        os.fsync = real


def _told(url: str, sql: str) -> tuple[Any, ...]:
    with psycopg.connect(url) as link:
        found = link.execute(sql.encode()).fetchone()
    assert found is not None
    return found


def _count(url: str, where: str) -> int:
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        return int(_told(url, f"SELECT count(*) FROM event WHERE {where}")[0])
    return 0


def _successes(url: str) -> int:
    return _count(url, "kind = 'succeeded'")


def _live_runners(url: str) -> list[str]:
    """Those that serve a batch."""
    with psycopg.connect(url) as link:
        rows = link.execute("SELECT id FROM runner WHERE ended_at IS NULL AND batches <> '[]'")
        return [row[0] for row in rows]


def _until(is_so: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > give_up:
            raise Failed(f"never came: {what}")
        time.sleep(0.02)
