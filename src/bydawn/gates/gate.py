"""The contract of a gate: one atomic step at the target, first install, then apply.

Install refuses a lower number, raises a higher one and reads what was already applied for this
effect; apply writes, in the same critical section. A gate declares what that is worth as a value.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from bydawn.core.fencing import Claim, FenceRecord
from bydawn.core.values import value


class Guarantee(StrEnum):
    """What a target lets a gate promise.

    transactional: the record and the effect are one commit; exactly once.
    keyed: the target itself drops a second effect under the same key.
    fenced: compared at the target in one critical section with the write; once per claim order.
    blind: the target does neither; a write whose answer was lost may have happened.
    """

    TRANSACTIONAL = "transactional"
    KEYED = "keyed"
    FENCED = "fenced"
    BLIND = "blind"


@value
class Receipt:
    """Proof of an effect. ``written`` False says that it stood there already."""

    target: str
    sha256: str
    written: bool
    proof: str = ""


class PublishError(Exception):
    """The target could not be installed. ``hopeless`` when trying again cannot help."""

    def __init__(self, message: str, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless


class Gate(Protocol):
    """One target. Both verbs raise Refused where a person must decide, PublishError for trouble."""

    @property
    def guarantee(self) -> Guarantee: ...

    @property
    def target(self) -> str: ...

    def look(self) -> FenceRecord | None:
        """The record that stands at the target; raises Damaged for one that cannot be believed."""
        ...

    def adopt(self, claim: Claim) -> FenceRecord:
        """A person says go on: put a fresh record in the place of whatever stands there."""
        ...


Steps = Callable[[str], None]


def no_steps(_: str) -> None:
    """Nobody counts the steps; a test that stops or crashes between two of them does."""
