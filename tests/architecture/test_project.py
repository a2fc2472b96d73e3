"""The files around the code: locks, generated pages, links, and nothing that names a machine."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from source import ROOT

from bydawn.core.states import TABLE
from bydawn.version import __version__

LOCKS = ("requirements/test.lock", "requirements/check.lock", "requirements/image.lock")
# Written in two pieces, so that this file does not name what it forbids.
FORBIDDEN = [
    "py" + "pi.org",
    "python" + "hosted",
    "npm" + "js.org",
    "index" + "-url",
    "find" + "-links",
    "trusted" + "-host",
    "/ro" + "ot/",
    "/wo" + "rk/main",
    "/wo" + "rk/shared",
    "/tmp/bri" + "efs",
    "/tmp" + "/v/",
]
BINARY = {".png", ".db", ".gz", ".woff2", ".ico"}
LINK = re.compile(r"\[[^\]]+\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def project_files() -> list[Path]:
    """What belongs to the project: what git would keep, or in an export everything."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not _made(path)]


def _made(path: Path) -> bool:
    made = {"__pycache__", "build", "dist", "node_modules"}
    parts = path.relative_to(ROOT).parts[:-1]
    return any(part in made or (part.startswith(".") and part != ".ci") for part in parts)


def forbidden_in(text: str) -> list[str]:
    return [word for word in FORBIDDEN if word in text]


def generator(name: str = "generate") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_nothing_names_a_registry_or_a_build_machine() -> None:
    texts = [path for path in project_files() if path.suffix not in BINARY]
    found = {
        str(path.relative_to(ROOT)): words
        for path in texts
        if (words := forbidden_in(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert len(texts) > 20
    assert found == {}


def test_a_registry_would_be_found() -> None:
    assert forbidden_in("--index" + "-url https://" + "py" + "pi.org/simple") != []


def test_the_lifecycle_page_is_fresh() -> None:
    page = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert page == generator().lifecycle(TABLE), "run `make docs`"


def test_the_generated_parts_of_the_guarantees_are_fresh() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    made = generator()
    parts = made.proof()
    assert page == made.put_in(page, parts), "run `make docs`"
    assert all(f"<!-- {name} -->" in page for name in parts)
    assert made.put_in(page, {**parts, "guards": "another"}) != page


def test_the_last_long_runs_were_of_this_version_and_of_every_layer() -> None:
    """A layer that is new, or a new version, asks for a new run before anything is quoted."""
    layers = json.loads((ROOT / "docs" / "proof.json").read_text(encoding="utf-8"))
    marked = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        marked.update(re.findall(r'mark\.prove\(\s*"([^"]+)"', file.read_text("utf-8")))
    assert set(layers) == marked, "run `make prove` and record it"
    assert {one["version"] for one in layers.values()} == {__version__}
    assert all(one["violations"] == 0 and one["trials"] > 0 for one in layers.values())


def test_the_lifecycle_page_would_show_a_change() -> None:
    page = generator().lifecycle(TABLE)
    assert all(row.note in page for row in TABLE)
    assert generator().lifecycle(TABLE[1:]) != page


def test_the_reference_is_fresh() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == generator("reference_page").reference(), "run `make docs`"


def test_each_locked_package_is_pinned_by_hash() -> None:
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=\S)", text.strip())
        assert len(entries) > 10
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_two_locks_agree() -> None:
    for name, version in locked("requirements/test.lock").items():
        assert locked("requirements/check.lock").get(name) == version


def test_the_image_holds_what_was_tested() -> None:
    image, tested = locked("requirements/image.lock"), locked("requirements/test.lock")
    assert len(image) > 10
    assert {name: tested.get(name) for name in image} == image
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
              for word in line.split()]  # fmt: skip
    assert "requirements/image.lock" in copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("extra", [None, "test", "dev"])
def test_what_is_declared_is_locked(extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    here = [line for line in wanted if "win32" not in line]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in here}
    lock = "requirements/check.lock" if extra == "dev" else "requirements/test.lock"
    assert names - set(locked(lock)) == set()
    assert extra or names - set(locked("requirements/image.lock")) == set()


def test_every_page_can_be_reached_from_the_index() -> None:
    """By links alone, from docs/index.md."""
    docs = (ROOT / "docs").resolve()
    reached, ahead = set[Path](), [docs / "index.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            links = LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
            ahead += [page.parent / name for name, _ in links if name]
    pages = {path.resolve() for path in project_files() if path.suffix == ".md"}
    ours = {path for path in pages if docs in path.parents and path.parent.name != "decisions"}
    assert len(ours) > 10
    assert ours - reached == set()


def test_every_decision_is_listed_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    first, *others = sorted(folder.glob("*.md"))
    titles = {page.name: page.read_text("utf-8").splitlines()[0].removeprefix("# ")
              for page in others}  # fmt: skip
    listed = [f"- [{title}]({name})" for name, title in titles.items()]
    assert first.read_text("utf-8").splitlines()[-len(listed) :] == listed


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in changelog or "## [Unreleased]" in changelog


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    for name in phony[1].split():
        assert re.search(rf"^{name}:.*## \S", makefile, re.MULTILINE), name
