"""Reading a chain again: what does not hold, and from which event on. Pure; rows are handed in."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from bydawn.core.chain import Head, Sealer, linked, sealed, start

MOST_FAULTS = 20
_DIGITS = 10
_HASH, _SEAL = 12, 13


class Flaw(StrEnum):
    """What can be wrong with a journal."""

    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    BAD_SEAL = "bad_seal"
    UNSEALED = "unsealed"
    UNKNOWN_KEY = "unknown_key"
    CUT = "cut"
    NOT_ANCHORED = "not_anchored"
    STATE = "state"


class Fault(NamedTuple):
    """One flaw, and the events it was found at; ``about`` names a key, an anchor or a job."""

    flaw: Flaw
    first: int
    last: int
    about: str = ""


@dataclass
class Findings:
    """What a reading found. ``uncovered`` events are older than the chain; ``known`` counts seals
    by keys that are here. At most MOST_FAULTS are listed; ``total`` counts them all."""

    head: Head | None = None
    events: int = 0
    uncovered: int = 0
    known: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    total: int = 0

    def found(self, flaw: Flaw, first: int, last: int, about: str = "") -> None:
        self.total += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(flaw, first, last, about))


class ChainReader:
    """Takes the events of a store in their order; memory does not grow with them."""

    def __init__(
        self, store_id: str, sealers: Iterable[Sealer], anchors: Iterable[Head] = ()
    ) -> None:
        self.findings = Findings()
        self._store_id = store_id
        self._sealers: Mapping[str, Sealer] = {one.id: one for one in sealers}
        self._anchors = sorted(anchors, reverse=True)
        self._seq = 0
        self._hash: str | None = None
        self._open = 0
        self._strangers: dict[str, tuple[int, int]] = {}

    def take(self, row: Sequence[Any]) -> None:
        """The next event: number, the eleven fields of ``linked``, hash, seal."""
        # By place and not unpacked, here and in the account: that is a tenth of the whole reading.
        seq, found, seal = row[0], row[_HASH], row[_SEAL]
        self.findings.events += 1
        if self._hash is None:
            if found is None:
                self.findings.uncovered += 1
                self._seq = seq
                return self._meet_anchor(seq, "")
            self._hash = start(self._store_id, self._seq).hash
        if seq != self._seq + 1:
            self.findings.found(Flaw.MISSING, self._seq + 1, seq - 1)
        elif found != _hash_of(self._hash, seq, row[1:_HASH], seal and _mark(seal)):
            self.findings.found(Flaw.CHANGED, seq, seq)
        self._seq, self._hash = seq, str(found)
        if seal is None:
            self._open += 1
        else:
            self._meet_seal(seal)
        if self._anchors:
            self._meet_anchor(seq, self._hash)
        return None

    def skip(self, seq: int) -> None:
        """An event that is there and cannot be read."""
        self.findings.events += 1
        self.findings.found(Flaw.UNREADABLE, seq, seq)
        self._seq, self._hash = seq, self._hash or ""

    def close(self) -> Findings:
        """All events have been taken."""
        findings = self.findings
        if self._hash is not None:
            findings.head = Head(self._seq, self._hash)
        if self._open:
            findings.found(Flaw.UNSEALED, self._seq - self._open + 1, self._seq)
        for key_id, (first, last) in self._strangers.items():
            findings.found(Flaw.UNKNOWN_KEY, first, last, key_id)
        for anchor in reversed(self._anchors):
            findings.found(Flaw.CUT, self._seq + 1, anchor.seq, _shown(anchor))
        return findings

    def _meet_seal(self, seal: Any) -> None:
        """A seal speaks for its own group; what stands before that without one was not sealed."""
        mark = _mark(seal) or ""
        key_id, _, count = mark.partition(":")
        size = int(count) if count.isdecimal() and len(count) < _DIGITS else 0
        by = self._sealers.get(key_id)
        if by is None:
            first, _ = self._strangers.get(key_id, (self._seq - self._open, 0))
            self._strangers[key_id] = (first, self._seq)
        elif not _is_same(sealed(by, mark, Head(self._seq, self._hash or "")), seal):
            self.findings.found(Flaw.BAD_SEAL, self._seq - self._open, self._seq, by.id)
        else:
            self.findings.known[by.id] += 1
            self._meet_open(size - 1)
        self._open = 0

    def _meet_open(self, sealed_now: int) -> None:
        """Of the events since the last seal, all but the newest are nobody's."""
        if self._open > sealed_now:
            first = self._seq - self._open
            self.findings.found(Flaw.UNSEALED, first, first + self._open - sealed_now - 1)

    def _meet_anchor(self, seq: int, found: str) -> None:
        while self._anchors and self._anchors[-1].seq <= seq:
            anchor = self._anchors.pop()
            if anchor.seq != seq or not found.startswith(anchor.hash):
                self.findings.found(Flaw.NOT_ANCHORED, anchor.seq, anchor.seq, _shown(anchor))


def _hash_of(before: str, seq: int, event: Sequence[Any], key_id: str | None) -> str | None:
    """None where the fields are not of the kinds they were written with."""
    try:
        return linked(before, seq, event, key_id)
    except (TypeError, ValueError):
        return None


def _mark(seal: Any) -> str | None:
    return None if seal is None else str(seal).rpartition(":")[0]


def _is_same(one: str, other: Any) -> bool:
    return isinstance(other, str) and hmac.compare_digest(one.encode(), other.encode())


def _shown(anchor: Head) -> str:
    return f"{anchor.seq}:{anchor.hash}"
