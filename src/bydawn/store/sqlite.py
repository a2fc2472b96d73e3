"""A store in one SQLite file: short transactions, refusals that explain themselves."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bydawn.core.clock import Clock
from bydawn.core.errors import StoreRefused, StoreUnavailable
from bydawn.store import grouped
from bydawn.store.chain import LAST, Chain
from bydawn.store.connect import Occupied, Row, Session, Statement, T, Unmatched
from bydawn.store.disks import refuse_network_disk
from bydawn.store.ownfile import APPLICATION_ID, is_to_be_filled

BUSY_TIMEOUT_MS = 10_000

# For each None it binds the driver asks around who could adapt it; None itself is a quick answer.
sqlite3.register_adapter(type(None), {None: None}.__getitem__)


class SqliteSession:
    """A Session over one file."""

    picks = ""  # BEGIN IMMEDIATE leaves no second writer to pass over

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._pid = os.getpid()
        self.path = path
        self.name = str(path)
        self.host = ""
        self.clock = clock
        self.chain = Chain()
        connection.create_function("lease_now", 0, clock.boot_ms)
        self._seen_version = self._version()

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        try:
            return self._cursor.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise _judged(self.path, error) from error

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        with _explained(self.path):
            yield from self._connection.execute(sql, parameters)

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        try:
            found: Row | None = self._cursor.execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            raise _judged(self.path, error) from error
        return found

    def asking(self, sql: str, parameters: Sequence[Any] = ()) -> Callable[[], list[Row]]:
        return self.rows(sql, parameters).copy

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        try:
            return self._cursor.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            raise _judged(self.path, error) from error

    def change_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
        try:
            return grouped.carry_out(self._cursor, sql, parameters)
        except sqlite3.Error as error:
            raise _judged(self.path, error) from error

    def send_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], int]:
        changed = self.change_many(sql, parameters)
        return lambda: changed

    def sending_all(self, sql: str, parameters: Iterable[Sequence[Any]]) -> Callable[[], None]:
        rows = list(parameters)

        def send() -> None:
            if self.change_many(sql, rows) != len(rows):
                raise Unmatched

        return send

    def added(self) -> int:
        return self._cursor.lastrowid or 0

    def transact(self, act: Callable[[], T]) -> T:
        """One short write transaction: all of it is kept, or nothing."""
        assert os.getpid() == self._pid, "a store connection must not cross a fork"
        self.change("BEGIN IMMEDIATE")
        self.chain.begin(lambda: self.row(LAST))
        try:
            done = act()
            self._keep()
        except BaseException:
            self._roll_back()
            raise
        return done

    def await_turn(self) -> None:
        """It came when the transaction began."""

    def at_once(self, changes: Sequence[Statement], question: Statement) -> Row | None:
        def act() -> Row | None:
            for change in changes:
                self.change(*change)
            return self.row(*question)

        return self.transact(act)

    def in_passing(self, sql: str, parameters: Sequence[Any]) -> int:
        return self.transact(lambda: self.change(sql, parameters))

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        self.change("SAVEPOINT trying")
        try:
            with self.chain.trying():
                yield
        except BaseException:
            self.change("ROLLBACK TO trying")
            self.change("RELEASE trying")
            raise
        self.change("RELEASE trying")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        with _explained(self.path):
            self._cursor.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def changed_elsewhere(self) -> bool:
        version = self._version()
        changed = version != self._seen_version
        self._seen_version = version
        return changed

    def hearing(self, _ring: Callable[[], None]) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()  # a file tells nobody

    def lease_now(self) -> int:
        return self.clock.boot_ms()

    def lease_boot(self) -> str:
        return self.clock.boot_id()

    def tables(self) -> set[str]:
        found = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(row[0]) for row in found}

    def define(self, sql: str) -> None:
        self.change(sql)

    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def copy_to(self, target: Path) -> None:
        with _explained(self.path), contextlib.closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy)

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        found = self.row("PRAGMA data_version")
        assert found is not None
        return int(found[0])

    def _keep(self) -> None:
        self.change("COMMIT")

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")


def open_sqlite(path: Path, clock: Clock) -> SqliteSession:
    """Open or create the file, or say why not. A file that is not ours is never modified."""
    refuse_network_disk(path)
    is_new = is_to_be_filled(path)
    with _explained(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    try:
        with _explained(path):
            configure(connection, is_new)
            if is_new:
                path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return SqliteSession(connection, path, clock)


def configure(connection: sqlite3.Connection, is_new: bool) -> None:
    """Durability as docs/decisions/0002 argues: rollback journal, synchronous EXTRA."""
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("PRAGMA temp_store=MEMORY")
    # All that 20,000 jobs need at once; with less every page is read several times in a night.
    connection.execute("PRAGMA cache_size=-16000")
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "truncate":
        connection.execute("PRAGMA journal_mode=TRUNCATE")
    if is_new:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def forgo_durability(session: Session) -> None:
    """For simulations and nothing else: fast, and helpless against a loss of power."""
    session.change("PRAGMA synchronous=OFF")
    session.change("PRAGMA journal_mode=MEMORY")


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's own words turned into ours, each with what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _judged(path, error) from error


def _judged(path: Path, error: sqlite3.Error) -> Exception:
    """What SQLite said, as one of our own; a mistake in our SQL stays what it is."""
    if isinstance(error, sqlite3.OperationalError):
        return _operational(path, error)
    if isinstance(error, sqlite3.IntegrityError):
        return Occupied(str(error))
    if type(error) is not sqlite3.DatabaseError:
        return error
    return StoreRefused(
        f"{path}: is damaged ({error})",
        "copy it away, then restore a backup (bydawn db backup makes them)",
    )


def _operational(path: Path, error: sqlite3.OperationalError) -> StoreUnavailable | StoreRefused:
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreUnavailable(
            f"{path}: is busy: another process has held it for over {BUSY_TIMEOUT_MS // 1000} s",
            "try again; a stopped process or a backup tool may be holding it",
        )
    if "full" in text:
        return StoreUnavailable(f"{path}: the disk is full", "make room, then try again")
    if "readonly" in text or "unable to open" in text:
        return StoreUnavailable(
            f"{path}: cannot be written ({text})",
            "check the folder's permissions, or name another store with --store",
        )
    if "malformed" in text or "no such table" in text or "no such column" in text:
        return StoreRefused(f"{path}: is damaged ({text})", "restore a backup")
    return StoreUnavailable(f"{path}: {text}", "try again")
