"""How fast the journal is read again, and that a longer one takes no more memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import plans
from figures import Figure, at_least, at_most, plain, ratio
from programs import Failed, Program

# Both are longer than the pages of a store that stay in memory.
FEW, MANY = 25_000, 75_000
GROUP = 100
LOOKS = 3


def audits_once(program: Program, place: Path) -> dict[str, float | None]:
    """A journal of some 300,000 events as runs write it, and one a third as long."""
    _journal(program, place / "few", FEW)
    events = _journal(program, place / "many", MANY)
    looks = [_verified(program, place / "many") for _ in range(LOOKS)]
    wall_s, cpu_s, peak_mb = (min(each) for each in zip(*looks, strict=True))
    return {
        "wall": events / wall_s, "cpu": events / cpu_s, "peak": peak_mb,
        "before": _verified(program, place / "few")[2],
    }  # fmt: skip


def audits_tell(values: Mapping[str, float | None]) -> list[Figure]:
    grown = ratio(values["peak"], values["before"])
    return [
        plain("audit verify of 300,000 events, whole process", values["wall"], "events/s"),
        at_least("  by the CPU time it takes", values["cpu"], 100_000, 150_000, "events/s"),
        at_most("  memory, against a third of the events", grown, 1.25, 1.1, "x"),
    ]


def _journal(program: Program, folder: Path, jobs: int) -> int:
    """A night of so many jobs; how many events it left."""
    folder.mkdir()
    plans.scripted(folder, jobs, GROUP, "0s")
    program.run_plan(folder)
    document = json.loads(program.run(folder, "audit", "verify", "--json").stdout)
    if not document["whole"]:
        raise Failed(f"the journal is not whole: {document['faults']}")
    return int(document["events"])


def _verified(program: Program, folder: Path) -> tuple[float, float, float]:
    ran = program.run(folder, "audit", "verify")
    return ran.wall_s, ran.cpu_s, ran.peak_mb
