"""bydawn.lease, publish and fenced_sql, as a program uses them."""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from pathlib import Path

import pytest

import bydawn
from bydawn.app.leases.leasing import Lost
from bydawn.processes.machine import sleepless_ms
from bydawn.testing.virtual import HandWoundClock


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken_away(name: str) -> None:
    """Another holder, as if the lease had lapsed: what only a store that went wrong could do."""
    connection = sqlite3.connect(".bydawn/store.db")
    with connection:
        connection.execute("UPDATE lease SET token = token + 1 WHERE name = ?", (name,))
    connection.close()


def test_a_block_holds_the_lease_and_gives_it_back() -> None:
    with bydawn.lease("a") as lease:
        first = lease.token
        assert not lease.lost.is_set()
        with pytest.raises(bydawn.Refused, match=f"token {first}"):
            bydawn.lease("a").__enter__()
    with bydawn.lease("a") as lease:
        assert lease.token > first


def test_it_is_given_back_when_the_block_fails() -> None:
    with pytest.raises(ZeroDivisionError), bydawn.lease("a"):
        raise ZeroDivisionError
    with bydawn.lease("a"):
        pass


def test_it_waits_for_another_to_finish() -> None:
    held, over = threading.Event(), threading.Event()

    def other() -> None:
        with bydawn.lease("a"):
            held.set()
            over.wait(20)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(20)
    threading.Timer(0.3, over.set).start()
    with bydawn.lease("a", wait=30) as lease:
        assert lease.token == 2
    thread.join()


def test_a_takeover_after_a_clean_release_takes_a_fifth_of_a_second_at_most() -> None:
    gaps = []
    for _ in range(5):
        released: list[int] = []
        held = threading.Event()

        def other(held: threading.Event = held, released: list[int] = released) -> None:
            with bydawn.lease("a"):
                held.set()
                threading.Event().wait(0.15)
            released.append(sleepless_ms())

        thread = threading.Thread(target=other)
        thread.start()
        held.wait(20)
        with bydawn.lease("a", wait=30):
            taken = sleepless_ms()
        thread.join()
        gaps.append(taken - released[0])
    assert min(gaps) <= 200, gaps


def test_it_is_renewed_while_the_block_runs() -> None:
    with bydawn.lease("a", ttl=0.6) as lease:
        assert not lease.lost.wait(1.5)
        with pytest.raises(bydawn.Refused):
            bydawn.lease("a").__enter__()


def test_a_lease_that_was_taken_away_is_noticed_and_told_at_the_end(here: Path) -> None:
    (here / "d").write_text("x")
    with pytest.raises(bydawn.Fenced, match="since"):
        _lose_and_publish()
    assert not (here / "out").exists()


def _lose_and_publish() -> None:
    with bydawn.lease("a", ttl=0.6) as lease:
        taken_away("a")
        assert lease.lost.wait(20)
        with pytest.raises(bydawn.Fenced, match="was lost"):
            bydawn.publish("d", "out", lease)


def test_the_error_of_the_block_itself_comes_first() -> None:
    with pytest.raises(ZeroDivisionError):
        _lose_and_fail()


def _lose_and_fail() -> None:
    with bydawn.lease("a", ttl=0.6) as lease:
        taken_away("a")
        assert lease.lost.wait(20)
        raise ZeroDivisionError


def test_a_store_out_of_reach_ends_the_trust_before_the_lease() -> None:
    with pytest.raises(bydawn.Fenced, match="was lost"):
        _lose_sight_of_the_store()


def _lose_sight_of_the_store() -> None:
    with bydawn.lease("a", ttl=1) as lease:
        blocking = sqlite3.connect(".bydawn/store.db", isolation_level=None)
        blocking.execute("BEGIN IMMEDIATE")
        (until,) = blocking.execute("SELECT lease_until FROM lease").fetchone()
        assert lease.lost.wait(20)
        assert sleepless_ms() < until
        blocking.execute("ROLLBACK")
        blocking.close()


def test_outside_of_a_block_there_is_nothing_to_show() -> None:
    with pytest.raises(bydawn.UsageError, match="with statement"):
        _ = bydawn.lease("a").token


def test_publishing_under_a_lease(here: Path) -> None:
    (here / "draft.html").write_text("one")
    with bydawn.lease("a") as old:
        receipt = bydawn.publish("draft.html", "public/index.html", old)
        assert receipt.written
    with bydawn.lease("a") as new:
        (here / "draft.html").write_text("two")
        bydawn.publish(here / "draft.html", here / "public/index.html", new)
        with pytest.raises(bydawn.Fenced):
            bydawn.publish("draft.html", "public/index.html", old)
    assert (here / "public" / "index.html").read_text() == "two"


def test_publishing_under_the_claim_of_the_process(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "d").write_text("x")
    with pytest.raises(bydawn.UsageError):
        bydawn.publish("d", "out")
    with bydawn.lease("a") as lease:
        monkeypatch.setenv("BYDAWN_LEASE", "a")
        monkeypatch.setenv("BYDAWN_TOKEN", str(lease.token))
        monkeypatch.setenv("BYDAWN_NONCE", lease.claim.nonce)
        assert bydawn.publish("d", "out").written


def test_fenced_sql(here: Path) -> None:
    connection = sqlite3.connect(here / "user.db")
    with bydawn.lease("a") as old:
        assert bydawn.fenced_sql(connection, old, "CREATE TABLE t (x)")
        assert bydawn.fenced_sql(connection, old, "INSERT INTO t VALUES (?)", (1,), effect="once")
    with bydawn.lease("a") as new:
        once = bydawn.fenced_sql(connection, new, "INSERT INTO t VALUES (?)", (2,), effect="once")
        assert not once
        with bydawn.fenced_transaction(connection, new) as cursor:
            cursor.execute("INSERT INTO t VALUES (3)")
        with pytest.raises(bydawn.Fenced):
            bydawn.fenced_sql(connection, old.claim, "INSERT INTO t VALUES (4)")
    assert connection.execute("SELECT x FROM t").fetchall() == [(1,), (3,)]
    connection.close()


def test_trust_is_told_by_the_clock_and_never_comes_back() -> None:
    clock = HandWoundClock()
    lost = Lost(clock, clock.boot_ms() + 100)
    assert not lost.wait(0)
    clock.wind(99)
    assert not lost.is_set()
    lost.trust(clock.boot_ms() + 100)
    clock.wind(100)
    assert lost.is_set()
    lost.trust(clock.boot_ms() + 100)
    assert lost.is_set()
    assert lost.left_ms() == 0


def _hold_and_leave_a_child(writing: int) -> None:
    # Newer Pythons warn of what this test is about: a fork beside a thread.
    warnings.simplefilter("ignore")
    with bydawn.lease("a", ttl=0.5) as lease:
        if os.fork() == 0:
            os.write(writing, b"1" if lease.lost.wait(20) else b"0")
        os._exit(0)


def test_a_forked_child_does_not_keep_the_lease() -> None:
    """Only the process of the block renews: once it is gone the lease lapses, children or not."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _hold_and_leave_a_child(writing)
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    assert os.read(reading, 1) == b"1"
    with bydawn.lease("a", wait=20) as lease:
        assert lease.token == 2
    for end in (reading, writing):
        os.close(end)
