"""A server that is lost, killed, restarted, replaced or in the way; nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from between import LOSE, MUTE, PASS, SWALLOW, Cuts, CuttingLine, Pooler, database_of
from bydawn.core.errors import StoreRefused, StoreUnavailable
from bydawn.runner.clock import SystemClock
from bydawn.store import leases
from bydawn.store import server as reached
from bydawn.store.connect import CommitUnknown
from bydawn.store.postgres import PostgresSession, open_postgres
from bydawn.store.shared import open_server_store
from servers import Server, running_server

pytestmark = pytest.mark.wide

BUMP = """
INSERT INTO counter (name, used) VALUES ('n', 1)
ON CONFLICT (name) DO UPDATE SET used = counter.used + 1"""
READ = "SELECT used FROM counter WHERE name = 'n'"


@pytest.fixture
def url(postgres_server: Server) -> str:
    made = postgres_server.database()
    open_server_store(made, SystemClock(), "s_1").close()
    return made


@pytest.fixture
def line(postgres_server: Server, url: str) -> Iterator[CuttingLine]:
    with CuttingLine(postgres_server, database_of(url)) as made:
        yield made


@pytest.fixture
def open_session() -> Iterator[Callable[..., PostgresSession]]:
    made: list[PostgresSession] = []

    def one(url: str, patience_s: float = 20.0) -> PostgresSession:
        made.append(open_postgres(url, SystemClock(), patience_s))
        return made[-1]

    yield one
    for session in made:
        session.close()


class Bump:
    """Adds one to a counter; knows how often it was carried out. Where it sends, the COMMIT goes
    out behind what was sent, without waiting in between."""

    def __init__(self, session: PostgresSession, sends: bool = False) -> None:
        self.session, self.times, self._sends = session, 0, sends

    def __call__(self) -> str:
        self.times += 1
        if self._sends:
            self.session.send_many(BUMP, [()])
        else:
            self.session.change(BUMP)
        return "done"


def at_commits(*verdicts: str) -> Callable[[bytes], str]:
    """One verdict for each COMMIT; after the last one all is well again."""
    waiting = list(verdicts)

    def judge(message: bytes) -> str:
        return waiting.pop(0) if waiting and is_commit(message) else PASS

    return judge


def is_commit(message: bytes) -> bool:
    return message[5:].lstrip(b"\0").startswith(b"COMMIT")


@pytest.mark.parametrize("sends", [False, True])
def test_a_commit_whose_answer_was_lost_is_looked_up_not_repeated(
    line: CuttingLine, open_session: Callable[..., PostgresSession], sends: bool
) -> None:
    session = open_session(line.url)
    bump = Bump(session, sends)
    line.judge = at_commits(SWALLOW)
    assert session.transact(bump) == "done"
    assert bump.times == 1
    assert session.row(READ) == (1,)
    assert session.changed_elsewhere()  # perhaps: it had to connect anew
    assert not session.changed_elsewhere()


@pytest.mark.parametrize("sends", [False, True])
def test_an_answer_that_is_kept_back_on_an_open_line_is_not_waited_for_without_end(
    line: CuttingLine,
    open_session: Callable[..., PostgresSession],
    monkeypatch: pytest.MonkeyPatch,
    sends: bool,
) -> None:
    """Whoever stands in between acknowledges every byte: neither keepalive nor TCP tells."""
    monkeypatch.setattr(reached.Line, "answer_s", 2.0)
    session = open_session(line.url)
    bump = Bump(session, sends)
    line.judge = at_commits(MUTE)
    assert session.transact(bump) == "done"
    assert bump.times == 1
    line.judge = lambda message: MUTE if b"now_and_then" in message else PASS
    silent = open_session(line.url, patience_s=0.05)
    with pytest.raises(StoreUnavailable, match=r"no answer for 2 s"):
        silent.rows("SELECT 1 AS now_and_then")
    line.judge = lambda _: PASS
    assert session.row(READ) == (1,)


@pytest.mark.parametrize("sends", [False, True])
def test_a_commit_that_never_arrived_is_carried_out_again(
    line: CuttingLine, open_session: Callable[..., PostgresSession], sends: bool
) -> None:
    session = open_session(line.url)
    bump = Bump(session, sends)
    line.judge = at_commits(LOSE, LOSE, SWALLOW)
    assert session.transact(bump) == "done"
    assert bump.times == 3
    assert session.row(READ) == (1,)


def test_a_commit_that_nobody_can_tell_of_is_an_outcome_of_its_own(
    line: CuttingLine, open_session: Callable[..., PostgresSession], url: str
) -> None:
    session = open_session(line.url, patience_s=0.3)
    bump = Bump(session)
    cut = []

    def judge(message: bytes) -> str:
        cut.extend([1] if is_commit(message) else [])
        return SWALLOW if cut else PASS

    line.judge = judge
    with pytest.raises(CommitUnknown) as caught:
        session.transact(bump)
    assert caught.value.exit_code == 75
    assert bump.times == 1
    assert open_session(url).row(READ) == (1,)


@pytest.mark.parametrize("verdict", [LOSE, SWALLOW])
def test_a_line_cut_while_a_store_is_made_leaves_all_of_it_or_nothing(
    postgres_server: Server, verdict: str
) -> None:
    """A look at the tables in the middle was asked again over a new connection, and what followed
    was kept by itself, outside of any transaction: half a store, refused as another program's."""
    for nth in range(1, 13):
        looks: list[bytes] = []

        def judge(message: bytes, nth: int = nth, looks: list[bytes] = looks) -> str:
            looks.extend([message] if b"pg_tables" in message else [])
            return verdict if b"pg_tables" in message and len(looks) == nth else PASS

        made = postgres_server.database()
        with CuttingLine(postgres_server, database_of(made)) as line:
            line.judge = judge
            open_server_store(line.url, SystemClock(), "s_1").close()
        open_server_store(made, SystemClock(), "s_1").close()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_cut_wherever_every_change_happens_once(
    line: CuttingLine, open_session: Callable[..., PostgresSession], url: str, seed: int
) -> None:
    session, cuts = open_session(line.url), Cuts(seed)
    line.judge = cuts
    for _ in range(40):
        session.transact(Bump(session))
        assert session.rows("SELECT 1") == [(1,)]
    line.judge = lambda _: PASS
    assert open_session(url).row(READ) == (40,)
    assert cuts.count > 5


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "57014", "57P01"])
def test_a_transaction_the_server_gave_up_is_carried_out_again(
    url: str, open_session: Callable[..., PostgresSession], code: str
) -> None:
    session = open_session(url)
    bump = Bump(session)

    def act() -> None:
        bump()
        if bump.times < 3:
            raising = f"BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END"
            session.define(f"DO $$ {raising} $$")

    session.transact(act)
    assert bump.times == 3
    assert session.row(READ) == (1,)


