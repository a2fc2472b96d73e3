"""Where others write too they are let in before the disk is waited for; what is told to be kept has
reached it all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from between import LOSE, PASS, SWALLOW, CuttingLine, database_of
from bydawn.runner.clock import SystemClock
from bydawn.store.postgres import PostgresSession, open_postgres
from bydawn.store.shared import open_server_store
from servers import FORGETFUL, Server, running_server

BUMP = """
INSERT INTO counter (name, used) VALUES (?, 1)
ON CONFLICT (name) DO UPDATE SET used = counter.used + 1"""
USED = "SELECT used FROM counter WHERE name = ?"
_FLUSH = b"UPDATE meta SET value = value"
Opener = Callable[[str], PostgresSession]


@pytest.fixture
def open_session() -> Iterator[Opener]:
    made: list[PostgresSession] = []

    def one(url: str) -> PostgresSession:
        made.append(open_postgres(url, SystemClock(), 20.0))
        return made[-1]

    yield one
    for session in made:
        session.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """What nobody waits for it writes ten seconds later: it is killed before."""
    with running_server(settings=(*FORGETFUL, "wal_writer_delay=10s")) as made:
        yield made


def filled(server: Server) -> str:
    url = server.database()
    open_server_store(url, SystemClock(), "s_1").close()
    return url


def bump(session: PostgresSession, name: str, sends: bool = False) -> None:
    def act() -> None:
        if sends:
            session.send_many(BUMP, [(name,)])
        else:
            session.change(BUMP, (name,))

    session.transact(act)


def contended(one: PostgresSession, other: PostgresSession) -> PostgresSession:
    """The next transaction of the first knows that somebody else writes as well."""
    for session in (one, other, one):
        bump(session, "warm")
    return one


def at_flushes(verdict: str) -> Callable[[bytes], str]:
    """A verdict for the first of them."""
    waiting = [verdict]
    return lambda message: waiting.pop() if waiting and _FLUSH in message else PASS


def test_others_are_let_in_first_only_where_there_are_any(
    postgres_server: Server, open_session: Opener
) -> None:
    url, heard = filled(postgres_server), list[bytes]()
    with CuttingLine(postgres_server, database_of(url)) as line:
        one, other = open_session(line.url), open_session(url)
        line.judge = lambda message: (heard.append(message), PASS)[1]
        for _ in range(3):
            bump(one, "n")
        assert not any(_FLUSH in message for message in heard)
        contended(one, other)
        heard.clear()
        bump(one, "n", sends=True)
        assert any(b"'synchronous_commit', 'off'" in message for message in heard)
        assert [_FLUSH in message for message in heard].index(True) > [
            b"COMMIT" in message for message in heard
        ].index(True)
        heard.clear()
        bump(one, "n")
        assert not any(_FLUSH in message for message in heard)


@pytest.mark.wide
@pytest.mark.parametrize("sends", [False, True])
def test_what_is_told_to_be_kept_survives_the_death_of_its_server(
    server: Server, open_session: Opener, sends: bool
) -> None:
    url = filled(server)
    one, other = open_session(url), open_session(url)
    bump(contended(one, other), "kept", sends)
    server.kill()
    server.start()
    assert one.row(USED, ("kept",)) == (1,)
    bump(one, "kept")
    assert one.row(USED, ("kept",)) == (2,)


@pytest.mark.wide
@pytest.mark.parametrize("verdict", [LOSE, SWALLOW])
def test_a_commit_whose_flush_was_not_answered_is_looked_up_and_flushed(
    server: Server, open_session: Opener, verdict: str
) -> None:
    url = filled(server)
    with CuttingLine(server, database_of(url)) as line:
        one, other = open_session(line.url), open_session(url)
        contended(one, other)
        line.judge = at_flushes(verdict)
        bump(one, "kept", sends=True)
        server.kill()
        server.start()
        assert other.row(USED, ("kept",)) == (1,)


def test_a_commit_whose_flush_went_wrong_is_looked_up(
    postgres_server: Server, open_session: Opener
) -> None:
    url = filled(postgres_server)
    one = contended(open_session(url), open_session(url))
    one._wire._opening = one._wire._opening._replace(strictly="SELECT 1 FROM nowhere")
    bump(one, "kept", sends=True)
    assert one.row(USED, ("kept",)) == (1,)


def test_who_was_cut_off_looks_again_whatever_the_writers_row_says(
    postgres_server: Server, open_session: Opener
) -> None:
    """A server that lost its power may count from an earlier write on, up to the same number."""
    one = open_session(filled(postgres_server))
    assert not one.changed_elsewhere()
    one._wire._connection.close()
    assert one.changed_elsewhere()
    assert not one.changed_elsewhere()
