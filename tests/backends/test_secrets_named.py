"""No backend orders a run without saying which of its variables are secret."""

from __future__ import annotations

import ast
from pathlib import Path

from bydawn import backends


def orders() -> list[tuple[str, ast.Call]]:
    found = []
    for path in Path(backends.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "Order":  # type: ignore[attr-defined]
                found.append((f"{path.name}:{node.lineno}", node))  # type: ignore[attr-defined]
    return found


def test_every_order_names_its_secrets() -> None:
    assert len(orders()) >= 3
    silent = [
        place for place, call in orders() if "secrets" not in {one.arg for one in call.keywords}
    ]
    assert silent == []
