"""The Python names, from a user's side: real runs in real processes, in a folder of their own."""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bydawn

SRC = Path(bydawn.__file__).resolve().parents[1]
PATIENCE_S = 30
FIELDS = st.lists(
    st.one_of(st.text(), st.integers(), st.booleans(), st.none()), min_size=1, max_size=4
)

MODULE = """
import os
from pathlib import Path

def note(item):
    with open(Path(__file__).parent / "made", "a") as file:
        file.write(item["slug"] + "\\n")
    return {"loud": item["slug"].upper()}

def picky(item):
    note(item)
    if item["slug"] == "s1" and not (Path(__file__).parent / "mended").exists():
        raise SystemExit(100)
    return None

class Group:
    @staticmethod
    def inner(item):
        return item["slug"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one and the first on the path, with a module of functions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "steps.py").write_text(MODULE)
    return tmp_path


@pytest.fixture
def steps(here: Path) -> Iterator[types.ModuleType]:
    importlib.invalidate_caches()
    module = importlib.import_module("steps")
    assert module.__file__ == str(here / "steps.py")
    yield module
    del sys.modules["steps"]


def records(count: int) -> Iterator[dict[str, Any]]:
    return ({"site": "a", "slug": f"s{number}"} for number in range(count))


def batch_of(call: Callable[..., Any] | str, count: int = 5, **fields: Any) -> bydawn.Batch:
    batch = bydawn.Batch("reshape", parallel=4)
    batch.add("one", items=records(count), key=["site", "slug"], call=call, **fields)
    return batch


def made(folder: Path) -> list[str]:
    return sorted((folder / "made").read_text().split())


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(bydawn.PlanInvalid) as refused:
        act()
    return str(refused.value)


def test_a_batch_is_run_and_told(here: Path, steps: types.ModuleType) -> None:
    result = bydawn.run(batch_of(steps.note))
    assert (result.outcome, result.exit_code, result.state) == ("succeeded", 0, "finished")
    assert result.counts.succeeded == len(result.jobs) == 5
    assert [job.result for job in result.jobs] == [{"loud": f"S{n}"} for n in range(5)]
    assert result.jobs[0].job == "one/a:s0"
    assert made(here) == [f"s{n}" for n in range(5)]


def test_the_same_again_starts_nothing(here: Path, steps: types.ModuleType) -> None:
    batch = batch_of(steps.note)
    bydawn.run(batch)
    again = bydawn.run(batch)
    other = bydawn.run(batch_of(steps.note))
    assert again.counts.already_done == other.counts.already_done == 5
    assert {job.reason for job in again.jobs} == {"already_done"}
    assert len(made(here)) == 5
    assert again.duplicates_refused == 5


def test_more_items_are_only_added(here: Path, steps: types.ModuleType) -> None:
    bydawn.run(batch_of(steps.note, 3))
    result = bydawn.run(batch_of(steps.note, 5))
    assert result.counts.already_done == 3
    assert made(here) == [f"s{n}" for n in range(5)]


def test_a_failed_job_is_told_and_not_raised(here: Path, steps: types.ModuleType) -> None:
    result = bydawn.run(batch_of(steps.picky, 3))
    assert (result.outcome, result.exit_code, result.counts.failed) == ("failed", 1, 1)
    (failed,) = (job for job in result.jobs if job.state == "failed")
    assert failed.error is not None
    assert (failed.job, failed.exit_code, failed.error["class"]) == ("one/a:s1", 100, "permanent")
    assert len(made(here)) == 3


def test_only_failed_jobs_are_tried_again_when_asked(
    here: Path, steps: types.ModuleType
) -> None:  # fmt: skip
    bydawn.run(batch_of(steps.picky, 3))
    (here / "mended").touch()
    kept = bydawn.run(batch_of(steps.picky, 3))
    assert kept.counts.failed == 1
    assert bydawn.run(batch_of(steps.picky, 3), retry_failed=True).outcome == "succeeded"
    assert made(here) == ["s0", "s1", "s1", "s2"]


def test_it_is_the_document_the_command_line_prints(steps: types.ModuleType) -> None:
    result = bydawn.run(batch_of(steps.note, 2))
    printed = subprocess.run(
        [sys.executable, "-m", "bydawn", "status", "reshape", "--json"],
        env={**os.environ, "PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.to_dict() == json.loads(printed.stdout)


@pytest.mark.usefixtures("here")
def test_jobs_of_every_kind() -> None:
    batch = bydawn.Batch("kinds")
    batch.add("list", argv=["sh", "-c", "echo one > list.txt"], expect={"files": ["list.txt"]})
    batch.add("calm", backend="scripted", script=[{"result": {"n": 1}}])
    batch.add("last", shell="true", after=("list", "calm"), budget=bydawn.Budget(usd=0))
    result = bydawn.run(batch)
    assert [(job.job, job.backend, job.state) for job in result.jobs] == [
        ("list", "command", "succeeded"),
        ("calm", "scripted", "succeeded"),
        ("last", "command", "succeeded"),
    ]
    assert result.jobs[1].result == {"n": 1}


def test_a_function_from_another_folder_is_found(
    here: Path, tmp_path_factory: pytest.TempPathFactory, steps: types.ModuleType
) -> None:  # fmt: skip
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    result = bydawn.run(batch_of(steps.Group.inner, 2), directory=elsewhere)
    assert [job.result for job in result.jobs] == ["s0", "s1"]
    assert (elsewhere / ".bydawn" / "store.db").exists()
    assert not (here / ".bydawn").exists()


def test_the_store_is_named_by_argument_or_environment(
    here: Path, steps: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    bydawn.run(batch_of(steps.note, 1), store=f"sqlite:///{here}/mine.db")
    assert (here / "mine.db").exists()
    monkeypatch.setenv("BYDAWN_STORE", f"sqlite:///{here}/mine.db")
    assert bydawn.run(batch_of(steps.note, 1)).counts.already_done == 1
    with pytest.raises(bydawn.UsageError, match="sqlite:///PATH"):
        bydawn.run(batch_of(steps.note, 1), store="mine.db")


def closure() -> Callable[..., Any]:
    def inner(item: Any) -> Any:
        return item

    return inner


class Held:
    def __call__(self, item: Any) -> Any:
        return item

    def method(self, item: Any) -> Any:
        return item


@functools.wraps(closure)
def wrapped(item: Any) -> Any:
    return item


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda item: item, "lambda"),
        (closure(), "inside a function"),
        (functools.partial(records, 3), "functools.partial"),
        (Held().method, "bound method"),
        (Held(), "is no function"),
        (wrapped, "another object"),
    ],
)
def test_what_no_other_process_can_import_is_refused(call: Callable[..., Any], why: str) -> None:
    told = refusal(lambda: batch_of(call))
    assert why in told
    assert told.startswith('Batch("reshape"): job[0].call: ')
    assert "(" in told, "there is no remedy"


def test_a_function_typed_into_an_interpreter_is_refused() -> None:
    program = (
        "import bydawn\ndef f(item): return 1\n"
        "try: bydawn.Batch('x').add('y', call=f)\n"
        "except bydawn.PlanInvalid as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SRC)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "typed into an interpreter (write it into a file)" in ran.stdout


def test_every_mistake_is_told_at_once(here: Path, steps: types.ModuleType) -> None:
    batch = bydawn.Batch("Reshape!", paralel=4, deadline="soon")
    batch.add("one", call=steps.note, timout="10m")
    batch.add("two", shell="true", retries=-1)
    told = refusal(lambda: bydawn.run(batch))
    for part in (
        "name:",
        'run.paralel: unknown key (did you mean "parallel"?)',
        "run.deadline",
        'job[0].timout: unknown key (did you mean "timeout"?)',
        "job[1].retries",
    ):
        assert part in told
    assert not (here / ".bydawn").exists()


@pytest.mark.usefixtures("here")
def test_a_capped_batch_wants_bounds() -> None:
    batch = bydawn.Batch(
        "capped", budget=bydawn.Budget(usd=5, tags={"site=a": bydawn.Budget(usd=1)})
    )
    batch.add("one", shell="true")
    assert "the batch is capped in usd" in refusal(lambda: bydawn.run(batch))
    costless = bydawn.Batch("costless", budget=bydawn.Budget(usd=5))
    costless.add("one", shell="true", budget=bydawn.Budget(usd=0))
    assert bydawn.run(costless).jobs[0].cost_usd == "0.00"


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (["a"], "must be a dict, not list"),
        ({"n": float("nan")}, "not JSON compliant"),
        ({"n": object()}, "not JSON serializable"),
        ({"n": "\ud800"}, "surrogates"),
    ],
)
def test_a_wrong_item_is_told_with_its_number(item: Any, why: str) -> None:
    batch = bydawn.Batch("x")
    told = refusal(lambda: batch.add("one", items=[{"n": 1}, item], key=["n"], shell="true"))
    assert told.startswith("items of one:2: ")
    assert why in told


@pytest.mark.usefixtures("here")
def test_two_items_with_one_key_are_refused_with_both_numbers() -> None:
    batch = bydawn.Batch("x")
    batch.add("one", items=[{"n": 1}, {"n": 2}, {"n": 1}], key=["n"], shell="true")
    told = refusal(lambda: bydawn.run(batch))
    assert "items of one:3: " in told
    assert "items of one:1" in told


class Counted(dict[str, Any]):
    """A dict that knows how many of its kind are alive."""

    alive = 0
    most = 0

    def __init__(self, number: int) -> None:
        super().__init__(n=number)
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


def test_items_are_never_held() -> None:
    batch = bydawn.Batch("many")
    batch.add("one", items=(Counted(n) for n in range(20_000)), key=["n"], shell="true")
    assert Counted.most <= 3


SCRIPT = """
import sys, time
from pathlib import Path
import bydawn

