"""The whole store as rows: every table and column, one moment, an end that proves it whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filling import Hand, fill, spec, succeed

from bydawn.app.keeping.exporting import exported
from bydawn.app.place import Place
from bydawn.store.export import columns
from bydawn.store.sqlite import SqliteSession
from bydawn.store.store import Store, open_store
from bydawn.testing.virtual import HandWoundClock

Opener = Callable[[], Store]
ROOT = Path(__file__).resolve().parents[2]


def filled(store: Store) -> int:
    batch = fill(store, spec(), count=3)
    hand = Hand(store)
    for job in hand.claim(batch, room=2):
        succeed(hand, job)
    return batch


def test_every_row_of_every_table_is_there(open_one: Opener, tmp_path: Path) -> None:
    """On both kinds of store; the place is only asked where a copy may lie."""
    store = open_one()
    filled(store)
    is_file = isinstance(store.session, SqliteSession)
    place = Place(tmp_path, tmp_path / "s.db", "" if is_file else "postgresql://somewhere")
    head, *rows, end = exported(place, store, store.session.clock)
    assert head["schema"] == "bydawn/export/1"
    assert head["store_id"] == "s_1"
    counts: dict[str, int] = dict.fromkeys(columns(), 0)
    for row in rows:
        counts[row["table"]] += 1
        assert tuple(row["row"]) == columns()[row["table"]]
    assert end == {"end": counts}
    tables = store.session.tables() - {"migration"}
    for table in tables:
        found = store.session.row(f"SELECT count(*) FROM {table}")
        assert found == (counts[table],)
    assert (counts["job"], counts["attempt"]) == (3, 2)
    assert list(tmp_path.glob("export-*")) == []


def test_the_columns_are_those_of_the_database(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.db", HandWoundClock(), "s_1")
    for table, names in columns().items():
        rows = store.session.rows(f"PRAGMA table_info({table})")
        assert tuple(str(row[1]) for row in rows) == names, table
    assert set(columns()) == store.session.tables() - {"migration"}
    store.close()


def test_the_page_about_the_store_is_fresh() -> None:
    made = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert made is not None
    assert made.loader is not None
    generate: Any = importlib.util.module_from_spec(made)
    made.loader.exec_module(generate)
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    assert page == generate.store_page(columns()), "run `make docs`"


def test_writers_are_not_kept_waiting(tmp_path: Path) -> None:
    """While somebody reads slowly, another connection goes on writing."""
    clock = HandWoundClock()
    store, other = (open_store(tmp_path / "s.db", clock, "s_1") for _ in range(2))
    batch = filled(store)
    lines = exported(Place(tmp_path, tmp_path / "s.db"), store, clock)
    assert next(lines)["schema"] == "bydawn/export/1"
    assert other.pause(batch, True)
    assert sum("row" in line and line["table"] == "batch" for line in lines) == 1
    store.close()
    other.close()
