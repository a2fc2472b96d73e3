"""From a function to a name another process can import it by, or the reason why it has none."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bydawn.core.values import value

_REMEDY = "define it at the top level of a module, and pass what it needs in the item"


class NotImportable(ValueError):
    """Another process could not import this; ``remedy`` says what could be done."""

    def __init__(self, message: str, remedy: str = _REMEDY) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@value
class Importable:
    """``module:function``, and the folder its module is found from, where it has one."""

    name: str
    root: Path | None


def importable(function: Callable[..., Any]) -> Importable:
    """How to import the function elsewhere; NotImportable when there is no way."""
    _refuse_bound(function)
    module = _module_of(function)
    path = function.__qualname__
    name = _imported_as(module, path)
    if _found(module, path) is not function:
        raise NotImportable(
            f"{name}:{path} is another object than this function",
            "was it decorated, or defined twice? Pass what the name stands for",
        )
    return Importable(f"{name}:{path}", _root(module, name))


def _refuse_bound(function: Any) -> None:
    if isinstance(function, functools.partial):
        raise NotImportable("a functools.partial has no name to import it by")
    if inspect.ismethod(function):
        raise NotImportable("a bound method carries an object that exists only in this process")
    path = getattr(function, "__qualname__", None)
    if not callable(function) or path is None:
        raise NotImportable(f"{type(function).__name__} is no function")
    if "<lambda>" in path:
        raise NotImportable("a lambda has no name to import it by")
    if "<locals>" in path:
        raise NotImportable(f"{path} is defined inside a function and cannot be imported")


def _module_of(function: Callable[..., Any]) -> ModuleType:
    module = sys.modules.get(function.__module__)
    if module is None:
        raise NotImportable(f"its module {function.__module__} is not imported under that name")
    return module


def _imported_as(module: ModuleType, path: str) -> str:
    """The module's name elsewhere; a running script is imported by the name of its file."""
    if module.__name__ != "__main__":
        return module.__name__
    if module.__spec__ is not None:
        return module.__spec__.name
    file = getattr(module, "__file__", None)
    if file is None:
        raise NotImportable(f"{path} was typed into an interpreter", "write it into a file")
    stem = Path(file).stem
    if not stem.isidentifier():
        raise NotImportable(
            f"{Path(file).name} cannot be imported, its name is no Python name",
            f"rename it to something like {_as_identifier(stem)}.py, or move {path} to a module",
        )
    return stem


def _as_identifier(stem: str) -> str:
    made = "".join(each if each.isalnum() or each == "_" else "_" for each in stem)
    return made if made.isidentifier() else f"my_{made}"


def _found(module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def _root(module: ModuleType, name: str) -> Path | None:
    """The folder from which ``import name`` finds the module's file."""
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    place = Path(file).resolve()
    if place.name == "__init__.py":
        place = place.parent
    return place.parents[name.count(".")]


def with_root(job: Mapping[str, Any], root: Path | None, directory: Path) -> dict[str, Any]:
    """The job with the folder its function is imported from, where nothing else would find it."""
    known = [Path(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    if root is None or root == directory.resolve() or _is_installed(root):
        return dict(job)
    if root in (each.resolve() for each in known):
        return dict(job)
    path = os.pathsep.join(map(str, [root, *known]))
    return {**job, "env": {"PYTHONPATH": path, **job.get("env", {})}}


def _is_installed(root: Path) -> bool:
    """Whether every interpreter of this environment finds the folder by itself."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return root in (Path(sysconfig.get_path(name)).resolve() for name in names)
