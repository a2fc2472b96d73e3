"""A real runner kills or stops itself exactly where it passes a named point: before, in and after
each of its commits, around its calls of backends and checks, at each step of its gates."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from ready import Ready
from striking import IN_HAND, Point, Struck, Taken, points_of, struck

from layers import Count, part_of
from servers import Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

STORES = ("SQLite", "PostgreSQL")
Opening = Callable[[str], AbstractContextManager[Struck]]
# A night that passes fewer points does not do all that it is meant to.
LEAST = 50
# The late visits of a point that is passed often do not come up in each night.
TRIES = 3
# What follows upon these deaths has points that an undisturbed night never passes.
KILLED_FIRST: tuple[Point, ...] = (
    ("command launch: after", 2),
    ("http-jobs launch: after", 1),
    ("python launch: after", 1),
    ("check start: after", 1),
    ("gate http: sent", 1),
)
LATE = "commit Store.write: meant"


@pytest.fixture
def opening(request: pytest.FixtureRequest, ready: Ready) -> Opening:
    """Nights over the kind of store that is asked for, each in a store of its own."""
    if request.param == "SQLite":
        return lambda lease: struck(ready, lease=lease)
    server: Server = request.getfixturevalue("postgres_server")
    return lambda lease: struck(ready, store=("--store", server.database()), lease=lease)


def over(*marks: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """Each kind of store is a layer of its own."""
    params = [pytest.param(store, marks=mark) for store, mark in zip(STORES, marks, strict=True)]
    return pytest.mark.parametrize("opening", params, indirect=True)


def killed(opening: Opening, *points: Point) -> tuple[int, dict[str, int]]:
    """How often a night with these was killed, and all that it passed."""
    with opening("2s") as night:
        night.strike(points)
        kills, harm = night.to_its_end()
        assert harm == [], f"killed at {points}: {harm}"
        return kills, night.passed


def whole(opening: Opening) -> list[Point]:
    """Every visit of every point of an undisturbed night."""
    passed = killed(opening)[1]
    assert len(passed) >= LEAST
    return points_of(passed)


def singly(opening: Opening, size: int) -> tuple[int, int]:
    """How many points a night was killed at, and how many were left out or did not come up."""
    points = whole(opening)
    struck_at = sum(
        any(killed(opening, point)[0] for _ in range(TRIES)) for point in part_of(points, size)
    )
    return struck_at, len(points) - struck_at


def in_pairs(opening: Opening, size: int) -> int:
    """Deaths in the recovery from deaths, and at two points by chance; how many kills."""
    points, chance = whole(opening), random.Random("pairs")
    names = {name for name, _ in points}
    deep = [
        (first, later)
        for first in KILLED_FIRST
        for later in points_of(killed(opening, first)[1])
        if later[0] not in names
    ]
    assert {"command find: before", "python find: after"} <= {later[0] for _, later in deep}
    pairs = [*part_of(deep, size), *(chance.sample(points, 2) for _ in range(size))]
    return sum(killed(opening, *pair)[0] for pair in pairs)


def stopped(opening: Opening, point: Point) -> Taken:
    with opening("700ms") as night:
        taken = night.taken_over(point)
        assert taken.harm == [], f"stopped at {point}: {taken.harm}"
        in_hand = IN_HAND.match(point[0]) and taken.was_stopped
        assert not (in_hand and taken.is_over), f"nothing was held at {point}"
        return taken


def each_stopped(opening: Opening, size: int) -> tuple[int, int]:
    """At how many points a night was stopped, and how many were left out or did not come up."""
    points = whole(opening)
    struck_at = sum(
        any(stopped(opening, point).was_stopped for _ in range(TRIES))
        for point in part_of(points, size)
    )
    return struck_at, len(points) - struck_at


def late_writes(opening: Opening, wanted: int) -> int:
    """Runners stopped with a turn decided and not yet written, until so many late writes of theirs
    were refused and told in the journal."""
    chance, fenced = random.Random("late"), 0
    for _ in range(20 + 4 * wanted):
        fenced += stopped(opening, (LATE, chance.randrange(2, 18))).fenced
        if fenced >= wanted:
            return fenced
    raise AssertionError(f"only {fenced} writes came too late")


@pytest.mark.wide
def test_the_witnesses_see_a_second_start(ready: Ready) -> None:
    """Without the one guard of a start on this machine, a death behind a launch is a second one."""
    with struck(ready, "runner without claims") as night:
        night.strike([("command launch: after", 1)])
        kills, harm = night.to_its_end()
    assert kills == 1
    assert any(one.endswith(" 2 times") for one in harm), harm


@pytest.mark.wide
@pytest.mark.parametrize("opening", STORES, indirect=True)
def test_a_few_deaths_and_stops(opening: Opening) -> None:
    """The others come up in ``make prove``."""
    assert singly(opening, 10)[0] >= 8
    assert each_stopped(opening, 5)[0] >= 4
    assert late_writes(opening, 1) >= 1


@over(
    pytest.mark.prove("killed at each named point, real processes, SQLite", whole=True),
    pytest.mark.prove("killed at each named point, real processes, PostgreSQL", whole=True),
)
@pytest.mark.timeout(36_000)
def test_each_point(opening: Opening, prove_size: int, trials: Count, left_out: Count) -> None:
    struck_at, rest = singly(opening, prove_size)
    trials(struck_at)
    left_out(rest)


@over(
    pytest.mark.prove("stopped at each named point, another takes over, SQLite", whole=True),
    pytest.mark.prove("stopped at each named point, another takes over, PostgreSQL", whole=True),
)
@pytest.mark.timeout(36_000)
def test_each_stop(opening: Opening, prove_size: int, trials: Count, left_out: Count) -> None:
    struck_at, rest = each_stopped(opening, prove_size)
    trials(struck_at)
    left_out(rest)


@over(
    pytest.mark.prove("killed at named points in pairs, real processes, SQLite"),
    pytest.mark.prove("killed at named points in pairs, real processes, PostgreSQL"),
)
@pytest.mark.timeout(36_000)
def test_pairs(opening: Opening, prove_size: int, trials: Count) -> None:
    trials(in_pairs(opening, max(1, prove_size // 5)))


@over(
    pytest.mark.prove("late writes of stopped runners, refused and told, SQLite"),
    pytest.mark.prove("late writes of stopped runners, refused and told, PostgreSQL"),
)
@pytest.mark.timeout(36_000)
def test_late_writes(opening: Opening, prove_size: int, trials: Count) -> None:
    trials(late_writes(opening, max(1, min(150, prove_size // 2))))