def test_a_mistake_in_a_transaction_undoes_it_and_is_not_repeated(
    url: str, open_session: Callable[..., PostgresSession]
) -> None:
    session = open_session(url)
    bump = Bump(session)

    def act() -> None:
        bump()
        raise KeyError("ours")

    with pytest.raises(KeyError):
        session.transact(act)
    assert bump.times == 1
    assert session.row(READ) is None


def test_a_connection_ended_in_the_middle_of_a_transaction_is_replaced(
    url: str, open_session: Callable[..., PostgresSession], postgres_server: Server
) -> None:
    session = open_session(url)
    bump = Bump(session)
    ending = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{database_of(url)}'"
    )

    def act() -> None:
        bump()
        if bump.times == 1:
            postgres_server.say(ending)

    session.transact(act)
    assert bump.times == 2
    assert session.row(READ) == (1,)
    postgres_server.say(ending)
    assert session.row(READ) == (1,)


def test_writers_wait_for_each_other_and_all_get_through(
    url: str, open_session: Callable[..., PostgresSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than one wait for the row may last; the waiting one asks again."""
    monkeypatch.setattr("bydawn.store.server._LOCK_WAIT", "100ms")
    session = open_session(url)
    blocker = psycopg.connect(url)
    blocker.execute("SELECT value FROM sequence FOR UPDATE")
    threading.Timer(0.4, blocker.close).start()
    bump = Bump(session)
    session.transact(bump)
    assert bump.times > 1
    assert session.row(READ) == (1,)


def test_a_store_somebody_holds_for_good_is_busy(
    url: str, open_session: Callable[..., PostgresSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bydawn.store.server._LOCK_WAIT", "50ms")
    session = open_session(url, patience_s=0.2)
    with psycopg.connect(url) as blocker:
        blocker.execute("SELECT value FROM sequence FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="is busy"):
            session.transact(Bump(session))
        blocker.rollback()
    session.transact(Bump(session))


def test_a_store_that_went_back_in_time_is_not_written_to(
    url: str, open_session: Callable[..., PostgresSession], postgres_server: Server
) -> None:
    """As after a failover that lost commits: its tokens have been given out already."""
    session = open_session(url)
    session.transact(Bump(session))
    database = database_of(url)
    postgres_server.say("UPDATE sequence SET value = value - 1 WHERE name = 'version'", database)
    postgres_server.say(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    )
    with pytest.raises(StoreRefused, match="gone back in time"):
        session.transact(Bump(session))
    assert postgres_server.say("SELECT used FROM counter", database) == [(1,)]


def test_a_killed_server_is_waited_for(open_session: Callable[..., PostgresSession]) -> None:
    """Killed and restarted between and inside transactions; what was acknowledged is there."""
    with running_server() as server:
        url = server.database()
        open_server_store(url, SystemClock(), "s_1").close()
        session = open_session(url)
        bump = Bump(session)

        def act() -> None:
            bump()
            if bump.times == 2:
                server.kill()
                threading.Thread(target=server.start).start()

        session.transact(bump)
        session.transact(act)
        assert bump.times == 3
        assert session.row(READ) == (2,)
        server.kill()
        server.start()
        assert session.row(READ) == (2,)
        server.kill()
        with pytest.raises(StoreUnavailable):
            open_session(url)
        server.start()


def test_a_pooler_may_give_every_transaction_another_connection(
    url: str, open_session: Callable[..., PostgresSession], postgres_server: Server
) -> None:
    with Pooler(postgres_server, database_of(url), size=3) as pooler:
        first, second = open_session(pooler.url), open_session(pooler.url)
        for _ in range(10):
            for session in (first, second):
                session.transact(Bump(session))
                session.transact(lambda s=session: s.change_many(BUMP_MANY, [("a", 1), ("b", 2)]))
                with session.reading():
                    assert len(session.rows("SELECT name FROM counter")) == 3
                taken = leases.acquire(session, "a", 60_000, "me", lambda: "n").lease
                assert leases.release(session, "a", taken.token, "n")
        assert first.row(READ) == (20,)
        assert first.changed_elsewhere()
        assert not first.changed_elsewhere()
        used = pooler.handed_out
        left = [first.row(LEFT_BEHIND) for _ in range(3)]
    assert used > 70
    assert left == [("", "off", "0", "on", 0, 0)] * 3


def at_messages(*verdicts: str) -> Callable[[bytes], str]:
    """One verdict for each message that holds a whole transaction; after the last one all is well
    again."""
    waiting = list(verdicts)

    def judge(message: bytes) -> str:
        is_whole = b"BEGIN" in message and b"COMMIT" in message[-9:]
        return waiting.pop(0) if waiting and is_whole else PASS

    return judge


@pytest.mark.parametrize("verdicts", [(SWALLOW,), (LOSE, SWALLOW), (SWALLOW, LOSE, SWALLOW)])
def test_a_lease_whose_grant_was_not_answered_is_found_to_be_ours(
    line: CuttingLine, open_session: Callable[..., PostgresSession], verdicts: tuple[str, ...]
) -> None:
    session = open_session(line.url)
    first = leases.acquire(session, "a", 60_000, "me", lambda: "n1").lease
    line.judge = at_messages(*verdicts)
    assert leases.renew(session, "a", first.token, "n1", 60_000)
    line.judge = at_messages(*verdicts)
    assert leases.release(session, "a", first.token, "n1")
    line.judge = at_messages(*verdicts)
    second = leases.acquire(session, "a", 60_000, "me", lambda: "n2")
    assert (second.is_ours, second.lease.token) == (True, first.token + 1)
    assert not leases.acquire(session, "a", 60_000, "you", lambda: "n3").is_ours


def test_taking_a_lease_is_one_message_and_one_answer(
    line: CuttingLine, open_session: Callable[..., PostgresSession]
) -> None:
    session = open_session(line.url)
    for _ in range(10):  # by then the server has been told of the statements
        taken = leases.acquire(session, "a", 60_000, "me", lambda: "n").lease
        leases.renew(session, "a", taken.token, "n", 60_000)
        leases.release(session, "a", taken.token, "n")
    heard: list[bytes] = []
    line.judge = lambda message: (heard.append(message), PASS)[1]
    taken = leases.acquire(session, "a", 60_000, "me", lambda: "n").lease
    assert leases.renew(session, "a", taken.token, "n", 60_000)
    assert leases.release(session, "a", taken.token, "n")
    assert len(heard) == 3


def test_what_the_server_was_told_of_and_has_forgotten_is_said_in_full(
    url: str, open_session: Callable[..., PostgresSession]
) -> None:
    session = open_session(url)
    tokens = []
    for number in range(30):
        if number == 20:
            session.define("DISCARD ALL")
        taken = leases.acquire(session, "a", 60_000, "me", lambda: "n").lease
        tokens.append(taken.token)
        assert leases.release(session, "a", taken.token, "n")
    assert tokens == list(range(tokens[0], tokens[0] + 30))


BUMP_MANY = """
INSERT INTO counter (name, used) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET used = counter.used + excluded.used"""
LEFT_BEHIND = """
SELECT current_setting('application_name'), current_setting('synchronous_commit'),
    current_setting('lock_timeout'), current_setting('enable_seqscan'),
    (SELECT count(*) FROM pg_prepared_statements),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"""


def test_settings_hold_inside_each_transaction_and_only_there(
    url: str, open_session: Callable[..., PostgresSession]
) -> None:
    session = open_session(url)
    names = (
        "synchronous_commit", "lock_timeout", "statement_timeout",
        "idle_in_transaction_session_timeout",
    )  # fmt: skip
    asked = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    assert session.transact(lambda: session.row(asked)) == ("on", "10s", "1min", "30s")
    assert session.row(asked) == ("off", "0", "0", "0")


def test_what_happened_elsewhere_is_noticed_once(
    url: str, open_session: Callable[..., PostgresSession]
) -> None:
    first, second = open_session(url), open_session(url)
    first.transact(Bump(first))
    assert not first.changed_elsewhere()
    assert second.changed_elsewhere()
    assert not second.changed_elsewhere()
    second.transact(Bump(second))
    first.transact(Bump(first))
    assert first.changed_elsewhere()


def test_a_row_somebody_holds_is_passed_over_and_still_counted(
    url: str, open_session: Callable[..., PostgresSession]
) -> None:
    session = open_session(url)
    for name in ("held", "free"):
        session.change("INSERT INTO counter (name, used) VALUES (?, 0)", (name,))
    with psycopg.connect(url) as holder:
        holder.execute("SELECT 1 FROM counter WHERE name = 'held' FOR UPDATE")
        picked = session.transact(lambda: session.rows(f"SELECT name FROM counter{session.picks}"))
        assert picked == [("free",)]
        assert session.row("SELECT count(*) FROM counter") == (2,)


def test_leases_are_judged_by_the_servers_clock(
    url: str, open_session: Callable[..., PostgresSession], postgres_server: Server
) -> None:
    session = open_session(url)
    told = postgres_server.say("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    assert 0 <= session.lease_now() - told[0][0] < 5_000
    assert session.lease_boot() == open_session(url).lease_boot()


def test_a_copy_is_left_to_the_servers_own_tools(
    url: str, open_session: Callable[..., PostgresSession], tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="pg_dump"):
        open_session(url).copy_to(tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []
