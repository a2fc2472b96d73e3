"""Runner rows: one lease keeps all claims of a process; a dead runner's claims are free at once."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

from bydawn.core import counting
from bydawn.core.leases import has_lapsed
from bydawn.core.values import value
from bydawn.store import counters
from bydawn.store.connect import Session

_ADD = """
INSERT INTO runner (id, machine, boot, pid, started_at, lease_ms, lease_until, batches, ended_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"""
_RENEW = """
UPDATE runner SET lease_until = ?, batches = ?
WHERE id = ? AND ended_at IS NULL"""
_END = "UPDATE runner SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
_FORGET_OWN = "DELETE FROM counter WHERE name = ?"
_ALIVE = """
SELECT id, machine, boot, pid, lease_until, batches FROM runner
WHERE ended_at IS NULL ORDER BY started_at, id"""

_GUARDS = "SELECT machine, batches FROM runner WHERE boot = ? AND lease_until > ?"


@value
class Registered:
    """A runner row whose lease has not been ended."""

    id: str
    machine: str
    boot: str
    pid: int
    lease_until: int
    batches: frozenset[int]


def register(
    session: Session, runner: str, machine: str, pid: int, lease_ms: int, batches: frozenset[int],
    own: int | None = None,
) -> None:  # fmt: skip
    """Make a runner known, with its lease running from now; inside a write transaction. ``own`` is
    the most it takes at once, where there is such a cap."""
    until = session.lease_now() + lease_ms
    served = json.dumps(sorted(batches))
    now = session.clock.utc_ms()
    session.change(_ADD, (runner, machine, session.lease_boot(), pid, now, lease_ms, until, served))
    if own is not None:
        counters.put(session, counting.own_places(runner), own)


def renew(session: Session, runner: str, lease_ms: int, batches: frozenset[int]) -> bool:
    """Count the lease from now again; False when it was ended meanwhile."""
    until = session.lease_now() + lease_ms
    return session.change(_RENEW, (until, json.dumps(sorted(batches)), runner)) == 1


def end(session: Session, runner: str) -> None:
    """The runner claims nothing any more; its jobs are free to be taken over."""
    session.change(_END, (session.clock.utc_ms(), runner))
    session.change(_FORGET_OWN, (counting.own_places(runner),))


def registered(session: Session) -> list[Registered]:
    return [
        Registered(name, machine, boot, pid, lease_until, numbers_in(batches))
        for name, machine, boot, pid, lease_until, batches in session.rows(_ALIVE)
    ]


@functools.lru_cache(maxsize=256)
def numbers_in(batches: str) -> frozenset[int]:
    """The batches a runner serves, as its row names them."""
    return frozenset(json.loads(batches))


def end_the_dead(session: Session, own: str, is_dead_here: Callable[[Registered], bool]) -> int:
    """End every runner that is proved dead on this machine or whose lease has lapsed.

    Asked from inside a write transaction, so that nobody can have renewed in between.
    """
    now, boot = session.lease_now(), session.lease_boot()
    ended = 0
    for runner in registered(session):
        if runner.id == own:
            continue
        lapsed = has_lapsed(runner.lease_until, runner.boot, now, boot)
        if lapsed or is_dead_here(runner):
            end(session, runner.id)
            ended += 1
    return ended


def others_left(session: Session, own: str) -> dict[str, int]:
    """How long the lease of every other runner still lasts; less than 0 where it is over."""
    now, boot = session.lease_now(), session.lease_boot()
    return {
        one.id: one.lease_until - now if one.boot == boot else -1
        for one in registered(session)
        if one.id != own
    }


def unlapsed(session: Session) -> list[Registered]:
    """The runners whose lease is good."""
    now, boot = session.lease_now(), session.lease_boot()
    return [
        runner
        for runner in registered(session)
        if not has_lapsed(runner.lease_until, runner.boot, now, boot)
    ]


def guarded_machines(session: Session, batch: int) -> frozenset[str]:
    """Machines with a lease on a batch that still runs, even where its runner has let go of it: it
    may come back to its own local runs."""
    found = session.rows(_GUARDS, (session.lease_boot(), session.lease_now()))
    return frozenset(machine for machine, batches in found if batch in numbers_in(batches))
