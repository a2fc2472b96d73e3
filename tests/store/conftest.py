"""A store of every kind: what is asked of ``Store`` is asked of SQLite and of PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bydawn.core.clock import Clock
from bydawn.store.memory import Memory
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store, open_store
from bydawn.store.store import opened as opened_over
from bydawn.testing.virtual import HandWoundClock
from servers import Server, wind_leases_by_hand

Opener = Callable[[], Store]
# What simulations lie in is asked the same, where time is not counted.
KINDS = ("sqlite", pytest.param("memory", marks=pytest.mark.wide), "postgres")


@pytest.fixture
def clock() -> HandWoundClock:
    return HandWoundClock()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_one(
    kind: str,
    tmp_path: Path,
    clock: HandWoundClock,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Opener]:
    """Opens one more connection to the same store; all are closed at the end."""
    opened: list[Store] = []
    url, memory = "", Memory()
    if kind == "postgres":
        server: Server = request.getfixturevalue("postgres_server")
        url = server.database()
        wind_leases_by_hand(monkeypatch)

    def one() -> Store:
        if kind == "memory":
            opened.append(opened_over(memory.session(clock), "s_1"))
        else:
            file = tmp_path / "s.db"
            opened.append(opened_at(url, clock) if url else open_store(file, clock, "s_1"))
        return opened[-1]

    yield one
    for store in opened:
        store.close()
    memory.close()


@pytest.fixture
def store(open_one: Opener) -> Store:
    return open_one()


def opened_at(url: str, clock: Clock) -> Store:
    return open_server_store(url, clock, "s_1")
