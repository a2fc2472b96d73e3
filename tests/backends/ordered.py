"""Requests as a runner makes them, and waiting for what becomes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bydawn.backends.backend import Backend, Surroundings
from bydawn.core.sightings import Alive, Ended, Launched, Outcome, Request
from bydawn.processes.runs import LocalRuns
from bydawn.runner.clock import SystemClock
from bydawn.testing.stage import answer_to

_REQUEST = Request(
    launch_key="",
    effect_key="effect-1",
    job_id="j_0123456789ab",
    batch="nightly@2026-11-19",
    job="nightly/audit",
    edition="2026-11-19",
    key="0123456789abcdef",
    attempt=2,
    token=42,
    nonce="n0nce",
    folder="",
    payload={},
    timeout_ms=20_000,
    grace_ms=500,
    deadline_at=1_763_620_200_000,
)


def request(state: Path, name: str, payload: dict[str, Any], **more: Any) -> Request:
    folder = str(state / "runs" / name)
    return replace(_REQUEST, launch_key=f"launch-{name}", folder=folder, payload=payload, **more)


def around(runs: LocalRuns, environment: Mapping[str, str], **options: Any) -> Surroundings:
    """What a backend is made from."""
    return Surroundings(environment, SystemClock(), runs, options)


def until(condition: Callable[[], object], limit_s: float = 15.0) -> None:
    """Look again and again until it is so; fail when it takes too long."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.003)


def handle_of(backend: Backend, wanted: Request) -> str:
    answer = answer_to(backend, wanted)
    assert isinstance(answer, Launched), answer
    return answer.handle


def outcome_of(backend: Backend, wanted: Request, limit_s: float = 15.0) -> Outcome:
    """Launch and wait for the end."""
    handle = handle_of(backend, wanted)
    until(lambda: not isinstance(backend.poll(handle), Alive), limit_s)
    sighting = backend.poll(handle)
    assert isinstance(sighting, Ended), sighting
    return sighting.outcome


def output(wanted: Request) -> str:
    return Path(wanted.folder, "output.log").read_text(errors="replace")
