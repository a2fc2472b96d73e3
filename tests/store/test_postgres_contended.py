"""Where others write too they are let in before the disk is waited for, and own rows are written
before the turn; what is told to be kept has reached the disk all the same, and nobody waits in a
circle for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from between import LOSE, PASS, SWALLOW, Cuts, CuttingLine, database_of
from bydawn.runner.clock import SystemClock
from bydawn.store.postgres import PostgresSession, open_postgres
from bydawn.store.shared import open_server_store
from servers import FORGETFUL, Server, running_server

BUMP = """
INSERT INTO counter (name, used) VALUES (?, 1)
ON CONFLICT (name) DO UPDATE SET used = counter.used + 1"""
RAISE = "UPDATE counter SET used = used + ? WHERE name = ?"
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


def own_row_first(session: PostgresSession, more: int) -> Callable[[], None]:
    """What raises a row that needs no turn, and then says something that does."""
    send = session.sending_all(RAISE, [(more, "own")])

    def act() -> None:
        send()
        session.change(BUMP, ("other",))

    return act


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


@pytest.mark.parametrize("others_write", [False, True])
def test_own_rows_are_written_while_others_have_their_turn(
    postgres_server: Server, open_session: Opener, others_write: bool
) -> None:
    """Only where there are others: alone, what comes with the turn is worked on meanwhile."""
    url = filled(postgres_server)
    one, other = open_session(url), open_session(url)
    for _ in range(3):
        bump(one, "own")
    if others_write:
        contended(one, other)
    with psycopg.connect(url) as holder, psycopg.connect(url) as looker:
        holder.execute("UPDATE sequence SET value = value WHERE name = 'version'")
        write = threading.Thread(target=one.transact, args=(own_row_first(one, 5),))
        write.start()
        in_line = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
        while looker.execute(in_line).fetchone() == (0,):
            looker.rollback()
        taken = looker.execute(
            "SELECT count(*) FROM (SELECT 1 FROM counter WHERE name = 'own'"
            " FOR UPDATE SKIP LOCKED) free"
        ).fetchone()
        looker.rollback()
        holder.rollback()
        write.join()
    assert taken == ((0,) if others_write else (1,))
    assert one.row(USED, ("own",)) == (8,)


def test_who_has_rows_and_waits_for_a_turn_gives_way_to_who_has_it_and_wants_them(
    postgres_server: Server, open_session: Opener
) -> None:
    url = filled(postgres_server)
    # The server's own look for circles must not be what ends it.
    postgres_server.say(f"ALTER DATABASE {database_of(url)} SET deadlock_timeout = '60s'")
    one, other = open_session(url), open_session(url)
    bump(one, "own")
    contended(one, other)
    began = time.monotonic()
    with psycopg.connect(url) as holder:
        holder.execute("UPDATE sequence SET value = value + 1 WHERE name = 'version'")
        write = threading.Thread(target=one.transact, args=(own_row_first(one, 5),))
        write.start()
        holder.execute("SELECT pg_sleep(0.1)")
        holder.execute("UPDATE counter SET used = used * 10 WHERE name = 'own'")
    write.join()
    assert one.row(USED, ("own",)) == (15,)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_cut_wherever_among_others_every_change_happens_once(
    postgres_server: Server, open_session: Opener, seed: int
) -> None:
    url, cuts = filled(postgres_server), Cuts(seed)
    with CuttingLine(postgres_server, database_of(url)) as line:
        one, other = open_session(line.url), open_session(url)
        bump(one, "own")
        contended(one, other)
        line.judge = cuts
        for _ in range(40):
            one.transact(own_row_first(one, 1))
            bump(other, "n")
        line.judge = lambda _: PASS
        assert [other.row(USED, (name,)) for name in ("own", "other", "n")] == [(41,), (40,), (40,)]
    assert cuts.count > 5


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
