"""Functions as jobs: results, failures, limits, and lives longer than the runner's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ordered import around, handle_of, outcome_of, output, request, until

from bydawn.backends.python import PythonBackend
from bydawn.core.sightings import (
    Alive,
    Ended,
    FailureClass,
    Found,
    LaunchRefused,
    Outcome,
    Request,
)
from bydawn.processes.runs import LocalRuns
from bydawn.testing.stage import answer_to

_FUNCTIONS = """
import asyncio, os, subprocess, sys, threading, time

def twice(item): return {"twice": item["n"] * 2}
def nothing(): return None
def pid(item=None): return os.getpid()
def surroundings(): return {"cwd": os.getcwd(), "path": sys.path[0], "env": dict(os.environ)}
def bad(item): print("about to fail"); raise ValueError("no such\\nsite")
def leave(item): sys.exit(item)
def text_exit(): sys.exit("cannot go on")
def unjson(): return object()
def nan(): return float("nan")
def crash(): os.kill(os.getpid(), 11)
def quick_exit(): os._exit(9)
def slow(): time.sleep(60)
def blink(): time.sleep(0.003)
def stubborn():
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["setsid", "env", "-i", "/bin/sleep", "60.5551"])
    while True: time.sleep(1)
def leaves_child(): subprocess.Popen(["/bin/sleep", "60.5552"]); return "left one"
def wait_for(path):
    while not os.path.exists(path): time.sleep(0.02)
    return "came"
def noisy(n): print("x" * n)
def forks():
    if os.fork() == 0: return "child"
    os.wait(); return "parent"
async def later(item):
    await asyncio.sleep(0.01)
    return item
def echo(item): return item
def deaf(): os.closerange(3, 100)
def leaves_thread(path):
    def write():
        time.sleep(5)
        open(path, "w").close()
    threading.Thread(target=write, daemon=True).start()
    return os.getpid()
def hangs_at_exit():
    import atexit
    atexit.register(time.sleep, 60)
    return "ok"
def too_much(): return "x" * 9_000_000
class Tool:
    @staticmethod
    def use(): return "used"
