"""How long, how named, how worded. Each rule yields complaints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from statistics import median

from source import Function, Module

FUNCTION_LINES = 40
FUNCTION_LINES_MEDIAN = 8
FILE_LINES = 300
PUBLIC_NAMES = 20

VAGUE_MODULES = {
    "common", "context", "contexts", "handler", "handlers", "helper", "helpers", "manager",
    "managers", "misc", "service", "services", "util", "utils",
}  # fmt: skip
AVOIDED = {
    "task", "worker", "queue", "status", "lock", "manager", "handler", "service", "context",
    "util", "helper",
}  # fmt: skip
# `bydawn status` is a command people type, so the face that offers it may say the word.
PROMISED = {"cli": {"status"}}

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def length(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def long_functions(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        for function in module.functions():
            lines = length(function)
            if lines > FUNCTION_LINES:
                yield f"{module.name}:{function.lineno} {function.name} has {lines} lines"


def long_median(modules: Iterable[Module]) -> Iterator[str]:
    lengths = [length(function) for module in modules for function in module.functions()]
    if lengths and median(lengths) > FUNCTION_LINES_MEDIAN:
        yield f"the median function has {median(lengths)} lines"


def long_files(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        lines = module.text.count("\n")
        if lines > FILE_LINES:
            yield f"{module.name} has {lines} lines"


def vague_modules(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        if VAGUE_MODULES & set(module.name.split(".")):
            yield f"{module.name} says nothing about what is in it"


def words(name: str) -> set[str]:
    """The lower-case words of a name, plurals included as singulars."""
    found = {word.lower() for word in _WORD.findall(name)}
    return found | {_singular(word) for word in found}


def _singular(word: str) -> str:
    return word.removesuffix("es") if word.endswith("ses") else word.removesuffix("s")


def avoided_words(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        avoided = AVOIDED - PROMISED.get(module.package, set())
        for name, line in module.names():
            for word in sorted(words(name) & avoided):
                yield f"{module.name}:{line} {name} says {word}; see docs/glossary.md"


def annotations_missing(modules: Iterable[Module]) -> Iterator[str]:
    for module in modules:
        body = [node for node in module.tree.body if not _is_docstring(node)]
        if body and not any(_is_annotations(node) for node in body):
            yield f"{module.name} lacks `from __future__ import annotations`"


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_annotations(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ImportFrom) or node.module != "__future__":
        return False
    return any(alias.name == "annotations" for alias in node.names)


def public_names(module: Module) -> list[str]:
    """What ``__all__`` of a module lists."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(each, ast.Name) and each.id == "__all__" for each in targets):
                return list(ast.literal_eval(node.value))
    return []
