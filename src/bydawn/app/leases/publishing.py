"""Publish through a gate from outside a runner: under a named lease, or a job's own claim."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.app.values import Invocation
from bydawn.core.errors import BydawnError, Fenced, UsageError
from bydawn.core.fencing import Claim, Damaged, FenceRecord
from bydawn.gates.choosing import DraftGate, branch_gate, named_gate, path_gate, request_gate
from bydawn.gates.gate import Gate, PublishError, Receipt
from bydawn.store import counters, leases
from bydawn.store.receipts import store_id, tell_adopted, was_published_to

if TYPE_CHECKING:
    from bydawn.app import App

__all__ = [
    "GateUnavailable",
    "Receipt",
    "adopt",
    "at_home",
    "check",
    "claim_by_name",
    "claim_from_environment",
    "publish",
    "push",
]

_PERSON = "person"


class GateUnavailable(BydawnError):
    """The target could not be written to; the same command may be tried again."""

    code = "gate_unavailable"
    exit_code = 75


def at_home(invocation: Invocation) -> Invocation:
    """Inside a job the store is the one its draft lies beside, wherever the job has gone."""
    draft = invocation.environment.get("BYDAWN_DRAFT")
    if not draft or invocation.store_url or invocation.environment.get("BYDAWN_STORE"):
        return invocation
    return replace(invocation, directory=Path(draft))


def claim_by_name(app: App, name: str, token: int, nonce: str | None = None) -> Claim:
    """The claim of a named lease, as this store gave it out."""
    session = app.existing_store().session
    found = leases.find(session, name)
    if found is None or found.token < token:
        raise UsageError(
            f"{name}: token {token} was never given out for it",
            f"bydawn lease acquire {name} gives one",
        )
    if found.token > token or nonce not in (None, found.nonce):
        raise Fenced(f"{name}: was given to {found.holder} since (token {found.token})")
    return Claim(store_id(session), f"lease:{name}", token, found.nonce)


def claim_from_environment(app: App, environment: Mapping[str, str]) -> Claim:
    """The claim under which this process was started: ``lease run``, or a job of a batch."""
    token, nonce = environment.get("BYDAWN_TOKEN", ""), environment.get("BYDAWN_NONCE", "")
    lease, job = environment.get("BYDAWN_LEASE"), environment.get("BYDAWN_JOB")
    if not (token.isdigit() and nonce and (lease or job)):
        raise UsageError(
            "there is no claim to write under",
            "give --name and --token of a lease, or run this under bydawn lease run",
        )
    store = environment.get("BYDAWN_STORE_ID") or store_id(app.existing_store().session)
    if lease:
        return Claim(store, f"lease:{lease}", int(token), nonce)
    plan = environment.get("BYDAWN_BATCH", "").partition("@")[0]
    edition = environment.get("BYDAWN_EDITION", "")
    effect = environment.get("BYDAWN_EFFECT_KEY", "")
    return Claim(store, f"{plan}/{job}", int(token), nonce, edition, effect)


def publish(app: App, source: Path, target: str, claim: Claim, folder: Path) -> Receipt:
    """Install a file or folder at a target; Fenced, and nothing touched, when a newer claim was
    seen there."""
    draft, name = _as_draft(folder / source)
    with explained():
        gate: DraftGate
        if target.startswith(("PUT ", "POST ")):
            gate = request_gate(target, app.state_folder)
        else:
            gate = path_gate(folder / target, draft, name)
        return gate.publish(draft, name, claim, _has_history(app, gate))


def push(app: App, remote: str, branch: str, revision: str, claim: Claim, folder: Path) -> Receipt:
    """Bring a commit to a remote branch together with its fence, or neither."""
    with explained():
        gate = branch_gate(remote, branch, folder, app.invocation.environment)
        return gate.push(revision, claim, _has_history(app, gate))


def check(app: App, target: str, folder: Path) -> tuple[str, FenceRecord | None]:
    """What stands at a target: ``none``, ``damaged``, ``foreign``, ``installed``, ``applied``."""
    gate = _named(app, target, folder)
    try:
        with explained():
            found = gate.look()
    except Damaged:
        return "damaged", None
    if found is None:
        return "none", None
    if app.has_store() and found.claim.store != store_id(app.store.session):
        return "foreign", found
    return ("applied" if found.applied else "installed"), found


def adopt(app: App, target: str, why: str, folder: Path) -> FenceRecord:
    """A person says that this store may go on at a target. Claims given out before are refused
    there from now on; a lease acquired anew, or a job resolved, goes on."""
    gate = _named(app, target, folder)
    session = app.store.session

    def act() -> int:
        token = counters.take_tokens(session, 1)
        tell_adopted(session, gate.target, token, why)
        return token

    token = session.transact(act)
    with explained():
        return gate.adopt(Claim(store_id(session), _PERSON, token, app.nonce()))


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """A gate's trouble in the words of a command."""
    try:
        yield
    except PublishError as error:
        if error.hopeless:
            raise UsageError(str(error)) from error
        raise GateUnavailable(str(error), "try again") from error


def _named(app: App, target: str, folder: Path) -> Gate:
    with explained():
        return named_gate(target, folder, app.state_folder, app.invocation.environment)


def _has_history(app: App, gate: Gate) -> bool:
    """Inside a job the store may be out of reach; then the record alone decides."""
    return app.has_store() and was_published_to(app.store.session, gate.target)


def _as_draft(source: Path) -> tuple[Path, str]:
    """What a person names may be reached through a link; what lies inside it may not."""
    real = source.resolve()
    return (real, ".") if real.is_dir() else (real.parent, real.name)
