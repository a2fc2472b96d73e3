"""Whether a write may pass a gate: decided from the claim and what the target remembers.

The number is compared where the write becomes visible. For one plan and job (edition, token) are
compared in that order, so last night's late run never replaces tonight's file; for everything else
the token alone, which comes from one ever-rising sequence per store. A store put back to an older
state gives an old result a new token: so an effect never follows a later one of its own job.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from hashlib import sha256

from bydawn.core.errors import Fenced, Refused
from bydawn.core.values import value

SCHEMA = "bydawn/fence/1"
# As core/keys makes them: the job's key, and its revision.
_EFFECT = re.compile(r"([0-9a-f]{64})-([0-9]{1,9})")


@value
class Claim:
    """The right to write. ``subject`` is ``plan/job`` or ``lease:NAME``; ``effect_key`` names the
    effect that is to happen once, and is empty where every write is an effect of its own."""

    store: str
    subject: str
    token: int
    nonce: str
    edition: str = ""
    effect_key: str = ""

    def __str__(self) -> str:
        edition = f"@{self.edition}" if self.edition else ""
        return f"{self.subject}{edition} with token {self.token}"


@value
class FenceRecord:
    """What a target remembers of the newest claim. ``applied`` False says that the content named by
    ``sha256`` was about to be written; ``receipt`` is the target's own proof (ETag, commit)."""

    claim: Claim
    sha256: str = ""
    applied: bool = False
    receipt: str = ""

    def as_applied(self, receipt: str = "") -> FenceRecord:
        return replace(self, applied=True, receipt=receipt or self.receipt)


class Damaged(ValueError):
    """A record that is there and cannot be believed."""


def admit(record: FenceRecord | None, claim: Claim, target: str, has_history: bool) -> None:
    """Let the claim pass, or raise: Fenced by a newer one, Refused where a person must decide."""
    if record is None:
        if has_history:
            raise asks_for_a_person(target, "was published to before, and its fence record is gone")
        return
    seen = record.claim
    if seen.store != claim.store:
        raise asks_for_a_person(target, f"was written by another store ({seen.store}: {seen})")
    if _is_older(claim, seen):
        raise Fenced(f"{target}: a newer claim was seen there ({seen}); {claim} changed nothing")
    if _is_superseded(claim, seen):
        raise Fenced(
            f"{target}: a later revision of this job was seen there; {claim} changed nothing",
            "was a backup of the store restored? bydawn retry publishes what a new run makes",
        )
    if claim.token == seen.token and claim.nonce != seen.nonce:
        raise Fenced(
            f"{target}: token {claim.token} was seen there in other hands ({seen});"
            " this store has given it out twice",
            "acquire a new one; was a backup of the store restored?",
        )


def is_done(record: FenceRecord | None, claim: Claim, content: str) -> bool:
    """Whether this very effect, with this content, was brought there already, whoever did it."""
    if record is None or not is_same_effect(record, claim):
        return False
    return record.applied and record.sha256 == content


def is_same_effect(record: FenceRecord, claim: Claim) -> bool:
    return bool(claim.effect_key) and record.claim.effect_key == claim.effect_key


def asks_for_a_person(target: str, what: str) -> Refused:
    """Nothing may be written before somebody has looked."""
    return Refused(
        f"{target}: {what}",
        f"look at it; bydawn gate adopt {target} says that this store may go on there",
    )


def _is_older(claim: Claim, seen: Claim) -> bool:
    if claim.subject == seen.subject and claim.edition != seen.edition:
        return claim.edition < seen.edition
    return claim.token < seen.token


def _is_superseded(claim: Claim, seen: Claim) -> bool:
    """Whether a later revision of the same job was brought there, under whatever token."""
    ours, theirs = _EFFECT.fullmatch(claim.effect_key), _EFFECT.fullmatch(seen.effect_key)
    if ours is None or theirs is None:
        return False
    return ours[1] == theirs[1] and int(ours[2]) < int(theirs[2])


def encoded(record: FenceRecord) -> str:
    """The record as one line of JSON, with a sum that shows damage."""
    body = {"schema": SCHEMA, **asdict(record)}
    return json.dumps({**body, "sum": _sum(body)}, sort_keys=True) + "\n"


def decoded(text: str | bytes) -> FenceRecord:
    """The record again; raises Damaged for anything else."""
    try:
        body = json.loads(text)
        if body.pop("schema") != SCHEMA or body.pop("sum") != _sum({"schema": SCHEMA, **body}):
            raise Damaged("its sum does not fit")
        claim = Claim(**body.pop("claim"))
        return FenceRecord(claim, **body)
    except Damaged:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Damaged(str(error)) from error


def _sum(body: dict[str, object]) -> str:
    text = json.dumps(body, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]
