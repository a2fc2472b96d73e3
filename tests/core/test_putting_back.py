"""After a store went back in time: who may go on by itself."""

from __future__ import annotations

import dataclasses

import pytest

from bydawn.core.model import Effects, JobSpec, OnDoubt
from bydawn.core.putting_back import may_go_on
from bydawn.core.sightings import Guarantee

HOUR = 3_600_000
SPEC = JobSpec("a", "any")


@pytest.mark.parametrize(
    ("guarantee", "is_only_machine", "behind_ms", "goes_on"),
    [
        (Guarantee.LOCAL_CLAIM, True, 99 * HOUR, True),
        (Guarantee.LOCAL_CLAIM, False, 0, False),
        (Guarantee.KEYED, False, 23 * HOUR, True),
        (Guarantee.KEYED, False, 24 * HOUR, False),
        (Guarantee.TWO_PHASE, True, 0, False),
        (Guarantee.SEARCHABLE, True, 0, False),
        (Guarantee.BLIND, True, 0, False),
        (None, True, 0, False),
    ],
)
def test_only_what_a_second_launch_would_meet(
    guarantee: Guarantee | None, is_only_machine: bool, behind_ms: int, goes_on: bool
) -> None:
    assert may_go_on(SPEC, guarantee, is_only_machine, behind_ms) is goes_on


@pytest.mark.parametrize("guarantee", [*Guarantee, None])
def test_a_plan_that_says_relaunch_is_obeyed(guarantee: Guarantee | None) -> None:
    relaunch = dataclasses.replace(SPEC, on_doubt=OnDoubt.RELAUNCH)
    assert may_go_on(relaunch, guarantee, False, 99 * HOUR)


def test_a_local_run_without_effects_may_run_twice_but_a_paid_one_may_not() -> None:
    harmless = dataclasses.replace(SPEC, effects=Effects.NONE)
    assert may_go_on(harmless, Guarantee.LOCAL_CLAIM, False, 99 * HOUR)
    assert not may_go_on(harmless, Guarantee.BLIND, False, 0)


@pytest.mark.parametrize(("key_keeps", "goes_on"), [("1h", False), ("3h", True), ("7d", True)])
def test_a_service_that_forgets_keys_sooner_is_trusted_for_less(
    key_keeps: str, goes_on: bool
) -> None:
    spec = dataclasses.replace(SPEC, payload={"backend_config": {"key_keeps": key_keeps}})
    assert may_go_on(spec, Guarantee.KEYED, True, 2 * HOUR) is goes_on
    assert not may_go_on(spec, Guarantee.KEYED, True, 24 * HOUR)
