"""The Python names: describe a batch, run it, look at how it came out.

Everything said here passes the same rules as a plan file, and every mistake is told at once.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.app.results import BatchResult
from bydawn.app.runs.importable import NotImportable, importable, with_root
from bydawn.app.runs.spooling import Spool
from bydawn.core.errors import Complaint, PlanInvalid, UsageError
from bydawn.core.keys import digest, suspicious

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.plan import Plan

_KEY_DOMAIN = "bydawn/natural/1"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most a batch, or one job over its attempts, may use. None is no cap.

    ``per_day_usd``, ``tags`` and ``unknown_price`` belong to a batch, as in a plan's ``[budget]``.
    """

    usd: float | None = None
    tokens: int | None = None
    launches: int | None = None
    per_day_usd: float | None = None
    tags: Mapping[str, Budget] | None = None
    unknown_price: str | None = None


class Batch:
    """What a plan file says, said in Python.

    ``run`` takes every field of the plan's ``[run]``: parallel, deadline, allow_failures, …
    """

    def __init__(
        self,
        name: str,
        *,
        per: str = "once",
        budget: Budget | None = None,
        timezone: str | None = None,
        day_starts: str | None = None,
        keep: str | None = None,
        pools: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        **run: Any,
    ) -> None:
        self.name = name
        self._head = {
            "name": name,
            "per": per,
            "budget": budget,
            "timezone": timezone,
            "day_starts": day_starts,
            "keep": keep,
            "pools": pools,
            "defaults": defaults,
            "run": run,
        }
        self._jobs: list[dict[str, Any]] = []
        self._spool = Spool()
        self._roots: dict[int, Path] = {}

    def add(
        self,
        id: str,
        *,
        call: Callable[..., Any] | str | None = None,
        items: Iterable[Mapping[str, Any]] | str | Path | None = None,
        **fields: Any,
    ) -> None:
        """Add a job, or one for each of ``items``; the other fields are those of ``[[job]]``.

        ``call`` is a function another process can import (at the top level of a module or of the
        running script), or "module:function". It gets the item, and what it returns is the result.
        ``items`` are dicts, read once and now, and need ``key``, the names of their natural fields;
        or they are a file, or {"from": job, "file": name} for what an earlier job leaves behind.
        """
        job = {"id": id, **fields}
        if call is not None:
            job["backend"] = fields.get("backend", "python")
            job["call"] = call if isinstance(call, str) else self._name_of(call)
        if items is not None:
            job["items"] = self._kept(id, items)
        self._jobs.append(job)

    def _name_of(self, call: Callable[..., Any]) -> str:
        try:
            found = importable(call)
        except NotImportable as error:
            at = f"job[{len(self._jobs)}].call"
            told = Complaint(self._title, None, at, error.message, error.remedy)
            raise PlanInvalid((told,)) from None
        if found.root is not None:
            self._roots[len(self._jobs)] = found.root
        return found.name

    def _kept(self, id: str, items: Iterable[Any] | str | Path) -> Any:
        if isinstance(items, str | Path | Mapping):
            return items
        name = f"items of {id}"
        self._spool.keep(name, items)
        return name

    @property
    def _title(self) -> str:
        return f'Batch("{self.name}")'

    def _data(self, directory: Path) -> dict[str, Any]:
        """What a plan file would say."""
        jobs = [
            with_root(job, self._roots.get(number), directory)
            for number, job in enumerate(self._jobs)
        ]
        said = {name: value for name, value in self._head.items() if value is not None}
        data: dict[str, Any] = _plain({"schema": 1, **said, "job": jobs})
        return data


def run(
    batch: Batch,
    *,
    store: str | None = None,
    directory: str | os.PathLike[str] | None = None,
    retry_failed: bool = False,
) -> BatchResult:
    """Run a batch until it is joined, or go on with it, and say how it came out.

    Nothing is raised for jobs that failed: the result says it. ``directory`` (the current one) is
    where a plan file would lie. Paths start there, and so does the search for the store, unless
    ``store`` or BYDAWN_STORE names one. Ctrl-C lets go of the jobs and comes on as usual; the same
    call later goes on with them.
    """
    from bydawn.app import Invocation, open_app
    from bydawn.app.runs.telling import run_and_tell

    _refuse_inside(batch)
    place = Path(directory or ".").absolute()
    app = open_app(Invocation(place, store, dict(os.environ)))
    try:
        return run_and_tell(app, _planned(batch, place, app), retry_failed)
    finally:
        app.close()


def key(*fields: str | int | float | bool | None) -> str:
    """One name for the same work every time, from its natural fields; 64 hex digits.

    What looks random or time-stamped is warned about: it would make the same work look new.
    """
    if not fields:
        raise UsageError("a key of nothing", "name the fields that say what the work is")
    for field in fields:
        if not isinstance(field, str | int | float | None):
            raise UsageError(f"{field!r}: is no text or number", "a key is made of those")
        look = suspicious(field)
        if look:
            warnings.warn(f"{field!r} in a key looks like {look}", stacklevel=2)
    try:
        return digest([_KEY_DOMAIN, list(fields)])
    except ValueError as error:
        raise UsageError(f"{fields!r}: {error}", "a key is made of texts and numbers") from None


def _plain(value: Any) -> Any:
    """As a TOML file would give it: tables, lists, texts."""
    if isinstance(value, Budget):
        said = {name: getattr(value, name) for name in Budget.__slots__}
        return _plain({name: each for name, each in said.items() if each is not None})
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _planned(batch: Batch, directory: Path, app: App) -> Plan:
    from bydawn.app.backends import REGISTRY
    from bydawn.app.runs.reading import is_priced
    from bydawn.plan import Overrides, from_data

    return from_data(
        batch._data(directory),
        path=directory / batch._title.replace("/", "_"),
        at=app.clock.utc_ms(),
        overrides=Overrides(spooled=batch._spool.files),
        environment=app.invocation.environment,
        backends=REGISTRY,
        is_priced=is_priced(app.invocation.environment),
    )


def _refuse_inside(batch: Batch) -> None:
    """A script without a main guard would run its batch again in every one of its own calls."""
    inside = os.environ.get("BYDAWN_BATCH", "")
    if os.environ.get("BYDAWN_JOB") and inside.partition("@")[0] == batch.name:
        raise UsageError(
            f"{inside} is being run from inside one of its own jobs",
            'put the call of bydawn.run under `if __name__ == "__main__":`',
        )
