"""The same deaths over a store on a server, of a smaller night: what differs there is the store,
and a statement costs ten times as much."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
from doomed import KINDS, SMALL, survive

from between import database_of
from bydawn.core.clock import Clock
from bydawn.core.sightings import Guarantee
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from bydawn.testing.ground import Opener
from bydawn.testing.remote import Troubles
from bydawn.testing.virtual import HandWoundClock
from layers import Count, part_of
from servers import Server, wind_leases_by_hand

pytestmark = pytest.mark.wide

Survive = Callable[[Guarantee, Troubles, frozenset[int]], list[str]]
SLICE = 400
DEARER = 5
TROUBLES = Troubles(reply_lost=0.3, refused=0.2, fails=0.2, breaks=0.1, silent_meter=0.3)


@pytest.fixture
def survives(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Survive]:
    """Each night in a store as it is when it was just made."""
    wind_leases_by_hand(monkeypatch)
    with postgres_server.lending() as url:
        open_server_store(url, HandWoundClock(), "s_simulated").close()
        database = database_of(url)
        anew = putting_back(postgres_server, database)

        def survived(guarantee: Guarantee, troubles: Troubles, at: frozenset[int]) -> list[str]:
            postgres_server.say(anew, database)
            return survive(guarantee, troubles, at, opener_at(url), SMALL)

        yield survived


def putting_back(server: Server, database: str) -> str:
    """What makes all tables hold what they hold now. A database of its own for each night would be
    dropped after it, and a DROP waits for a checkpoint."""
    words = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    tables = [str(row[0]) for row in server.say(words, database)]
    copies = "; ".join(f"CREATE TABLE kept.{name} AS TABLE {name}" for name in tables)
    server.say(f"CREATE SCHEMA kept; {copies}", database)
    refilled = "; ".join(f"INSERT INTO {name} TABLE kept.{name}" for name in tables)
    return f"TRUNCATE {', '.join(tables)} RESTART IDENTITY; {refilled}"


def opener_at(url: str) -> Opener:
    def opened(clock: Clock, judge: Clock | None = None) -> Store:
        assert judge is None, "its own clock is wound by hand"
        return open_server_store(url, clock, "s_simulated")

    return opened


@pytest.mark.parametrize("guarantee", KINDS)
def test_a_death_at_sampled_points(survives: Survive, guarantee: Guarantee) -> None:
    """The guarantees share the points among them; ``prove`` gives each of them all."""
    points = len(survives(guarantee, Troubles(), frozenset()))
    for point in range(1 + KINDS.index(guarantee) * SLICE // len(KINDS), points + 1, SLICE):
        survives(guarantee, Troubles(), frozenset({point}))


@pytest.mark.parametrize("guarantee", KINDS)
def test_a_pair_of_deaths_in_a_night_with_troubles(survives: Survive, guarantee: Guarantee) -> None:
    points = len(survives(guarantee, TROUBLES, frozenset()))
    chance = random.Random(f"pairs {guarantee}")
    first = chance.randrange(1, points)
    survives(guarantee, TROUBLES, frozenset({first, first + chance.randrange(1, 30)}))


@pytest.mark.prove("crash points, singly, PostgreSQL", whole=True)
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("guarantee", KINDS)
def test_a_death_at_every_point(
    survives: Survive, guarantee: Guarantee, prove_size: int, trials: Count, left_out: Count
) -> None:
    points = range(1, len(survives(guarantee, Troubles(), frozenset())) + 1)
    part = part_of(points, prove_size, DEARER)
    trials(len(part))
    left_out(len(points) - len(part))
    for point in part:
        survives(guarantee, Troubles(), frozenset({point}))


@pytest.mark.prove("crash points, pairs, PostgreSQL")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("guarantee", KINDS)
def test_many_pairs(
    survives: Survive, guarantee: Guarantee, prove_size: int, trials: Count
) -> None:
    points = len(survives(guarantee, Troubles(), frozenset()))
    chance = random.Random(f"many pairs {guarantee}")
    count = max(1, prove_size // DEARER)
    trials(count)
    for _ in range(count):
        pair = {chance.randrange(1, points + 20), chance.randrange(1, points + 20)}
        survives(guarantee, Troubles(), frozenset(pair))