HERE = Path(__file__).parent

def step(item):
    with open(HERE / "made", "a") as file:
        file.write(item["n"] + "\\n")
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return item["n"]

def main():
    batch = bydawn.Batch("script", parallel=2)
    batch.add("step", items=({"n": str(n)} for n in range(3)), key=["n"], call=step)
    result = bydawn.run(batch)
    print(result.outcome, [job.result for job in result.jobs])
    for job in result.jobs:
        if job.error:
            print(job.error["message"])
"""
GUARD = '\nif __name__ == "__main__":\n    main()\n'


def script(folder: Path, text: str, name: str = "script.py") -> list[str]:
    (folder / name).write_text(textwrap.dedent(text))
    return [sys.executable, str(folder / name)]


def play(argv: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv, cwd=folder, env={**os.environ, "PYTHONPATH": str(SRC)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def until(what: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.01)


def test_functions_of_the_running_script_are_imported_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    out, err = play(script(tmp_path, SCRIPT + GUARD), tmp_path).communicate(timeout=PATIENCE_S)
    assert (out, err) == ("succeeded ['0', '1', '2']\n", "")


def test_a_script_without_a_guard_does_not_run_itself_again(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    out, _ = play(script(tmp_path, SCRIPT + "\nmain()\n"), tmp_path).communicate(timeout=PATIENCE_S)
    assert out.startswith("failed [None, None, None]")
    assert 'if __name__ == "__main__":' in out
    assert not (tmp_path / "made").exists()


def test_a_script_whose_name_is_no_module_is_refused(tmp_path: Path) -> None:
    argv = script(tmp_path, SCRIPT + GUARD, "my-script.py")
    _, err = play(argv, tmp_path).communicate(timeout=PATIENCE_S)
    assert "rename it to something like my_script.py" in err
    assert not (tmp_path / ".bydawn").exists()


def test_ctrl_c_lets_go_and_the_same_script_goes_on(tmp_path: Path) -> None:
    argv = script(tmp_path, SCRIPT + GUARD)
    first = play(argv, tmp_path)
    until((tmp_path / "made").exists)
    until(lambda: len(made(tmp_path)) == 2)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=PATIENCE_S)
    assert err.endswith("KeyboardInterrupt\n")
    (tmp_path / "go").touch()
    out, _ = play(argv, tmp_path).communicate(timeout=PATIENCE_S)
    assert out == "succeeded ['0', '1', '2']\n"
    assert made(tmp_path) == ["0", "1", "2"]


def test_a_key_is_the_same_every_time() -> None:
    assert bydawn.key("site", "category", "slug") == bydawn.key("site", "category", "slug")
    assert len(bydawn.key("site")) == 64
    known = "cdf6212b7ae3539012e0b444f710e8294d8e36e0a8a58ed6f557129daa72da36"
    assert bydawn.key("a", "b") == known, "keys must never change between versions"


def test_a_key_frames_its_fields() -> None:
    assert bydawn.key("a:b", "c") != bydawn.key("a", "b:c")
    assert bydawn.key("a", "b") != bydawn.key("b", "a")
    assert bydawn.key("1") != bydawn.key(1) != bydawn.key(True)
    assert bydawn.key("caf\u00e9") == bydawn.key("cafe\u0301")


@pytest.mark.filterwarnings("ignore:.*in a key looks like")
@given(FIELDS, FIELDS)
def test_different_fields_have_different_keys(one: list[Any], other: list[Any]) -> None:
    def keyed(fields: list[Any]) -> str | None:
        try:
            return bydawn.key(*fields)
        except bydawn.UsageError:
            return None

    same = [(type(f), f) for f in one] == [(type(f), f) for f in other]
    assert keyed(one) == keyed(list(one))
    if not same and keyed(one) == keyed(other) and keyed(one) is not None:
        from unicodedata import normalize

        flat = [
            [normalize("NFC", f) if isinstance(f, str) else (type(f), f) for f in fields]
            for fields in (one, other)
        ]
        assert flat[0] == flat[1]


@pytest.mark.parametrize("fields", [(), (["a"],), ({},), (float("nan"),), (b"a",)])
def test_a_key_of_something_else_is_refused(fields: tuple[Any, ...]) -> None:
    with pytest.raises(bydawn.UsageError):
        bydawn.key(*fields)


def test_a_key_that_looks_random_is_warned_about() -> None:
    with pytest.warns(UserWarning, match="looks like a UUID"):
        bydawn.key("site", "0d9f4b2e-91f5-4a4e-8a37-6a4b7d1f0c11")


def test_importing_loads_next_to_nothing() -> None:
    program = "import sys, typing\nimport bydawn\nprint(*sorted(sys.modules))"
    bare = program.replace("import bydawn", "")
    loaded, before = (
        subprocess.run(
            [sys.executable, "-c", each], env={"PYTHONPATH": str(SRC)},
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for each in (program, bare)
    )  # fmt: skip
    assert set(loaded) - set(before) == {"bydawn", "__future__"}


def test_the_public_names_are_there() -> None:
    assert set(bydawn.__all__) == set(dir(bydawn))
    for name in bydawn.__all__:
        assert getattr(bydawn, name) is not None
    with pytest.raises(AttributeError):
        bydawn.nonsense  # noqa: B018
