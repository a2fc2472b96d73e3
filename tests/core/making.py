"""Jobs, specs and circumstances to decide about, with everything named that matters to a test."""

from __future__ import annotations

import dataclasses
from typing import Any

from bydawn.core.decide import Circumstances
from bydawn.core.decide.step import (
    Broken,
    CheckEnded,
    CheckPending,
    Collected,
    CollectTrouble,
    Published,
    PublishFenced,
    PublishTrouble,
)
from bydawn.core.model import Job, JobSpec, Limits, Publication
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    Found,
    Guarantee,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Repeatable,
    Reserved,
    Unknown,
    Usage,
    Vanished,
)

NOW = 1_000_000
KEYED = Capabilities(guarantee=Guarantee.KEYED)
TRANSIENT = Failure(FailureClass.TRANSIENT, "exit_1", "trouble")
METERED = Usage({"input_tokens": 7, "output_tokens": 3}, 40)
TARGETS = (Publication("a", "file", "A"), Publication("b", "file", "B"))


def job(state: str = "running", **fields: Any) -> Job:
    blank: dict[str, Any] = {field.name: None for field in dataclasses.fields(Job)}
    known: dict[str, Any] = {
        "number": 1, "batch": 1, "template": "work", "name": "work", "key": "k" * 64, "spec": 1,
        "tags": "{}", "state": state, "revision": 1, "generation": 1, "attempts": 1, "faults": 0,
        "not_before": 0, "token": 5, "nonce": "n5", "runner": "r_1", "machine": "m_1",
        "intended_at": NOW - 10, "reserved_micros": 0, "reserved_tokens": 0, "pool": "",
        "backend": "scripted", "accounts": '["1"]', "fresh": False,
    }  # fmt: skip
    if state in ("running", "finishing", "parked"):
        known |= {"handle": "h", "started_at": NOW - 10, "deadline_at": NOW + 60_000}
    return Job(**{**blank, **known, **fields})


def spec(**fields: Any) -> JobSpec:
    return JobSpec(id="work", backend="scripted", **fields)


def around(one: JobSpec | None = None, **fields: Any) -> Circumstances:
    known: dict[str, Any] = {"capabilities": KEYED, "now": NOW, "chance": 0.5}
    return Circumstances(one or spec(), **{**known, **fields})


FAILURES = tuple(Failure(kind, "exit_1", "m") for kind in FailureClass)

FACTS = (
    Reserved("box"),
    Launched("h2"),
    Launched("h2", Ended(Outcome())),
    LaunchUnclear("reset"),
    Found("h2"),
    Absent(),
    Repeatable(),
    Unknown("cannot tell"),
    Alive(),
    Alive(witness="w", usage=METERED, look_again_ms=5),
    Alive(needs_input="which one?"),
    Vanished("gone"),
    CancelAnswer(True),
    CancelAnswer(False, "not delivered"),
    CheckPending(),
    CheckEnded(),
    Collected(None, "d" * 64),
    CollectTrouble("reset"),
    Published("A", "s" * 64),
    PublishTrouble("A", "busy"),
    PublishTrouble("A", "no such folder", hopeless=True),
    PublishFenced("A", "a newer claim was seen there"),
    Broken("ValueError: of the backend"),
    Ended(Outcome(usage=METERED)),
    Ended(Outcome(TRANSIENT, stopped="timeout")),
    *(LaunchRefused(failure) for failure in FAILURES),
    *(Ended(Outcome(failure, 1, usage=METERED)) for failure in FAILURES),
    *(CheckEnded(failure) for failure in FAILURES),
    *(Collected(failure) for failure in FAILURES),
)

PATIENT = Limits(timeout_ms=60_000, grace_ms=1_000, stall_ms=30_000)
