"""Figures on a PostgreSQL server with its default settings, as durable as `make bench`.

    python bench/postgres.py [--count 20000] [--rounds 3] [--peers PYTHON] [--json]

What has a floor that depends on the machine is a ratio to something measured in the same round.
``--peers`` names an interpreter that has dbos and procrastinate; they run on the same server.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
if importlib.util.find_spec("bydawn") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import peers
import served
from figures import Figure, at_least, at_most, plain, ratio, table

from servers import Server, running_server

PEER_JOBS = 3_000
_DEFAULTS: tuple[str, ...] = ()
Values = dict[str, float | None]


def main() -> None:
    """Measure, and show what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rounds = [
            _round(asked.count, asked.peers, Path(place, str(n))) for n in range(asked.rounds)
        ]
    figures = _figures({name: _median([each[name] for each in rounds]) for name in rounds[0]})
    shown = json.dumps([one.as_json() for one in figures]) if asked.json else table(figures)
    sys.stdout.write(shown + "\n")


def _round(count: int, python: str, place: Path) -> Values:
    """Every figure once, on a server of its own."""
    place.mkdir()
    with running_server(settings=_DEFAULTS) as server:
        values = _pace(server, count, place)
        values["resume"] = served.resume_s(server, count, place / "resume")
        values["file_lapsed"], values["file_released"] = served.lease_takeovers_s(server)
        values["takeover"] = served.runner_takeover_s(server, place / "takeover")
        values["pairs"], values["pairs_file"] = served.lease_rates(server, place / "leases")
        values["publish"], values["connects"] = served.publish_ms(server, place / "publish")
        values["dbos"] = peers.on_server_per_s("dbos", python, server.database(), PEER_JOBS)
        values["procrastinate"] = peers.on_server_per_s(
            "procrastinate", python, server.database(), PEER_JOBS
        )
    return values


def _pace(server: Server, count: int, place: Path) -> Values:
    """One runner, two, two again and one again, so that a machine that grows slower is no
    difference between them."""
    bare = served.bare_per_s(server, count)
    paces: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for number, runners in enumerate((1, 2, 2, 1)):
        pace = served.runners_per_s(server, count, place / f"nights-{number}", runners)
        paces[runners].append(pace)
    (whole, inside), (_, both) = (map(statistics.mean, zip(*paces[n], strict=True)) for n in paces)
    return {"bare": bare, "whole": whole, "inside": inside, "both": both}


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _figures(found: Values) -> list[Figure]:
    dbos, other = found["dbos"], found["procrastinate"]
    none = "" if dbos and other else peers.NO_SERVED
    return [
        plain("bare life in groups of 100, PostgreSQL", found["bare"], "jobs/s"),
        plain("bydawn run, plan to join", found["whole"], "jobs/s"),
        plain("  first intention to last success", found["inside"], "jobs/s"),
        plain("  the same by two runners", found["both"], "jobs/s"),
        plain(f"DBOS, {PEER_JOBS:,} jobs from a queue", dbos, "jobs/s", none),
        plain(f"Procrastinate, {PEER_JOBS:,} jobs", other, "jobs/s", none),
        at_least("against the bare life", ratio(found["whole"], found["bare"]), 0.2, 0.35),
        at_least("two runners to one", ratio(found["both"], found["inside"]), 1.0),
        at_least("against DBOS", ratio(found["whole"], dbos), 5, 10, note=none),
        at_least("against Procrastinate", ratio(found["whole"], other), 5, 10, note=none),
        at_most("kill -9 at half, first new job", found["resume"], 0.6, 0.2),
        at_least("lease acquire + release, PostgreSQL", found["pairs"], 1_000, unit="/s"),
        at_least("lease acquire + release, SQLite", found["pairs_file"], 500, unit="/s"),
        at_most("a file published, beyond its fsyncs", found["publish"], 5, unit="ms"),
        plain("  by bydawn.publish, which connects for it", found["connects"], "ms"),
        at_most("a dead host's run, after its lease", found["takeover"], 1),
        at_most("a lapsed name, after its lease", found["file_lapsed"], 1),
        at_most("a released name", found["file_released"], 0.2),
    ]


if __name__ == "__main__":
    main()
