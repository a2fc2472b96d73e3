"""Each guard is taken out of a copy of the product; the tests that watch over it must fail."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guards import MUTANTS, Mutant

from layers import part_of

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "src" / "bydawn"
FAILED = 1


def mutated(mutant: Mutant, product: Path) -> str:
    """The text of the mutant's file without its guard."""
    text = (product / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1, f"{mutant.guard}: look for it anew in {mutant.file}"
    return text.replace(mutant.before, mutant.after)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_where_it_was(mutant: Mutant) -> None:
    compile(mutated(mutant, PRODUCT), mutant.file, "exec")
    assert (ROOT / mutant.killer.partition("::")[0]).exists()


def test_each_guard_is_named_once() -> None:
    assert len({mutant.guard for mutant in MUTANTS}) == len(MUTANTS)


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product, for this process of the test run alone."""
    source = tmp_path_factory.mktemp("mutants") / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    # Once, and not again for each mutant; the one file without its guard is newer, and read anew.
    compileall.compile_dir(source, quiet=1)
    return source


@pytest.fixture
def without(copied: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    mutant: Mutant = request.param
    file = copied / "bydawn" / mutant.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(mutated(mutant, copied / "bydawn"), encoding="utf-8")
    yield copied
    file.write_text(whole, encoding="utf-8")


def said_by(source: Path, killer: str) -> subprocess.CompletedProcess[str]:
    """The killer's tests over the product in this folder."""
    command = (
        "-m", "pytest", "-m", "not prove", "-q", "-x", "-n", "0", "-p", "no:cacheprovider",
        "--tb=line",
        "-o", f"pythonpath={source}", "--basetemp", str(source.parent / "tests"), killer,
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.prove("guards missed", whole=True)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("without", "mutant"), [(one, one) for one in MUTANTS], indirect=["without"],
    ids=[one.name for one in MUTANTS],
)  # fmt: skip
def test_a_missing_guard_is_noticed_by_its_tests(
    without: Path, mutant: Mutant, prove_size: int
) -> None:
    if mutant not in part_of(MUTANTS, prove_size // 2):
        pytest.skip("not in a slice of this size")
    told = said_by(without, mutant.killer)
    assert told.returncode == FAILED, f"{mutant.guard}: {told.stdout[-2000:]}{told.stderr[-500:]}"
