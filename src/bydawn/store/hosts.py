"""One SQLite file belongs to one host at a time: its locks and its lease clock are that host's own.

Argued in docs/decisions/0006. A store on a server is everybody's and names no host.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from bydawn.core.clock import Clock
from bydawn.core.errors import StoreRefused
from bydawn.store.connect import Session
from bydawn.store.migrate import current
from bydawn.store.sqlite import open_sqlite

_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_KNOWN = "SELECT value FROM meta WHERE name = 'host'"
_NOTE = """
INSERT INTO meta (name, value) VALUES ('host', ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_AT_WORK = "SELECT count(*) FROM runner WHERE ended_at IS NULL AND boot <> ?"
_END_OTHERS = "UPDATE runner SET ended_at = ? WHERE ended_at IS NULL AND boot <> ?"


def host_name(files: Sequence[Path] = _FILES) -> str:
    """Names this host without telling its identity; empty where the system has none to tell."""
    for path in files:
        with contextlib.suppress(OSError):
            found = path.read_text("ascii", errors="replace").strip()
            if len(found) == 32:
                return hashlib.sha256(f"bydawn host {found}".encode()).hexdigest()[:16]
    return ""


def is_another(known: str, host: str, boot: str) -> bool:
    """Whether a noted host is certainly not this one. The same boot is the same running kernel,
    whatever a container calls itself; a host without a name is never held against anybody."""
    known_host, _, known_boot = known.partition(" ")
    return bool(host and known_host) and host != known_host and boot != known_boot


def refuse_second(session: Session) -> None:
    """Refuse a store whose runners work on another host, as far as it knows."""
    found = session.row(_KNOWN) if session.host else None
    if found is None or not is_another(found[0], session.host, session.lease_boot()):
        return
    at_work = session.row(_AT_WORK, (session.lease_boot(),))
    if at_work and at_work[0]:
        raise StoreRefused(
            f"{session.name}: is in use by a runner on another machine",
            "stop it there; if the file was moved or restored to this machine instead, say"
            " bydawn run PLAN --adopt; machines that share work need a postgresql:// store",
        )


def note(session: Session) -> None:
    """Note this host as the one that works here, if it may; inside a write transaction."""
    refuse_second(session)
    value = f"{session.host} {session.lease_boot()}"
    if session.host and session.row(_KNOWN) != (value,):
        session.change(_NOTE, (value,))


def move_here(path: Path, clock: Clock) -> None:
    """A person says that the store at ``path`` is this host's now: no runner elsewhere counts."""
    session = open_sqlite(path, clock)
    session.host = host_name()
    try:
        if current(session):
            session.transact(lambda: _moved(session))
    finally:
        session.close()


def _moved(session: Session) -> None:
    session.change(_END_OTHERS, (session.clock.utc_ms(), session.lease_boot()))
    note(session)
