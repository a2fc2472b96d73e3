"""A store file that is no longer what was written there is told apart from a whole one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from filling import Hand, fill, spec, succeed

from bydawn.store.damage import damage_of
from bydawn.store.store import open_store
from bydawn.testing.virtual import HandWoundClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "s.db", HandWoundClock(), "s_1")
    hand = Hand(store)
    for job in hand.claim(fill(store, spec(), count=3, parallel=9)):
        succeed(hand, job)
    store.close()
    return tmp_path / "s.db"


def changed(path: Path, sql: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()
    return damage_of(path)


def test_a_whole_store_is_whole(path: Path) -> None:
    assert damage_of(path) == ""


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DELETE FROM spec", "a job's spec is missing"),
        ("DELETE FROM batch", "a job's batch is missing"),
        ("DELETE FROM sequence WHERE name = 'token'", "a sequence is missing"),
        ("DELETE FROM meta WHERE name = 'store_id'", "the store's name is missing"),
        ("UPDATE job SET state = 'runnjng' WHERE number = 1", "a job is in no state"),
        ("UPDATE job SET token = 'x' WHERE number = 2", "job.token holds something else"),
        ("UPDATE job SET name = CAST(x'ff41' AS TEXT) WHERE number = 2", "job.name is unreadable"),
        ("UPDATE spec SET body = replace(body, 'retries', 'retrjes')", "spec.body is unreadable"),
        ("UPDATE batch SET terms = '{'", "batch.terms is unreadable"),
        ("UPDATE event SET detail = '[1' WHERE seq = 1", "event.detail is unreadable"),
        ("DROP TABLE job", "no such table: job"),
    ],
)
def test_what_cannot_be_is_told(path: Path, sql: str, told: str) -> None:
    assert changed(path, sql).startswith(told)


def test_a_store_that_others_hold_is_not_called_damaged(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert damage_of(path, patience_s=0) == ""
