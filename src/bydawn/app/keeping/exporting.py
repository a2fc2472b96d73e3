"""The whole store as JSON values, one for each row, from one moment of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bydawn.app.place import Place
from bydawn.core.clock import Clock
from bydawn.store import export
from bydawn.store.connect import Session
from bydawn.store.migrate import current
from bydawn.store.sqlite import open_sqlite
from bydawn.store.store import Store

SCHEMA = "bydawn/export/1"


def exported(place: Place, store: Store, clock: Clock) -> Iterator[dict[str, Any]]:
    """A head, every row of every table, and an end that says how many there were."""
    if place.server_url:
        with store.session.reading():
            yield from _told(store.session, clock)
        return
    # Reading a file for long would keep its writers waiting; a copy keeps nobody.
    with tempfile.TemporaryDirectory(prefix="export-", dir=place.state_folder) as folder:
        copy = Path(folder, "store.db")
        store.session.copy_to(copy)
        session = open_sqlite(copy, clock)
        try:
            yield from _told(session, clock)
        finally:
            session.close()


def _told(session: Session, clock: Clock) -> Iterator[dict[str, Any]]:
    yield {
        "schema": SCHEMA,
        "store_id": export.store_id(session),
        "migration": current(session),
        "made_at": clock.utc_ms(),
    }
    counts: dict[str, int] = {}
    for table in export.columns():
        counts[table] = 0
        for row in export.rows_of(session, table):
            counts[table] += 1
            yield {"table": table, "row": row}
    yield {"end": counts}
