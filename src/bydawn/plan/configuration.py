"""The layers around a plan: flags, environment, plan, project, user, system; and their caps.

For most settings the highest layer that says something wins. For caps the tightest one does: what a
lower layer says is a ceiling for those above it, and only ``--raise-cap`` lifts it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydawn.core.errors import PlanInvalid
from bydawn.core.folders import user_folder
from bydawn.core.values import value
from bydawn.plan.complaints import Complaints
from bydawn.plan.read import Source, read_toml
from bydawn.plan.values import Overrides

SECTIONS = ("run", "budget", "pools", "defaults")
FLAGS = "the command line"
ENVIRONMENT = "the environment"
_PREFIX = "BYDAWN_"
_SHORT = {"BYDAWN_PARALLEL": ("run", "parallel")}
_PROJECT_FILE = "bydawn.toml"
_SYSTEM_FOLDER = "/etc/xdg"


@value
class Layer:
    """What one place says; ``complaints`` and ``warnings`` know the lines of its file."""

    origin: str
    data: Mapping[str, Any]
    complaints: Complaints
    warnings: Complaints
    text: str = ""
    is_plan: bool = False
    is_flags: bool = False


@value
class Setting:
    """One value and the place that decided it, for ``config show --origin``."""

    name: str
    value: Any
    origin: str


@dataclass(slots=True)
class Layers:
    """All layers, highest first, and the files that could not be read."""

    layers: list[Layer]
    unread: list[PlanInvalid] = field(default_factory=list)

    def fingerprint(self) -> list[Any]:
        """What of them, besides the plan itself, could change a batch."""
        return [[layer.origin, layer.text] for layer in self.layers if not layer.is_plan]


def gather(
    folder: Path, environment: Mapping[str, str], overrides: Overrides, plan: Source | None
) -> Layers:
    """The layers around the plan in ``folder``."""
    found = Layers([_flags(overrides), _variables(environment)])
    if plan is not None:
        found.layers.append(_layer(plan, is_plan=True))
    for path in _files(folder, environment):
        try:
            source = read_toml(path)
        except PlanInvalid as error:
            found.unread.append(error)
        else:
            found.layers.append(_layer(source))
    return found


def _layer(source: Source, *, is_plan: bool = False) -> Layer:
    complaints, warnings = source.complaints(), source.complaints()
    return Layer(source.file, source.data, complaints, warnings, source.text, is_plan=is_plan)


def _files(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """The project's, the user's and the system's file, those that exist."""
    candidates = [_project_file(folder), _user_file(environment), _system_file(environment)]
    yield from (path for path in candidates if path is not None and _exists(path))


def _project_file(folder: Path) -> Path | None:
    """The nearest ``bydawn.toml`` at or above the plan, not beyond its repository."""
    for place in (folder, *folder.parents):
        if _exists(place / _PROJECT_FILE):
            return place / _PROJECT_FILE
        if _exists(place / ".git"):
            return None
    return None


def _user_file(environment: Mapping[str, str]) -> Path | None:
    folder = user_folder(environment)
    return Path(folder, "config.toml") if folder else None


def _system_file(environment: Mapping[str, str]) -> Path | None:
    folders = (environment.get("XDG_CONFIG_DIRS") or _SYSTEM_FOLDER).split(":")
    paths = [Path(each, "bydawn", "config.toml") for each in folders if each]
    return next((path for path in paths if _exists(path)), None)


def _exists(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def _flags(overrides: Overrides) -> Layer:
    said = {
        "parallel": overrides.parallel,
        "deadline": overrides.deadline,
        "canary": overrides.canary,
    }
    run = {name: value for name, value in said.items() if value is not None}
    data: dict[str, Any] = {"run": run} if run else {}
    if overrides.budget_usd is not None:
        data["budget"] = {"usd": overrides.budget_usd}
    return _said(FLAGS, data, is_flags=True)


def _said(origin: str, data: dict[str, Any], *, is_flags: bool = False) -> Layer:
    return Layer(
        origin, data, Complaints(origin), Complaints(origin), repr(data), is_flags=is_flags
    )


def _variables(environment: Mapping[str, str]) -> Layer:
    """``BYDAWN_RUN__PARALLEL=4`` is ``run.parallel``; what a run is given has no ``__``."""
    data: dict[str, Any] = {}
    for variable, text in sorted(environment.items()):
        path = _SHORT.get(variable) or _path_of(variable)
        if path is not None:
            _put(data, path, _value_of(text))
    return _said(ENVIRONMENT, data)


def _path_of(variable: str) -> tuple[str, ...] | None:
    if not variable.startswith(_PREFIX) or "__" not in variable:
        return None
    path = tuple(variable.removeprefix(_PREFIX).lower().split("__"))
    return path if path[0] in SECTIONS and all(path) else None


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        data = inner
    data[path[-1]] = value


def _value_of(text: str) -> Any:
    """The text as a TOML value when it is one, else as text: ``4``, ``true``, ``45m``."""
    with suppress(tomllib.TOMLDecodeError, ValueError, RecursionError):
        if "\n" not in text:
            value = tomllib.loads(f"x = {text}")["x"]
            return value if isinstance(value, str | int | float | list | dict) else text
    return text
