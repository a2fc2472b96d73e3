"""A run starts at most once, however many ask for it and whenever."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from supervised import SOURCES, command, ended, launch

from bydawn.core.sightings import Absent, Ended, Found, Launched, Vanished
from bydawn.processes.runs import LocalRuns


def test_twenty_racing_starters_start_one_run(tmp_path: Path) -> None:
    order = command(tmp_path, "race", f"echo started >> {tmp_path}/starts; sleep 0.2; exit 4")
    runners = [LocalRuns(tmp_path, f"runner-{number}") for number in range(4)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: runners[n % 4].start(order), range(20)))
    outcomes = {ended(runner, "runs/race").outcome.exit_code for runner in runners}
    for runner in runners:
        runner.close()
    assert {type(answer) for answer in answers} == {Launched}
    assert (tmp_path / "starts").read_text() == "started\n"
    assert outcomes == {4}


def test_racing_claims_have_one_winner_each(tmp_path: Path) -> None:
    """Many processes go through the same folders at the same time, without looking first."""
    for number in range(150):
        (tmp_path / f"run-{number}").mkdir()
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n"
        "from bydawn.processes.folder import RunFolder\n"
        "sys.stdin.read(1)\n"
        "for number in range(150):\n"
        f"    if RunFolder(f'{tmp_path}/run-{{number}}').claim({{}}) is not None: print(number)\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go")
        racer.stdin.flush()
    won = [int(line) for racer in racers for line in racer.communicate()[0].split()]
    assert sorted(won) == list(range(150))


def test_a_second_start_finds_the_first(runs: LocalRuns, tmp_path: Path) -> None:
    order = command(tmp_path, "once", f"echo started >> {tmp_path}/starts")
    first = ended(runs, launch(runs, order))
    again = runs.start(order)
    assert isinstance(again, Launched)
    assert again.sighting == first
    assert (tmp_path / "starts").read_text() == "started\n"


def test_what_was_never_started_is_absent(runs: LocalRuns, tmp_path: Path) -> None:
    order = command(tmp_path, "never", "true")
    assert runs.find(order.folder) == Absent()
    assert isinstance(runs.look("runs/never"), Vanished)
    handle = launch(runs, order)
    assert runs.find(order.folder) == Found(handle)


def test_a_run_called_off_before_its_start_never_starts(runs: LocalRuns, tmp_path: Path) -> None:
    order = command(tmp_path, "void", f"touch {tmp_path}/started")
    assert runs.end("runs/void", "cancel").asked
    answer = runs.start(order)
    assert isinstance(answer, Launched)
    sighting = runs.look(answer.handle)
    assert isinstance(sighting, Ended)
    assert sighting.outcome.stopped == "cancel"
    assert sighting.outcome.failure is not None
    assert not (tmp_path / "started").exists()


def test_a_stale_private_claim_file_is_no_claim(runs: LocalRuns, tmp_path: Path) -> None:
    """A supervisor killed between writing its claim and linking it has started nothing."""
    order = command(tmp_path, "half", "exit 5")
    folder = Path(order.folder)
    folder.mkdir(parents=True)
    (folder / "claim.123").write_text("{}")
    assert runs.find(order.folder) == Absent()
    assert ended(runs, launch(runs, order)).outcome.exit_code == 5