value = 3
"""


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[PythonBackend]:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "functions.py").write_text(_FUNCTIONS)
    (tmp_path / "plan" / "broken.py").write_text("raise RuntimeError('not today')")
    runs = LocalRuns(tmp_path, "runner-1")
    yield PythonBackend(around(runs, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}))
    runs.close()


def _request(tmp_path: Path, name: str, function: str, *item: Any, **more: Any) -> Request:
    payload = {"call": f"functions:{function}", **({"item": item[0]} if item else {})}
    return request(tmp_path, name, payload, plan_folder=str(tmp_path / "plan"), **more)


def _call(backend: PythonBackend, tmp_path: Path, function: str, *item: Any) -> Outcome:
    return outcome_of(backend, _request(tmp_path, f"run-{function}", function, *item))


def _living(argument: str) -> list[str]:
    """The processes, not yet buried ones aside, with this in their command line."""
    commands = [_command_line(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [command for command in commands if argument in command]


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_result_is_kept_as_json(backend: PythonBackend, tmp_path: Path) -> None:
    outcome = _call(backend, tmp_path, "twice", {"n": 21})
    assert outcome.failure is None
    assert (outcome.exit_code, outcome.result) == (0, '{"twice": 42}')


def test_other_shapes_of_functions(backend: PythonBackend, tmp_path: Path) -> None:
    assert _call(backend, tmp_path, "later", ["é"]).result == '["é"]'
    assert _call(backend, tmp_path, "Tool.use").result == '"used"'
    assert _call(backend, tmp_path, "nothing").result is None
    assert _call(backend, tmp_path, "echo", None).result is None
    assert _call(backend, tmp_path, "forks").result == '"parent"'


@pytest.mark.parametrize(
    ("function", "item", "exit_code", "kind", "code"),
    [
        ("bad", [1], 1, FailureClass.TRANSIENT, "exception:ValueError"),
        ("leave", [75], 75, FailureClass.TRANSIENT, "exit_75"),
        ("leave", [100], 100, FailureClass.PERMANENT, "exit_100"),
        ("text_exit", [], 1, FailureClass.TRANSIENT, "exit_1"),
        ("unjson", [], 1, FailureClass.PERMANENT, "not_json"),
        ("nan", [], 1, FailureClass.PERMANENT, "not_json"),
        ("too_much", [], 1, FailureClass.PERMANENT, "result_too_large"),
        ("crash", [], 139, FailureClass.TRANSIENT, "signal_11"),
        ("quick_exit", [], 9, FailureClass.TRANSIENT, "exit_9"),
        ("deaf", [], 1, FailureClass.TRANSIENT, "exit_1"),
    ],
)
def test_failures(
    backend: PythonBackend,
    tmp_path: Path,
    function: str,
    item: list[int],
    exit_code: int,
    kind: FailureClass,
    code: str,
) -> None:
    outcome = _call(backend, tmp_path, function, *item)
    assert outcome.failure is not None
    assert (outcome.exit_code, outcome.failure.kind, outcome.failure.code) == (
        exit_code,
        kind,
        code,
    )
    # The next call is served whatever became of the interpreter.
    assert _call(backend, tmp_path, "twice", {"n": 1}).result == '{"twice": 2}'


def test_prints_and_tracebacks_are_in_the_output(backend: PythonBackend, tmp_path: Path) -> None:
    wanted = _request(tmp_path, "one", "bad", 1)
    outcome = outcome_of(backend, wanted)
    assert outcome.failure is not None
    assert outcome.failure.message == "ValueError: no such site"
    assert "about to fail\n" in output(wanted)
    assert "Traceback" in output(wanted)


def test_outputs_of_calls_are_kept_apart(backend: PythonBackend, tmp_path: Path) -> None:
    first, second = (_request(tmp_path, name, "noisy", n) for name, n in (("a", 400_000), ("b", 3)))
    outcome_of(backend, first)
    outcome_of(backend, second)
    assert len(output(first)) == 400_001
    assert output(second) == "xxx\n"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("functions:missing", "has no attribute 'missing'"),
        ("functions:value", "it is not a function"),
        ("nowhere:one", "No module named 'nowhere'"),
        ("broken:one", "RuntimeError: not today"),
        ("functions", "not of the form module:function"),
        ("", "not of the form module:function"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    backend: PythonBackend, tmp_path: Path, call: str, reason: str
) -> None:
    folder = str(tmp_path / "plan")
    answer = answer_to(backend, request(tmp_path, "one", {"call": call}, plan_folder=folder))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.kind == FailureClass.PERMANENT
    assert answer.failure.code == "not_importable"
    assert reason in answer.failure.message


def test_a_call_sees_its_own_surroundings(backend: PythonBackend, tmp_path: Path) -> None:
    for name in ("first", "second"):
        wanted = _request(tmp_path, name, "surroundings")
        seen = json.loads(outcome_of(backend, wanted).result or "")
        assert seen["cwd"] == f"{wanted.folder}/draft"
        assert seen["path"] == str(tmp_path / "plan")
        assert seen["env"]["BYDAWN_LAUNCH_KEY"] == f"launch-{name}"
        assert seen["env"].keys() - {"LC_CTYPE"} == {
            *("PATH", "LANG", "BYDAWN_BATCH", "BYDAWN_EDITION", "BYDAWN_JOB", "BYDAWN_KEY"),
            *("BYDAWN_EFFECT_KEY", "BYDAWN_LAUNCH_KEY", "BYDAWN_ATTEMPT", "BYDAWN_TOKEN"),
            *("BYDAWN_NONCE", "BYDAWN_DRAFT", "BYDAWN_REPORT", "BYDAWN_DEADLINE", "TRACEPARENT"),
        }


def test_an_interpreter_serves_many_calls(backend: PythonBackend, tmp_path: Path) -> None:
    pids = {
        outcome_of(backend, _request(tmp_path, f"call-{n}", "pid", n)).result for n in range(20)
    }
    assert len(pids) < 10


def test_a_call_that_is_soon_over_is_answered_with_its_end(
    backend: PythonBackend, tmp_path: Path
) -> None:
    """Where the answer came first, the end is announced besides."""
    announced: list[str] = []
    backend._runs.listen(announced.append)
    for number in range(20):
        outcome_of(backend, _request(tmp_path, f"blink-{number}", "blink"))
    assert len(announced) < 19  # the last may still be under way


def test_calls_run_side_by_side(backend: PythonBackend, tmp_path: Path) -> None:
    wanted = [_request(tmp_path, f"w{n}", "wait_for", str(tmp_path / "go")) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        handles = list(pool.map(lambda one: handle_of(backend, one), wanted))
    assert all(isinstance(backend.poll(handle), Alive) for handle in handles)
    (tmp_path / "go").touch()
    assert {outcome_of(backend, one).result for one in wanted} == {'"came"'}


def test_a_timeout_ends_the_whole_tree(backend: PythonBackend, tmp_path: Path) -> None:
    wanted = _request(tmp_path, "one", "stubborn", timeout_ms=600, grace_ms=200)
    outcome = outcome_of(backend, wanted)
    assert outcome.stopped == "timeout"
    assert _living("60.5551") == []
    assert _call(backend, tmp_path, "twice", {"n": 1}).failure is None


def test_what_a_call_leaves_running_is_ended(backend: PythonBackend, tmp_path: Path) -> None:
    outcome = _call(backend, tmp_path, "leaves_child")
    assert (outcome.failure, outcome.result) == (None, '"left one"')
    assert _living("60.5552") == []


def test_a_thread_that_is_left_does_not_work_on(backend: PythonBackend, tmp_path: Path) -> None:
    outcome = _call(backend, tmp_path, "leaves_thread", str(tmp_path / "late"))
    assert outcome.failure is None
    # Its interpreter ended with the call, so nobody is left who could write later.
    with pytest.raises(ProcessLookupError):
        os.kill(int(outcome.result or 0), 0)
    assert not (tmp_path / "late").exists()


def test_an_interpreter_that_will_not_leave_is_ended(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "functions.py").write_text(_FUNCTIONS)
    runs = LocalRuns(tmp_path, "runner-1")
    here = PythonBackend(around(runs, {"PATH": os.environ["PATH"]}))
    assert _call(here, tmp_path, "hangs_at_exit").result == '"ok"'
    assert _living(str(tmp_path / "plan"))
    runs.close()
    until(lambda: not _living(str(tmp_path / "plan")))


def test_a_call_can_be_cancelled(backend: PythonBackend, tmp_path: Path) -> None:
    wanted = _request(tmp_path, "one", "slow")
    handle = handle_of(backend, wanted)
    assert backend.cancel(handle, "cancel").asked
    assert outcome_of(backend, wanted).stopped == "cancel"


def test_large_items_and_results_pass(backend: PythonBackend, tmp_path: Path) -> None:
    item = {"text": "x" * 1_500_000}
    result = _call(backend, tmp_path, "echo", item).result
    assert json.loads(result or "") == item


def test_a_call_outlives_its_killed_runner(backend: PythonBackend, tmp_path: Path) -> None:
    wanted = _request(tmp_path, "long", "wait_for", str(tmp_path / "go"))
    program = (
        "import sys, time\n"
        f"sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2] / 'src')]!r}\n"
        "from test_python import *\nfrom test_python import _request\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "backend = PythonBackend(around(LocalRuns(folder, 'other'), os.environ))\n"
        "handle_of(backend, _request(folder, 'long', 'wait_for', str(folder / 'go')))\n"
        "time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program])
    until(lambda: isinstance(backend.poll("runs/long"), Alive))
    runner.kill()
    runner.wait()
    assert backend.find(wanted) == Found("runs/long")
    (tmp_path / "go").touch()
    until(lambda: isinstance(backend.poll("runs/long"), Ended))
    assert outcome_of(backend, wanted).result == '"came"'
    until(lambda: not _living(str(tmp_path / "plan")))
