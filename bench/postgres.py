"""The life of no-op jobs in PostgreSQL: the bare loop in groups of 100 beside one runner of ours.

    python bench/postgres.py [--count 20000] [--rounds 3] [--json]

Both on one server with its default settings, in the same minute; durable, as `make bench` is.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
if importlib.util.find_spec("bydawn") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import plans
import psycopg
from figures import Figure, at_least, plain, table
from programs import RUN, Program

from servers import Server, running_server

GROUP = 100
_TABLE = """
CREATE TABLE job (number BIGINT PRIMARY KEY, key TEXT NOT NULL UNIQUE, state SMALLINT NOT NULL,
    token BIGINT, handle TEXT, result TEXT);
CREATE INDEX job_queued ON job (number) WHERE state = 0"""
_INSERT = """
INSERT INTO job (number, key, state)
SELECT n, lpad(to_hex(n), 64, '0'), 0 FROM generate_series($1::bigint, $2::bigint) n"""
_CLAIM = """
UPDATE job SET state = 1, token = 1 WHERE number IN (
    SELECT number FROM job WHERE state = 0 ORDER BY number LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING number"""
_RUNNING = "UPDATE job SET state = 2, handle = 'handle' WHERE number = ANY($1) AND state = 1"
_DONE = "UPDATE job SET state = 3, result = 'null' WHERE number = ANY($1) AND state = 2"


def bare_per_s(server: Server, count: int) -> float:
    """Insert, claim, running, done: one commit for each step of a group."""
    with psycopg.connect(
        server.database(), autocommit=True, cursor_factory=psycopg.RawCursor
    ) as link:
        link.execute(_TABLE)
        began = time.perf_counter()
        for start in range(0, count, GROUP):
            link.execute(_INSERT, (start, start + GROUP - 1))
            taken = [row[0] for row in link.execute(_CLAIM, (GROUP,))]
            link.execute(_RUNNING, (taken,))
            link.execute(_DONE, (taken,))
        return count / (time.perf_counter() - began)


def ours_per_s(server: Server, count: int, place: Path) -> tuple[float, float]:
    """One `bydawn run` from plan to join; then the same from the first intention on."""
    place.mkdir()
    plans.scripted(place, count, GROUP, "0s")
    url = server.database()
    ran = Program().run(place, "--store", url, *RUN)
    with psycopg.connect(url) as link:
        row = link.execute(
            "SELECT count(*) FILTER (WHERE to_state = 'succeeded'), max(at) - min(at)"
            " FROM event WHERE kind IN ('intended', 'succeeded')"
        ).fetchone()
    assert row is not None
    assert row[0] == count, f"{row[0]} of {count} jobs are done"
    return count / ran.wall_s, count / (row[1] / 1000)


def main() -> None:
    """Measure, and show the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with running_server(settings=()) as server, tempfile.TemporaryDirectory() as place:
        rounds = [
            (bare_per_s(server, asked.count), *ours_per_s(server, asked.count, Path(place, str(n))))
            for n in range(asked.rounds)
        ]
    figures = _figures([statistics.median(values) for values in zip(*rounds, strict=True)])
    shown = json.dumps([one.as_json() for one in figures]) if asked.json else table(figures)
    sys.stdout.write(shown + "\n")


def _figures(medians: list[float]) -> list[Figure]:
    bare, ours, inside = medians
    return [
        plain("bare life in groups of 100, PostgreSQL", bare, "jobs/s"),
        plain("bydawn run, plan to join, PostgreSQL", ours, "jobs/s"),
        plain("bydawn, first intention to last success", inside, "jobs/s"),
        at_least("durable throughput to the bare life", ours / bare, 0.2, 0.35),
    ]


if __name__ == "__main__":
    main()
