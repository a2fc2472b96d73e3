"""A thousand runs in flight at one job service over HTTP, which is a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import plans
from figures import Figure, at_most
from programs import Program, environment
from story import Story

RUNS = 1_000
_POLLED = 200
_WATCHED_S = 10.0
# Looks at moments between 1.04 and 1.3 s, when a run of 1 s is over.
_ONE_LOOK = 'poll_every = { initial = "1300ms", max = "1300ms" }'
_LISTED = 'list = { url = "URL/jobs/all" }\nlist_path = "jobs"'
_EVERY_SECOND = 'poll_every = { initial = "1s", max = "1s" }'


def services_once(program: Program, place: Path) -> dict[str, float | None]:
    return {
        "makespan": _makespan(program, _folder(place, "makespan")),
        "poll": _poll_ms(program, _folder(place, "poll")),
        "share": _share(program, _folder(place, "share"), ""),
        "listed": _share(program, _folder(place, "listed"), _LISTED),
    }


def services_tell(values: Mapping[str, float | None]) -> list[Figure]:
    return [
        at_most("1,000 runs of 1 s at one HTTP service, makespan", values["makespan"], 2.5, 1.8),
        at_most("  CPU of the runner for one poll", values["poll"], 1.0, 0.5, "ms"),
        at_most("  waiting for 1,000 at the default pace, of a core", values["share"], 10, 2, "%"),
        at_most("  the same where the service can list them", values["listed"], 10, 2, "%"),
    ]


def _makespan(program: Program, folder: Path) -> float:
    with _service(1_000) as url:
        plans.services(folder, RUNS, url, _ONE_LOOK)
        program.run_plan(folder)
        return Story(folder).makespan_s()


def _poll_ms(program: Program, folder: Path) -> float:
    """All that a poll takes: the call, the decision, the turn around it."""
    with _service(3_600_000) as url, _flying(program, folder, url, _POLLED, _EVERY_SECOND) as cpu_s:
        spent, polls = cpu_s(), _asked(url)
        time.sleep(_WATCHED_S)
        return (cpu_s() - spent) * 1000 / (_asked(url) - polls)


def _share(program: Program, folder: Path, more: str) -> float:
    with _service(3_600_000) as url, _flying(program, folder, url, RUNS, more) as cpu_s:
        spent, began = cpu_s(), time.monotonic()
        time.sleep(_WATCHED_S)
        return (cpu_s() - spent) / (time.monotonic() - began) * 100


@contextlib.contextmanager
def _flying(program: Program, folder: Path, url: str, count: int, more: str) -> Iterator[Any]:
    plans.services(folder, count, url, more.replace("URL", url))
    running = program.start_plan(folder)
    Story(folder).until(lambda told: told.count("running") == count, f"{count} in flight")
    time.sleep(2)
    yield running.cpu_s
    running.interrupt()
    running.ended()


@contextlib.contextmanager
def _service(takes_ms: int) -> Iterator[str]:
    words = ["-m", "bydawn.testing.fakes", "http-jobs-keyed", "--takes-ms", str(takes_ms)]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


def _asked(url: str) -> int:
    with urllib.request.urlopen(f"{url}/ledger") as answer:
        polls: int = json.load(answer)["asked"].get("poll", 0)
        return polls


def _folder(place: Path, name: str) -> Path:
    folder = place / name
    folder.mkdir()
    return folder
