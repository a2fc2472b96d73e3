"""The Python names for writing under a lease: ``lease``, ``publish``, ``fenced_sql``.

Without a lease the claim of the process counts: that of the job, or of ``bydawn lease run``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.app.leases.holding import LeaseBlock, lease_block
from bydawn.app.leases.publishing import at_home, claim_from_environment
from bydawn.app.leases.publishing import publish as publish_under
from bydawn.core.errors import Fenced
from bydawn.core.fencing import Claim

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.gates.gate import Receipt


def lease(
    name: str,
    ttl: float = 60,
    wait: float = 0,
    *,
    store: str | None = None,
    directory: str | Path | None = None,
) -> LeaseBlock:
    """Hold a named lease for the length of a ``with``; seconds. Renewed while this process lives.

    Entering raises Refused when another holds it for longer than ``wait``; leaving raises Fenced
    when it was lost meanwhile, which ``lost.is_set()`` tells before anybody else can hold it.
    """
    place = Path(directory or ".").absolute()
    return lease_block(lambda: _opened(place, store), name, round(ttl * 1000), round(wait * 1000))


def publish(source: str | Path, target: str | Path, lease: LeaseBlock | None = None) -> Receipt:
    """Install a file or folder at a target, whole or not at all.

    Raises Fenced, and touches nothing, when a newer claim was seen there; Refused where the record
    at the target is missing, damaged or another store's, and a person must look.
    """
    here = Path.cwd()
    if lease is not None:
        claim = _trusted(lease)
        with lease.opened() as app:
            return publish_under(app, Path(source), str(target), claim, here)
    with contextlib.closing(_opened(here, None)) as app:
        claim = claim_from_environment(app, app.invocation.environment)
        return publish_under(app, Path(source), str(target), claim, here)


def fenced_sql(
    connection: Any,
    lease: LeaseBlock | Claim,
    statement: str,
    params: Sequence[Any] | Mapping[str, Any] = (),
    *,
    effect: str = "",
) -> bool:
    """Carry out one statement together with the fence row, in one transaction of a DB-API
    connection. ``effect`` names something that must happen once: False when it had happened.

    Raises Fenced, and changes nothing, when a newer claim was seen in that database.
    """
    from bydawn.gates.sql import SqlGate

    claim = _trusted(lease)
    return SqlGate(connection, claim.subject).execute(claim, statement, params, effect)


@contextlib.contextmanager
def fenced_transaction(connection: Any, lease: LeaseBlock | Claim) -> Iterator[Any]:
    """Several statements: a cursor whose work is committed with the fence row, or not kept."""
    from bydawn.gates.sql import SqlGate

    claim = _trusted(lease)
    with SqlGate(connection, claim.subject).transaction(claim) as cursor:
        yield cursor


def _trusted(lease: LeaseBlock | Claim) -> Claim:
    if isinstance(lease, LeaseBlock) and lease.lost.is_set():
        raise Fenced(f"{lease.name}: the lease with token {lease.token} was lost")
    return lease.claim if isinstance(lease, LeaseBlock) else lease


def _opened(place: Path, store: str | None) -> App:
    from bydawn.app import Invocation, open_app

    return open_app(at_home(Invocation(place, store, dict(os.environ))))
