"""Named leases on a server: what they wait for, and what its death leaves of them."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from bydawn.core.errors import StoreUnavailable
from bydawn.runner.clock import SystemClock
from bydawn.store import leases
from bydawn.store.leases import Acquired
from bydawn.store.postgres import open_postgres
from bydawn.store.shared import open_server_store
from bydawn.store.store import Store
from bydawn.testing.virtual import HandWoundClock
from servers import FORGETFUL, Server, running_server, wind_leases_by_hand

TTL = 60_000
_WRITES = "UPDATE sequence SET value = value + 1 WHERE name = 'version'"


def take(store: Store, nonce: str) -> Acquired:
    return leases.acquire(store.session, "a", TTL, "me", lambda: nonce)


def test_giving_back_waits_for_nobody_who_writes(postgres_server: Server) -> None:
    url = postgres_server.database()
    with contextlib.closing(open_server_store(url, SystemClock(), "s_1")) as store:
        held = take(store, "n1").lease
        with psycopg.connect(url) as other:
            other.execute(_WRITES)
            assert leases.release(store.session, "a", held.token, "n1")
            other.rollback()
        assert take(store, "n2").lease.token == held.token + 1


def test_the_turn_of_a_name_is_not_waited_for_without_end(postgres_server: Server) -> None:
    url = postgres_server.database()
    with contextlib.closing(open_server_store(url, SystemClock(), "s_1")):
        pass
    session = open_postgres(url, SystemClock(), patience_s=0.01)
    with contextlib.closing(session), psycopg.connect(url) as other:
        wait = "SELECT set_config('lock_timeout', '20ms', true)"
        session._wire._opening = session._wire._opening._replace(brief=wait)
        other.execute(_WRITES)
        with pytest.raises(StoreUnavailable, match="is busy"):
            leases.acquire(session, "a", TTL, "me", lambda: "n1")


@pytest.mark.wide
def test_a_server_that_dies_forgets_no_holder_and_at_most_that_a_name_was_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It writes what nobody waits for after ten seconds, and is killed before."""
    wind_leases_by_hand(monkeypatch)
    clock = HandWoundClock()
    with running_server(settings=(*FORGETFUL, "wal_writer_delay=10s")) as server:
        url = server.database()
        with contextlib.closing(open_server_store(url, clock, "s_1")) as store:
            first = take(store, "n1").lease
            assert leases.renew(store.session, "a", first.token, "n1", 2 * TTL)
            assert leases.release(store.session, "a", first.token, "n1")
            server.kill()
            server.start()
            found = take(store, "n2")
            if not found.is_ours:  # else it was written just now
                assert (found.lease.nonce, found.lease.left_ms) == ("n1", 2 * TTL)
                clock.wind(2 * TTL)
                found = take(store, "n3")
            assert (found.is_ours, found.lease.token) == (True, first.token + 1)
            assert not leases.release(store.session, "a", first.token, "n1")
