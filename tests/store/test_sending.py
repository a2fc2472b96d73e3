"""Rows that are sent and not waited for: counted exactly, and never kept where one was wrong."""

from __future__ import annotations

import pytest

from bydawn.runner.clock import SystemClock
from bydawn.store.connect import Occupied
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from servers import Server

_ADD = "INSERT INTO counter (name, used) VALUES (?, ?)"
_RAISE = "UPDATE counter SET used = ? WHERE name = ?"
_ALL = "SELECT name, used FROM counter ORDER BY name"


class Boom(Exception):
    """Something of the caller's own goes wrong."""


def test_what_was_sent_is_counted_when_asked(store: Store) -> None:
    session = store.session

    def act() -> list[int]:
        added = session.send_many(_ADD, [("a", 1), ("b", 1), ("c", 2)])
        raised = session.send_many(_RAISE, [(7, "a"), (7, "c"), (7, "missing")])
        none = session.send_many(_ADD, [])
        return [raised(), added(), none()]

    assert session.transact(act) == [2, 3, 0]
    assert session.rows(_ALL) == [("a", 7), ("b", 1), ("c", 7)]


def test_a_question_sees_what_was_sent_before_it(store: Store) -> None:
    session = store.session

    def act() -> object:
        session.send_many(_ADD, [("a", 1), ("b", 2)])
        return session.rows(_ALL)

    assert session.transact(act) == [("a", 1), ("b", 2)]


def test_a_row_that_is_there_already_undoes_the_part_that_was_tried(store: Store) -> None:
    session = store.session
    session.change(_ADD, ("a", 1))

    def tried() -> None:
        with session.trying():
            session.send_many(_ADD, [("b", 2), ("a", 2)])
            session.send_many(_ADD, [("c", 3), ("d", 3)])

    def act() -> None:
        session.send_many(_ADD, [("before", 0), ("too", 0)])
        with pytest.raises(Occupied):
            tried()
        session.send_many(_ADD, [("after", 9)])

    session.transact(act)
    assert session.rows(_ALL) == [("a", 1), ("after", 9), ("before", 0), ("too", 0)]


def test_a_wrong_row_nobody_asked_about_undoes_the_transaction(store: Store) -> None:
    session = store.session
    session.change(_ADD, ("a", 1))

    def act() -> None:
        session.send_many(_ADD, [("b", 2), ("a", 2)])

    with pytest.raises(Occupied):
        session.transact(act)
    assert session.rows(_ALL) == [("a", 1)]


def test_what_goes_wrong_while_something_is_under_way_is_what_is_raised(store: Store) -> None:
    session = store.session
    session.change(_ADD, ("a", 1))

    def tried() -> None:
        with session.trying():
            session.send_many(_ADD, [("b", 2), ("c", 2)])
            raise Boom

    def act() -> None:
        with pytest.raises(Boom):
            tried()
        session.send_many(_ADD, [("d", 4)])

    session.transact(act)
    assert session.rows(_ALL) == [("a", 1), ("d", 4)]


def test_a_line_that_breaks_under_what_was_sent_keeps_it_once(postgres_server: Server) -> None:
    url = postgres_server.database()
    store = open_server_store(url, SystemClock(), "s_1")
    pids: list[int] = []

    def act() -> int:
        (pid,) = store.session.row("SELECT pg_backend_pid()") or (0,)
        added = store.session.send_many(_ADD, [("a", 1), ("b", 1)])
        if not pids:
            postgres_server.say(f"SELECT pg_terminate_backend({pid}, 10000)")
        pids.append(pid)
        store.session.send_many(_RAISE, [(2, "a"), (2, "b")])
        return added()

    assert store.session.transact(act) == 2
    assert len(set(pids)) == 2
    assert store.session.rows(_ALL) == [("a", 2), ("b", 2)]
    store.close()
