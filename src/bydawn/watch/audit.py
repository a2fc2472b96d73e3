"""The audit: the chain read again from its start, and the state held against what it tells."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bydawn.core.audit import ChainReader, Fault, Findings, Flaw
from bydawn.core.chain import Head, Sealer
from bydawn.store import audit, receipts
from bydawn.store.connect import Session
from bydawn.store.store import Store
from bydawn.watch.amounts import count
from bydawn.watch.sanitise import inert, shortened

_STATES = ("queued", "launching", "running", "finishing", "succeeded", "failed", "cancelled",
           "parked")  # fmt: skip
_NUMBER_OF = {state: number for number, state in enumerate(_STATES)}
_UNKNOWN = 255
_REFUSED, _PUBLISHED = "fenced", "published"


class _Account:
    """What the events say of each job: some bytes a job, however many events."""

    def __init__(self) -> None:
        self._states = bytearray(1)
        self._attempts = array("q", (0,))
        self._tokens = array("q", (0,))
        self._published = array("q", (0,))

    def make_room(self, jobs: int) -> None:
        """There are jobs up to this number; events of others are none of ours."""
        more = jobs + 1 - len(self._states)
        if more > 0:
            self._states.extend(bytes(more))
            for each in (self._attempts, self._tokens, self._published):
                each.frombytes(bytes(8 * more))

    def take(self, row: Sequence[Any]) -> None:
        job, kind, to_state, token, attempt = row[3], row[4], row[6], row[8], row[9]
        if job is None or kind == _REFUSED:
            return
        try:
            if to_state is not None:
                self._states[job] = _NUMBER_OF.get(to_state, _UNKNOWN)
            if attempt is not None:
                self._attempts[job] = attempt
            if token is not None:
                self._tokens[job] = token
            if kind == _PUBLISHED:
                self._published[job] += 1
        except (IndexError, TypeError, OverflowError):
            return  # not what we write, so the chain does not hold there

    def agrees(self, job: int, state: str, attempts: int, token: int) -> bool:
        """Whether a row is what its events tell; asked once for each."""
        told = (self._states[job], self._attempts[job], self._tokens[job])
        self._attempts[job] = 0
        return told == (_NUMBER_OF.get(state), attempts, token)

    def left_over(self) -> Iterator[int]:
        """Jobs that were tried and that nobody asked about: their rows are gone."""
        return (job for job, attempts in enumerate(self._attempts) if attempts)

    def has_told(self, job: int, receipts: int) -> bool:
        return job < len(self._published) and receipts <= self._published[job]


def verify(store: Store, sealers: Iterable[Sealer], anchors: Iterable[Head] = ()) -> Findings:
    """Read the whole journal. Runners may go on meanwhile: only its last page and the state are
    read at one moment, so nobody waits for us."""
    session = store.session
    reader, account = ChainReader(receipts.store_id(session), sealers, anchors), _Account()
    after = 0
    while len(rows := audit.page(session, after)) == audit.PAGE:
        after = _take(session, rows, reader, account)
    with session.reading():
        while rows := audit.page(session, after):
            after = _take(session, rows, reader, account)
        findings = reader.close()
        _hold_against_state(session, account, findings)
    return findings


def _take(session: Session, rows: Sequence[Any], reader: ChainReader, account: _Account) -> int:
    account.make_room(audit.highest_job(session))
    after = 0
    for row in rows:
        if isinstance(row, int):
            reader.skip(after := row)
            continue
        after = row[0]
        reader.take(row)
        account.take(row)
    return after


def _hold_against_state(session: Session, account: _Account, findings: Findings) -> None:
    account.make_room(audit.highest_job(session))
    for number, key, *row in audit.states(session):
        if not account.agrees(number, *row):
            findings.found(Flaw.STATE, 0, 0, f"j_{key[:12]}")
    for number in account.left_over():
        findings.found(Flaw.STATE, 0, 0, f"job number {number}")
    for number, kept in audit.receipts(session):
        if not account.has_told(number, kept):
            findings.found(Flaw.STATE, 0, 0, f"a receipt of job number {number}")


_BY_ANCHOR = (Flaw.CUT, Flaw.NOT_ANCHORED)
_SAYS = {
    Flaw.CHANGED: "{events} {is} not what was written",
    Flaw.MISSING: "{events} {is} missing",
    Flaw.UNREADABLE: "{events} cannot be read",
    Flaw.BAD_SEAL: "{events} {was} written by somebody without the key {about}",
    Flaw.UNSEALED: "{events} {was} written without a key",
    Flaw.UNKNOWN_KEY: "{events} {is} sealed with {about}, a key that is not here"
    " (bydawn audit key import brings it)",
    Flaw.CUT: "{events} {is} gone: the journal was longer when {about} was noted",
    Flaw.NOT_ANCHORED: "{events} {is} not what stood there when {about} was noted",
    Flaw.STATE: "{about} is not what its events tell",
}
_ONE = {"is": "is", "was": "was"}
_MANY = {"is": "are", "was": "were"}
_SHOWN, _NOTED = 40, 32


def fault_line(fault: Fault) -> str:
    """One flaw for people."""
    first, last = fault.first, fault.last
    events = f"event {first}" if first == last else f"events {first} to {last}"
    words = _ONE if first == last else _MANY
    about = shortened(inert(fault.about), _SHOWN)
    return _SAYS[fault.flaw].format(events=events, about=about, **words)


def head_text(head: Head) -> str:
    """A head as people note it down and give it back."""
    return f"{head.seq}:{head.hash}"


def head_now(session: Session) -> str | None:
    """The end of the journal's chain, for whoever wants to hold it against the journal later."""
    found = audit.head(session)
    return head_text(found) if found else None


def head_note(head: Head) -> str:
    """The same for a page or a message; so many digits are enough to be held against."""
    return f"{head.seq}:{head.hash[:_NOTED]}"


def findings_document(findings: Findings) -> dict[str, Any]:
    """``audit verify --json``."""
    return {
        "schema": "bydawn/audit/1",
        "whole": not findings.total,
        "head": head_text(findings.head) if findings.head else None,
        "events": findings.events,
        "before_chain": findings.uncovered,
        "keys": sorted(findings.known),
        "faults": [
            {"flaw": one.flaw.value, "first": one.first, "last": one.last, "about": one.about}
            for one in findings.faults
        ],
        "faults_total": findings.total,
    }


def findings_lines(findings: Findings, anchors: int, heads_file: Path | None) -> list[str]:
    """``audit verify`` for people: the verdict first."""
    covered = count(findings.events - findings.uncovered)
    against = f"and {count(anchors)} noted heads" if anchors else "no head noted before"
    lines = [*(f"BROKEN {fault_line(one)}" for one in findings.faults)]
    if findings.total > len(findings.faults):
        lines.append(f"and {count(findings.total - len(findings.faults))} more")
    if not findings.total:
        lines.append(f"whole: {covered} events, each where and as it was written, {against}")
    if heads_file and any(one.flaw in _BY_ANCHOR for one in findings.faults):
        lines.append(f"if you put a backup back yourself: delete {heads_file}")
    if findings.uncovered:
        lines.append(f"{count(findings.uncovered)} older events are from before the chain began")
    if findings.head:
        lines.append(f"head {head_text(findings.head)}")
    return lines
