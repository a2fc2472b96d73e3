"""Bad lines under a real runner, to the service its jobs run at and to its store on a server:
what was asked for is started once, whatever became of the answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import hasty
import pytest
from aftermath import Told
from badline import DROP, FATES, PASS, TWICE, BadLine
from nightly import Night, until
from ready import Ready

from between import LOSE, SWALLOW, CuttingLine, database_of
from between import PASS as DELIVER
from bydawn.testing.fakes.frame import FakeServer
from bydawn.testing.fakes.http_jobs import FakeHttpJobs
from bydawn.testing.fakes.runs import Scene
from layers import Count
from servers import Server

JOBS = 6
KEYED = 'key_header = "Idempotency-Key"'
SEARCHED = """
find = {{ url = "{url}/jobs?key={{{{ launch_key }}}}" }}
find_path = "jobs"
"""
PLAN = """
schema = 1
name = "lined"
[run]
parallel = 4
lease = "1s"
breaker = 0
[defaults]
backoff = {{ initial = "100ms", max = "200ms" }}
[backends.jobs]
type = "http-jobs"
launch = {{ method = "POST", url = "{url}/jobs", json = {{ key = "{{{{ launch_key }}}}" }} }}
id_path = "id"
poll = {{ url = "{url}/jobs/{{{{ remote.id }}}}" }}
state_path = "state"
result_path = "result"
poll_every = {{ initial = "100ms", max = "200ms" }}
settle = "300ms"
timeout = "1500ms"
{table}
[[job]]
id = "work"
backend = "jobs"
prompt = "Go"
items = "records.jsonl"
key = ["site", "slug"]
"""


def fated(chance: random.Random, fates: tuple[str, ...]) -> Callable[[], str]:
    return lambda: chance.choice(fates) if chance.random() < 1 / 6 else PASS


def cutting(chance: random.Random) -> Callable[[bytes], str]:
    """One message in two hundred to the store is lost, or its answer is."""
    return lambda _: chance.choice((LOSE, SWALLOW)) if chance.random() < 1 / 200 else DELIVER


def one_night(
    folder: Path, ready: Ready, chance: random.Random, is_keyed: bool, store: CuttingLine | None
) -> int:
    """How often a line was bad."""
    night, fake = Night(folder, ready=ready), FakeHttpJobs(Scene(takes_ms=100), is_keyed=is_keyed)
    words = () if store is None else ("--store", store.url)
    # A line that repeats what it is given is nothing that a service without keys could stand.
    fates = FATES if is_keyed else tuple(fate for fate in FATES if fate != TWICE)
    with FakeServer(fake) as service, BadLine(service.url) as line:
        night.items(JOBS)
        table = KEYED if is_keyed else SEARCHED.format(url=line.url)
        night.plan(PLAN.format(url=line.url, table=table))
        line.judge = fated(chance, fates)
        found = _through_trouble(night, chance, store, words)
        line.judge = lambda: PASS
        code, batch = night.json(*words, "run", "plan.toml")
        assert batch is not None, code
        started = fake.runs.started()
    states = {job["job"]: (job["state"], job["reason"]) for job in batch["jobs"]}
    found += [f"exit code {code}"] if code else []
    found += [f"{job} {state}" for job, state in states.items() if state[0] != "succeeded"]
    found += [f"{key} started {count} times" for key, count in started.items() if count != 1]
    found += [] if len(started) == JOBS else [f"{len(started)} keys"]
    assert found == [], f"keyed: {is_keyed}, fates: {line.fates}: {found}"
    return line.fates.total() - line.fates[PASS]


def _through_trouble(
    night: Night, chance: random.Random, store: CuttingLine | None, words: tuple[str, ...]
) -> list[str]:
    if store is not None:
        store.judge = cutting(chance)
    done = night.run(*words, "run", "plan.toml", timeout=120)
    if store is not None:
        store.judge = lambda _: DELIVER
    return Told(done.returncode, done.stderr).harm


@pytest.mark.prove("bad lines to a service and to the store, real processes")
@pytest.mark.timeout(36_000)
def test_bad_lines(
    in_memory: Path, ready: Ready, prove_size: int, trials: Count, postgres_server: Server
) -> None:
    """What is counted is every request that the line to the service spoilt."""
    spoilt = number = 0
    while spoilt < max(10, prove_size):
        folder, chance = in_memory / str(number), random.Random(f"line {number}")
        folder.mkdir()
        if number % 2:
            with CuttingLine(postgres_server, database_of(postgres_server.database())) as store:
                spoilt += one_night(folder, ready, chance, number % 4 == 1, store)
        else:
            spoilt += one_night(folder, ready, chance, number % 4 == 0, None)
        number += 1
    trials(spoilt)


def test_the_line_drops_what_it_is_told_to(tmp_path: Path) -> None:
    """And a runner sees it: with nothing but dropped requests nothing starts."""
    night, fake = Night(tmp_path, program=hasty.PROGRAM), FakeHttpJobs(Scene(), is_keyed=True)
    with FakeServer(fake) as service, BadLine(service.url) as line:
        night.items(1)
        night.plan(PLAN.format(url=line.url, table=KEYED))
        line.judge = lambda: DROP
        started = night.start("run", "plan.toml")
        until(lambda: line.fates[DROP] >= 2 or started.poll() is not None)
        assert started.poll() is None
        started.kill()
        started.communicate()
    assert dict(fake.runs.started()) == {}
