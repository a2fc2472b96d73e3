"""Where the store and this machine's own state are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bydawn.app.names import RUNS
from bydawn.app.values import Invocation
from bydawn.core.clock import Clock
from bydawn.core.errors import StoreRefused, UsageError
from bydawn.core.values import value
from bydawn.processes.presence import machine_id
from bydawn.store.hosts import move_here
from bydawn.store.shared import existing_server_store, open_server_store
from bydawn.store.store import Store, open_store

FOLDER = ".bydawn"
STORE = "BYDAWN_STORE"
_FILE = "store.db"
_SERVERS = ("postgresql", "postgres")


@value
class Place:
    """``state_folder`` is always local. ``server_url`` says where the store is when it is not the
    file at ``store_path``; it may hold a password, so it is never shown and never an argument."""

    state_folder: Path
    store_path: Path
    server_url: str = ""

    @property
    def url(self) -> str:
        """The address as people may see it."""
        return _shown(self.server_url) if self.server_url else f"sqlite:///{self.store_path}"

    def existing(self, clock: Clock) -> Store | None:
        """The store on a server, where there is one; it takes a connection to know."""
        return existing_server_store(self.server_url, clock) if self.server_url else None

    def has_file(self) -> bool:
        return not self.server_url and self.store_path.exists()

    def move_here(self, clock: Clock) -> None:
        """A person says that this machine is where the store is now."""
        if not self.server_url and self.store_path.exists():
            move_here(self.store_path, clock)

    def open(self, clock: Clock, store_id: str) -> Store:
        """The store, made when there is none yet."""
        if self.server_url:
            return open_server_store(self.server_url, clock, store_id)
        self._refuse_emptied()
        return open_store(self.store_path, clock, store_id)

    def introduce(self, store: Store) -> None:
        """Tell a store that several machines share which of them asks."""
        if self.server_url:
            store.machine = machine_id(self.state_folder)

    def refuse_damaged(self) -> None:
        """Look through the store file as a whole; raises StoreRefused for the first thing wrong."""
        if self.server_url or not self.store_path.exists():
            return
        from bydawn.store.damage import damage_of

        found = damage_of(self.store_path)
        if found:
            raise StoreRefused(
                f"{self.store_path}: is damaged ({found})",
                "copy it away, then restore a backup (bydawn db backup makes them)",
            )

    def _refuse_emptied(self) -> None:
        """An empty file would pass for a new store, and everything would be done a second time."""
        path = self.store_path
        if path.exists() and path.stat().st_size == 0 and (self.state_folder / RUNS).exists():
            raise StoreRefused(
                f"{path}: is empty, although there have been runs here",
                "restore a backup; to begin anew and do everything again, delete the file",
            )


def locate(invocation: Invocation, plan: Path | None) -> Place:
    """By flag, by environment, or the nearest .bydawn at or above the plan (else this) folder."""
    base = _base(invocation.directory, plan)
    state_folder = _nearest(base) or base / FOLDER
    url = invocation.store_url or _from_environment(invocation.environment)
    if not url:
        return Place(state_folder, state_folder / _FILE)
    if url.partition("://")[0] in _SERVERS:
        return Place(state_folder, state_folder / _FILE, url)
    return Place(state_folder, _path_of(url, invocation.directory))


def _base(directory: Path, plan: Path | None) -> Path:
    return (directory / plan).resolve().parent if plan else directory.resolve()


def _nearest(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        if (candidate / FOLDER).is_dir():
            return candidate / FOLDER
    return None


def _from_environment(environment: Mapping[str, str]) -> str | None:
    return environment.get(STORE) or None


def _path_of(url: str, directory: Path) -> Path:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme != "sqlite" or not rest.startswith("/") or rest == "/":
        raise UsageError(
            f"{_shown(url)}: is not a store address", "write sqlite:///PATH or postgresql://…"
        )
    path = rest[1:]
    return (directory / path).resolve()


def _shown(url: str) -> str:
    """An address without what may be secret in it: the password and the parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address"
    return parts._replace(netloc=_without_password(parts.netloc), query="", fragment="").geturl()


def _without_password(host: str) -> str:
    user, at, place = host.rpartition("@")
    return f"{user.partition(':')[0]}{at}{place}"
