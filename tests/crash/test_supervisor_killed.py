"""A supervisor dies before each thing it does to a file; whoever orders the run again starts it
where it never was started, and never a second time.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from supervised import command, end_of, launch

import bydawn
from bydawn.core.sightings import Ended, Vanished
from bydawn.processes.runs import LocalRuns, Order, _encode

pytestmark = pytest.mark.wide

TESTS = Path(__file__).resolve().parents[1]
NAME = "one"
# All that a supervisor does to files for one command, in this order. What is not here is not died
# before: a new act gets its line.
ACTS = (
    "mkdir runs", "mkdir one", "mkdir draft", "open claim", "link claim",
    "remove claim", "open output.log", "open output.tail", "open answer.log", "open answer.tail",
    "remove answer.tail", "remove output.tail", "open report.jsonl", "open end.json",
    "rename end.json",
)  # fmt: skip


def carried_out(state: Path, order: Order, dies_before: int) -> list[str]:
    """Its acts; numbers of processes and moments left out."""
    home, body = _encode(order, f"runs/{NAME}", str(state))
    path = os.pathsep.join((str(Path(bydawn.__file__).parents[1]), str(TESTS)))
    done = subprocess.run(
        [sys.executable, str(TESTS / "crash" / "one_order.py"), str(dies_before)],
        input=b" ".join((b"1", home.encode(), body.encode())) + b"\n",
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == (-signal.SIGKILL if dies_before else 0), done.stderr.decode()
    return [re.sub(r"\.\d+$", "", line) for line in done.stderr.decode().splitlines()]


def witnessed(state: Path) -> tuple[Order, Path]:
    """A run that leaves a line for each time it is started, prints more than is kept, and reports
    what may not be kept."""
    witness = state / "witness"
    script = f"echo started >> {witness}; seq 100; echo $SECRET > $BYDAWN_REPORT"
    order = command(state, NAME, script)
    return dataclasses.replace(
        order,
        environment={**order.environment, "SECRET": "not to be kept"},
        secrets=frozenset({"SECRET"}),
        output_cap_bytes=100,
        answers=True,
    ), witness


def test_every_act_of_a_supervisor_is_known(tmp_path: Path) -> None:
    order, witness = witnessed(tmp_path)
    assert tuple(carried_out(tmp_path, order, 0)) == ACTS
    assert witness.read_text() == "started\n"


@pytest.mark.parametrize("number", range(1, len(ACTS) + 1))
def test_a_supervisor_that_dies_before_an_act_starts_nothing_twice(
    tmp_path: Path, number: int
) -> None:
    order, witness = witnessed(tmp_path)
    acts = carried_out(tmp_path, order, number)
    was_claimed = "link claim" in acts[:-1]
    runs = LocalRuns(tmp_path, "second")
    try:
        seen = end_of(runs, launch(runs, order))
    finally:
        runs.close()
    starts = witness.read_text().count("started") if witness.exists() else 0
    assert starts <= 1
    assert isinstance(seen, Vanished if was_claimed else Ended)
    assert was_claimed or starts == 1
