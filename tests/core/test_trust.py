"""What a plan has earned, and what it is known by."""

from __future__ import annotations

import dataclasses

import pytest
from making import spec

from bydawn.core.model import BatchTerms, Bound, Limits
from bydawn.core.trust import Trust, missing, trust_fingerprint

ONE = spec(payload={"argv": ["agent", "--fast"]})
OTHER = dataclasses.replace(ONE, id="other")
TERMS = BatchTerms(bound=Bound(usd_micros=5))


def test_trust_wants_a_rehearsal_and_clean_nights() -> None:
    assert missing(Trust(), 2) == [
        "it has not been rehearsed", "0 of 2 watched nights were clean",
    ]  # fmt: skip
    assert missing(Trust(rehearsed_at=1, clean_nights=1), 2) == ["1 of 2 watched nights were clean"]
    assert missing(Trust(rehearsed_at=1, clean_nights=2), 2) == []
    assert missing(Trust(rehearsed_at=1), 0) == []


def test_an_incident_is_named() -> None:
    (owed,) = missing(Trust(rehearsed_at=1, clean_nights=0, incident_at=5), 1)
    assert owed.endswith("since the last incident")


def test_the_order_of_jobs_and_how_many_run_at_once_do_not_matter() -> None:
    name = trust_fingerprint([ONE, OTHER], TERMS)
    assert trust_fingerprint([OTHER, ONE], TERMS) == name
    wider = dataclasses.replace(TERMS, parallel=99, deadline="06:30")
    assert trust_fingerprint([ONE, OTHER], wider) == name


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"argv": ["agent", "--slow"]}},
        {"limits": Limits(timeout_ms=1)},
        {"check": ("true",)},
        {"retries": 9},
    ],
)
def test_what_a_job_does_matters(change: dict[str, object]) -> None:
    changed = dataclasses.replace(ONE, **change)
    assert trust_fingerprint([changed], TERMS) != trust_fingerprint([ONE], TERMS)


def test_a_cap_matters() -> None:
    wider = dataclasses.replace(TERMS, bound=Bound(usd_micros=6))
    assert trust_fingerprint([ONE], wider) != trust_fingerprint([ONE], TERMS)
