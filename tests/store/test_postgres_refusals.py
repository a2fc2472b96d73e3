"""Servers and databases that must not be used: refused with a way out, and nothing is leaked."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from between import database_of
from bydawn.app import Invocation
from bydawn.app.place import locate
from bydawn.core.errors import BackendMissing, BydawnError, StoreRefused, StoreUnavailable
from bydawn.runner.clock import SystemClock
from bydawn.store import wire
from bydawn.store.shared import existing_server_store, open_server_store
from servers import Server, running_server

SECRET = "hush-hush-7"
_WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
from bydawn.__main__ import main
sys.argv = ["bydawn", "--store", "postgresql://h/d", "status"]
sys.exit(main())
"""
_LOCAL_STORE = """
import sys
from pathlib import Path
from bydawn.app import Invocation, open_app
open_app(Invocation(Path.cwd())).store.close()
sys.exit("psycopg" in sys.modules)
"""
_LISTED = """
SELECT schemaname, tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"""


def refusal(url: str) -> BydawnError:
    with pytest.raises(BydawnError) as caught:
        open_server_store(url, SystemClock(), "s_1").close()
    return caught.value


def test_nothing_is_made_by_asking_whether_there_is_a_store(postgres_server: Server) -> None:
    url = postgres_server.database()
    assert existing_server_store(url, SystemClock()) is None
    assert postgres_server.say(_LISTED, database_of(url)) == []
    open_server_store(url, SystemClock(), "s_1").close()
    found = existing_server_store(url, SystemClock())
    assert found is not None
    found.close()


def test_a_closed_connection_leaves_no_mark_behind(postgres_server: Server) -> None:
    url = postgres_server.database()
    for _ in range(2):
        store = open_server_store(url, SystemClock(), "s_1")
        store.close_batch(1)
        store.close()
    assert postgres_server.say("SELECT name FROM meta", database_of(url)) == [("store_id",)]


@pytest.mark.parametrize("table", ["job", "migration", "customers"])
def test_a_database_of_another_program_is_left_alone(postgres_server: Server, table: str) -> None:
    url = postgres_server.database()
    postgres_server.say(f"CREATE TABLE {table} (number int)", database_of(url))
    error = refusal(url)
    assert isinstance(error, StoreRefused)
    assert "another program" in str(error)
    assert "search_path" in error.remedy
    assert postgres_server.say(_LISTED, database_of(url)) == [("public", table)]


def test_a_schema_of_its_own_is_the_way_out(postgres_server: Server) -> None:
    url = postgres_server.database()
    postgres_server.say("CREATE TABLE customers (number int)", database_of(url))
    postgres_server.say("CREATE SCHEMA night", database_of(url))
    open_server_store(f"{url}&options=-csearch_path%3Dnight", SystemClock(), "s_1").close()
    schemas = {schema for schema, _ in postgres_server.say(_LISTED, database_of(url))}
    assert schemas == {"public", "night"}


def test_a_search_path_to_nowhere_is_refused(postgres_server: Server) -> None:
    error = refusal(f"{postgres_server.database()}&options=-csearch_path%3Dnowhere")
    assert isinstance(error, StoreRefused)
    assert "search path" in str(error)


def test_a_newer_store_is_refused_and_not_touched(postgres_server: Server) -> None:
    url = postgres_server.database()
    open_server_store(url, SystemClock(), "s_1").close()
    postgres_server.say("INSERT INTO migration VALUES (99, 'later', 0)", database_of(url))
    before = postgres_server.say("SELECT * FROM sequence ORDER BY 1", database_of(url))
    error = refusal(url)
    assert isinstance(error, StoreRefused)
    assert "newer bydawn" in str(error)
    assert postgres_server.say("SELECT * FROM sequence ORDER BY 1", database_of(url)) == before


def test_text_that_is_not_unicode_is_refused(postgres_server: Server) -> None:
    postgres_server.say("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    assert "UTF8" in str(refusal(postgres_server.url("latin")))


def test_a_read_only_database_is_refused(postgres_server: Server) -> None:
    url = postgres_server.database()
    postgres_server.say(f"ALTER DATABASE {database_of(url)} SET default_transaction_read_only = on")
    assert isinstance(refusal(url), StoreRefused)


def test_a_replica_is_refused() -> None:
    with running_server() as server:
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        error = refusal(server.url())
    assert isinstance(error, StoreRefused)
    assert "replica" in str(error)
    assert "primary" in error.remedy


def test_a_server_that_is_not_there_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FIRST_PATIENCE_S", 0.1)
    error = refusal("postgresql://me@127.0.0.1:1/night")
    assert isinstance(error, StoreUnavailable)
    assert error.exit_code == 75


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@127.0.0.1:1/night",
        f"postgresql://me@127.0.0.1:1/night?password={SECRET}",
        f"postgresql://me:{SECRET}@no-such-host.invalid/night",
        f"postgresql://me:{SECRET}%zz@host/night",
        f"postgresql://me:{SECRET}@host:port/night",
        f"postgresql://me:{SECRET}@host/night?nonsense={SECRET}",
        f"postgresql://me:{SECRET}@[::1/night",
        "postgresql://me:" + SECRET + "@{host}/nothing-here",
        "postgresql://stranger:" + SECRET + "@{host}/postgres",
    ],
)
def test_no_error_shows_the_password(
    url: str, monkeypatch: pytest.MonkeyPatch, postgres_server: Server
) -> None:
    monkeypatch.setattr(wire, "FIRST_PATIENCE_S", 0.1)
    if "{host}" in url:
        url = url.replace("{host}", "") + f"?host={postgres_server.sockets}"
    error = refusal(url)
    assert error.remedy
    assert SECRET not in "".join(traceback.format_exception(error))
    shown = locate(Invocation(Path("/"), store_url=url), None).url
    assert SECRET not in shown


def test_a_wrong_user_is_not_asked_for_again(postgres_server: Server) -> None:
    error = refusal(f"postgresql://stranger@/postgres?host={postgres_server.sockets}")
    assert isinstance(error, BackendMissing)
    assert error.exit_code == 69
    assert "stranger" in str(error)


def test_without_the_driver_the_extra_is_named(tmp_path: Path) -> None:
    told = subprocess.run(
        [
            sys.executable, "-c", _WITHOUT_DRIVER,
        ],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 69, told.stderr
    assert "pip install 'bydawn[postgres]'" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_local_store_does_not_load_the_driver(tmp_path: Path) -> None:
    told = subprocess.run(
        [
            sys.executable, "-c", _LOCAL_STORE,
        ],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
    )  # fmt: skip
    assert told.returncode == 0
