"""A process dies at every point it passes, and whoever comes next makes it good.

The points are every commit and every call of a backend, before and after, and the steps of a gate.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from doomed import KINDS, survive

from bydawn.core.sightings import Guarantee
from bydawn.testing.remote import Troubles
from layers import Count, part_of

pytestmark = pytest.mark.wide

GATE_STEPS = ("read", "held", "compared", "copied", "installed", "applied", "noted")
CANCELS = Troubles(reply_lost=0.3, hangs=0.3)


@pytest.mark.parametrize("guarantee", KINDS)
def test_a_death_at_every_other_point(guarantee: Guarantee) -> None:
    """The five guarantees share every other point; ``prove`` gives each of them all."""
    points = len(survive(guarantee, Troubles(), frozenset()))
    assert points > 200
    for point in range(1 + 2 * KINDS.index(guarantee), points + 1, 2 * len(KINDS)):
        survive(guarantee, Troubles(), frozenset({point}))


@pytest.mark.prove("crash points, singly, SQLite", whole=True)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guarantee", KINDS)
def test_a_death_at_every_point_under_every_guarantee(
    guarantee: Guarantee, prove_size: int, trials: Count, left_out: Count
) -> None:
    points = range(1, len(survive(guarantee, Troubles(), frozenset())) + 1)
    part = part_of(points, prove_size)
    trials(len(part))
    left_out(len(points) - len(part))
    for point in part:
        survive(guarantee, Troubles(), frozenset({point}))


def test_every_durable_step_has_its_point() -> None:
    """A step that got another name, or none, would no longer be died at."""
    passed = {name for kind in KINDS for name in survive(kind, CANCELS, frozenset())}
    calmly = {name for kind in KINDS for name in survive(kind, Troubles(), frozenset())}
    verbs = ("reserve", "launch", "find", "poll", "cancel", "commit")
    around = {f"{verb}.{side}" for verb in verbs for side in ("before", "after")}
    assert passed == around | {f"gate.{step}" for step in GATE_STEPS}
    assert calmly == passed - {"find.before", "find.after"}  # what only a recovery comes to


@pytest.mark.parametrize("guarantee", KINDS)
def test_a_second_death_in_the_recovery_of_the_first(guarantee: Guarantee) -> None:
    points = len(survive(guarantee, Troubles(), frozenset()))
    chance = random.Random(str(guarantee))
    for _ in range(12):
        first = chance.randrange(1, points)
        survive(guarantee, Troubles(), frozenset({first, first + chance.randrange(1, 30)}))


@pytest.mark.parametrize("guarantee", KINDS)
def test_a_death_at_sampled_points_of_a_night_with_troubles(guarantee: Guarantee) -> None:
    troubles = Troubles(reply_lost=0.3, refused=0.2, fails=0.2, breaks=0.1, silent_meter=0.3)
    points = len(survive(guarantee, troubles, frozenset()))
    for point in random.Random(1).sample(range(1, points), 10):
        survive(guarantee, troubles, frozenset({point}))


@pytest.mark.prove("crash points, pairs, SQLite")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("guarantee", KINDS)
def test_many_pairs_of_deaths(guarantee: Guarantee, prove_size: int, trials: Count) -> None:
    trials(prove_size)
    points = len(survive(guarantee, Troubles(), frozenset()))
    chance = random.Random(f"pairs {guarantee}")
    draw: Callable[[], int] = lambda: chance.randrange(1, points + 20)  # noqa: E731
    for _ in range(prove_size):
        survive(guarantee, Troubles(), frozenset({draw(), draw()}))
