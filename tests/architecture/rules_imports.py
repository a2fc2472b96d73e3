"""Who may import whom, and what only one package may touch. Each rule yields complaints."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from source import PRODUCT, Module

_BELOW_APP = {
    "core", "plan", "store", "processes", "backends", "gates", "watch", "runner", "testing",
}  # fmt: skip
_TOP = {"__init__", "app", "api", "version"}

# The left may import the right, and itself.
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "plan": {"core"},
    "store": {"core"},
    "processes": {"core"},
    "backends": {"core", "processes"},
    "gates": {"core", "store", "processes"},
    "watch": {"core", "store"},
    "runner": {"core", "store", "processes", "backends", "gates"},
    "testing": _BELOW_APP | _TOP,
    "cli": {"core", "plan", "watch"} | _TOP,
    "web": {"core", "plan", "watch"} | _TOP,
    # The composition root: everything but the faces, which only __main__ may start.
    "": _BELOW_APP | _TOP,
    "app": _BELOW_APP | _TOP,
    "__main__": _BELOW_APP | _TOP | {"cli", "web"},
}

CORE_NEVER = {
    "asyncio", "concurrent", "ctypes", "fcntl", "glob", "http", "io", "logging", "multiprocessing",
    "os", "platform", "psycopg", "queue", "random", "secrets", "select", "shutil", "signal",
    "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
    "uuid", "zoneinfo", "_thread", "pathlib.Path",
}  # fmt: skip
CORE_NEVER_CALLS = {"open", "print", "input", "now", "utcnow", "today"}

PROCESS_MODULES = {"subprocess", "multiprocessing", "pty", "asyncio.subprocess"}
PROCESS_ACTS = {
    "fork", "forkpty", "kill", "killpg", "popen", "posix_spawn", "posix_spawnp", "startfile",
    "system", "pidfd_open", "pidfd_send_signal",
}  # fmt: skip

_SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s.+\sSET|DELETE\s+FROM"
    r"|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX)|PRAGMA|BEGIN\s+IMMEDIATE)\b",
    re.DOTALL,
)


def target(imported: str, known: set[str]) -> str:
    """The part of bydawn an imported name belongs to: ``core``, ``app``, or "__init__"."""
    parts = imported.split(".")
    if len(parts) > 1 and f"{PRODUCT}.{parts[1]}" in known:
        return parts[1]
    return "__init__"


def _side(module: Module) -> str:
    return "__main__" if module.name == f"{PRODUCT}.__main__" else module.package


def layers(modules: Iterable[Module], known: set[str]) -> Iterator[str]:
    for module in modules:
        side = _side(module)
        allowed = MAY_IMPORT.get(side, set()) | {side}
        for imported, line in module.imports():
            if imported.split(".")[0] == PRODUCT and target(imported, known) not in allowed:
                yield f"{module.name}:{line} may not import {imported}"


def _matches(imported: str, forbidden: set[str]) -> bool:
    return any(imported == name or imported.startswith(f"{name}.") for name in forbidden)


def impure_core(modules: Iterable[Module]) -> Iterator[str]:
    for module in (each for each in modules if each.package == "core"):
        for imported, line in module.imports():
            if _matches(imported, CORE_NEVER):
                yield f"{module.name}:{line} core is pure, it may not import {imported}"
        for call in _calls(module):
            if _called(call) in CORE_NEVER_CALLS:
                yield f"{module.name}:{call.lineno} core is pure, it may not call {_called(call)}"


def sql_outside_store(modules: Iterable[Module]) -> Iterator[str]:
    yield from _only_in("store", {"sqlite3", "psycopg", "psycopg_pool"}, modules)
    for module in (each for each in modules if each.package != "store"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and _SQL.match(str(node.value)):
                yield f"{module.name}:{node.lineno} only store may speak SQL"


def processes_outside_processes(modules: Iterable[Module]) -> Iterator[str]:
    elsewhere = [module for module in modules if module.package != "processes"]
    yield from _only_in("processes", PROCESS_MODULES, elsewhere)
    for module in elsewhere:
        for node in ast.walk(module.tree):
            act = _process_act(node)
            if act:
                yield f"{module.name}:{getattr(node, 'lineno', 0)} only processes may use {act}"


def _process_act(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id in ("os", "signal") and _starts_or_ends(node.attr):
            return f"{node.value.id}.{node.attr}"
    elif isinstance(node, ast.ImportFrom) and node.module in ("os", "signal"):
        for alias in node.names:
            if _starts_or_ends(alias.name):
                return f"{node.module}.{alias.name}"
    return None


def _starts_or_ends(name: str) -> bool:
    return name in PROCESS_ACTS or name.startswith(("exec", "spawn"))


def print_outside_cli(modules: Iterable[Module]) -> Iterator[str]:
    for module in (each for each in modules if each.package != "cli"):
        for call in _calls(module):
            if isinstance(call.func, ast.Name) and call.func.id == "print":
                yield f"{module.name}:{call.lineno} only cli may print"


def undeclared(modules: Iterable[Module], declared: set[str]) -> Iterator[str]:
    """Imports that are neither the standard library's, ours, nor a declared dependency's."""
    expected = declared | set(sys.stdlib_module_names) | {PRODUCT}
    for module in modules:
        for imported, line in module.imports():
            if imported.split(".")[0] not in expected:
                yield f"{module.name}:{line} {imported} is not a declared dependency"


def cycles(graph: Mapping[str, set[str]]) -> Iterator[str]:
    """Every module that can reach itself, with one way round."""
    for start in sorted(graph):
        way = _way_back(start, graph)
        if way:
            yield " -> ".join([*way, start])


def _way_back(start: str, graph: Mapping[str, set[str]]) -> list[str] | None:
    seen: set[str] = set()
    ways = [[start]]
    while ways:
        way = ways.pop()
        for following in sorted(graph.get(way[-1], set())):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return None


def loading_graph(modules: Iterable[Module], known: set[str]) -> dict[str, set[str]]:
    """Module -> the modules of ours that it loads while being loaded itself."""
    return {
        module.name: {
            loaded
            for imported, _ in module.imports_when_loaded()
            if (loaded := _module_of(imported, known)) and loaded != module.name
        }
        for module in modules
    }


def _module_of(imported: str, known: set[str]) -> str | None:
    if imported in known:
        return imported
    parent = imported.rpartition(".")[0]
    return parent if parent in known else None


def _only_in(home: str, forbidden: set[str], modules: Iterable[Module]) -> Iterator[str]:
    for module in (each for each in modules if each.package != home):
        for imported, line in module.imports():
            if _matches(imported, forbidden):
                yield f"{module.name}:{line} only {home} may import {imported}"


def _calls(module: Module) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
