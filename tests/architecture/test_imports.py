"""Who may import whom, held over the whole product with no exceptions listed."""

from __future__ import annotations

import re
import tomllib

import rules_imports as rules
from source import PRODUCT, ROOT, product

# Where the package is called otherwise than what is installed.
_IMPORTED_AS = {"google_genai": "google", "opentelemetry_sdk": "opentelemetry"}
KNOWN = {module.name for module in product()}


def declared_imports() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    optional = [line for name in extras.keys() - {"test", "dev"} for line in extras[name]]
    lines = [*project["dependencies"], *optional]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0].replace("-", "_") for line in lines}
    return {_IMPORTED_AS.get(name, name) for name in names}


def test_the_product_is_read() -> None:
    assert f"{PRODUCT}.core.states" in KNOWN
    assert f"{PRODUCT}.backends.backend" in KNOWN


def test_every_package_has_its_place() -> None:
    packages = {module.package for module in product()}
    assert packages <= set(rules.MAY_IMPORT)


def test_imports_go_downwards_only() -> None:
    assert list(rules.layers(product(), KNOWN)) == []


def test_core_is_pure() -> None:
    assert list(rules.impure_core(product())) == []


def test_only_the_store_knows_sql() -> None:
    assert list(rules.sql_outside_store(product())) == []


def test_only_processes_starts_and_ends_processes() -> None:
    assert list(rules.processes_outside_processes(product())) == []


def test_only_the_command_line_prints() -> None:
    assert list(rules.print_outside_cli(product())) == []


def test_dependencies_are_declared() -> None:
    assert list(rules.undeclared(product(), declared_imports())) == []


def test_no_module_needs_itself_to_be_loaded() -> None:
    assert list(rules.cycles(rules.loading_graph(product(), KNOWN))) == []


def test_the_page_tells_the_same_rule() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z, ]+) \| ([a-z, ]+) \|$", page, re.MULTILINE)
    told = {
        package: {word for word in right.split(", ") if word != "nothing"}
        for left, right in rows
        for package in left.split(", ")
    }
    plain = {"core", "plan", "store", "processes", "watch", "backends", "gates", "runner"}
    assert {name: told.get(name) for name in plain} == {
        name: rules.MAY_IMPORT[name] for name in plain
    }
