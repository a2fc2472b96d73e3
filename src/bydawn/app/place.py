"""Where the store and this machine's own state are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bydawn.app.values import Invocation
from bydawn.core.errors import BackendMissing, UsageError

FOLDER = ".bydawn"
_FILE = "store.db"


@dataclass(frozen=True, slots=True)
class Place:
    """``state_folder`` is always local; ``store_path`` is the SQLite file."""

    state_folder: Path
    store_path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.store_path}"


def locate(invocation: Invocation, plan: Path | None) -> Place:
    """By flag, by environment, or the nearest .bydawn at or above the plan (else this) folder."""
    base = _base(invocation.directory, plan)
    state_folder = _nearest(base) or base / FOLDER
    url = invocation.store_url or _from_environment(invocation.environment)
    return Place(state_folder, _path_of(url, invocation.directory) if url else state_folder / _FILE)


def _base(directory: Path, plan: Path | None) -> Path:
    return (directory / plan).resolve().parent if plan else directory.resolve()


def _nearest(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        if (candidate / FOLDER).is_dir():
            return candidate / FOLDER
    return None


def _from_environment(environment: Mapping[str, str]) -> str | None:
    return environment.get("BYDAWN_STORE") or None


def _path_of(url: str, directory: Path) -> Path:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres"):
        raise BackendMissing(
            "a PostgreSQL store is not built yet in this version",
            "use sqlite:///PATH, or leave --store and BYDAWN_STORE out",
        )
    if not separator or scheme != "sqlite" or not rest.startswith("/") or rest == "/":
        raise UsageError(f"{url}: is not a store address", "write sqlite:///PATH")
    path = rest[1:]
    return (directory / path).resolve()
