"""The project's source as syntax trees, read once; the rules beside this file are asked over it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = "bydawn"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One module of the product: ``bydawn.core.states``, its text and its tree."""

    name: str
    text: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def package(self) -> str:
        """``core`` for bydawn.core.states; "" for what stands at the top of bydawn."""
        parts = self.name.split(".")
        inner = len(parts) > 2 or (self.is_package and len(parts) == 2)
        return parts[1] if inner else ""

    @property
    def base(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def functions(self) -> Iterator[Function]:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def names(self) -> Iterator[tuple[str, int]]:
        """Every class and function name, and the module's own, with its line."""
        yield self.name.rpartition(".")[2], 1
        for node in ast.walk(self.tree):
            if isinstance(node, Function | ast.ClassDef):
                yield node.name, node.lineno

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every dotted name imported anywhere in the module, lazily and for types included."""
        for node in ast.walk(self.tree):
            yield from self.imported_by(node)

    def imports_when_loaded(self) -> Iterator[tuple[str, int]]:
        """Only what runs when the module is loaded."""
        for node in _loaded(self.tree):
            yield from self.imported_by(node)

    def imported_by(self, node: ast.AST) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            origin = self._origin(node)
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno

    def _origin(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.base.split(".")
        start = parts[: len(parts) - node.level + 1]
        return ".".join([*start, node.module] if node.module else start)


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _loaded(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _loaded(child)


def _read(path: Path) -> Module:
    parts = list(path.relative_to(ROOT / "src").with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, path.read_text(encoding="utf-8"), is_package)


@cache
def product() -> tuple[Module, ...]:
    """Every module of the product."""
    paths = sorted((ROOT / "src" / PRODUCT).rglob("*.py"))
    return tuple(_read(path) for path in paths)
