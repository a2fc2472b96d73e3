"""A store on a server, which several machines may share. The driver is loaded only for it."""

from __future__ import annotations

from bydawn.core.clock import Clock
from bydawn.core.errors import BackendMissing
from bydawn.store.connect import Session
from bydawn.store.migrate import current
from bydawn.store.store import Store, opened


def open_server_store(url: str, clock: Clock, store_id: str) -> Store:
    """Open or fill the store in the PostgreSQL database at a postgresql:// address."""
    return opened(_session(url, clock), store_id)


def existing_server_store(url: str, clock: Clock) -> Store | None:
    """The store in that database, where one was made; none is made by asking."""
    session = _session(url, clock)
    try:
        is_there = current(session) > 0
    except BaseException:
        session.close()
        raise
    if is_there:
        return opened(session, "")
    session.close()
    return None


def _session(url: str, clock: Clock) -> Session:
    try:
        from bydawn.store.postgres import open_postgres
    except ModuleNotFoundError as error:
        raise BackendMissing(
            f"a PostgreSQL store needs {error.name}, which is not installed",
            "pip install 'bydawn[postgres]'",
        ) from error
    return open_postgres(url, clock)
