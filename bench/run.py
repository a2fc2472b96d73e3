"""`make bench`: every figure with its floor and goal, in one table. It measures; it never judges.

    python bench/run.py [--only NAME]… [--rounds N] [--json] [--program "bydawn"]

Rates depend on the disk and on what else the machine does, so what has a floor is a ratio to
something measured in the same minute wherever that is possible. Figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

if importlib.util.find_spec("bydawn") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from figures import Figure, plain, table
from programs import Failed, Program
from trials import TRIALS, Trial


def main() -> None:
    """Measure what was asked for and show it."""
    wanted = _arguments()
    program = Program.of(wanted.program) if wanted.program else Program()
    chosen = [trial for trial in TRIALS if not wanted.only or trial.name in wanted.only]
    figures: list[Figure] = []
    # Removed only at the end: some file systems are slow to make files where many just vanished.
    with tempfile.TemporaryDirectory(prefix="bydawn-bench-") as place:
        for trial in chosen:
            sys.stderr.write(f"measuring {trial.name} …\n")
            figures += measured(trial, program, wanted.rounds, Path(place).resolve())
    _show(figures, wanted.json, wanted.rounds)


def measured(trial: Trial, program: Program, rounds: int, place: Path) -> list[Figure]:
    """The figures of one trial; a trial that fails says so in place of its figures."""
    told: list[dict[str, float | None]] = []
    for number in range(min(rounds, trial.rounds)):
        folder = place / f"{trial.name}-{number}"
        folder.mkdir()
        try:
            told.append(trial.once(program, folder))
        except Failed as error:
            return [plain(trial.name, None, "", f"failed: {error}")]
    return trial.tell({name: _median([each[name] for each in told]) for name in told[0]})


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _show(figures: list[Figure], as_json: bool, rounds: int) -> None:
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"
    if as_json:
        body = {
            "schema": "bydawn/bench/1",
            "machine": machine,
            "rounds": rounds,
            "figures": [figure.as_json() for figure in figures],
        }
        sys.stdout.write(json.dumps(body, indent=2) + "\n")
        return
    missed = sum(figure.reaches(figure.floor) is False for figure in figures)
    short = sum(figure.reaches(figure.goal) is False for figure in figures)
    unmeasured = sum(figure.value is None for figure in figures)
    sys.stdout.write(
        f"{table(figures)}\n\n{machine}; medians of {rounds} round(s); {missed} below their floor,"
        f" {short} short of their goal, {unmeasured} not measured\n"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [trial.name for trial in TRIALS]
    parser.add_argument("--only", action="append", choices=names, help="pick one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead")
    parser.add_argument("--program", help="how bydawn is started, where not from this checkout")
    return parser.parse_args()


if __name__ == "__main__":
    main()
