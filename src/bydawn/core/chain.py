"""The hash chain over events: each holds the hash of all before it, and the last of each group that
was written at once holds a seal, made with a key that jobs do not have.

The chain shows every edit, gap and swap to anybody who has one later hash; the seals show a chain
that was made anew by somebody without the key. Hashes are sha256 and seals HMAC-SHA256, over texts
in which every part says how long it is.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

_DOMAIN = "bydawn/journal/1"
_SEAL_DOMAIN = "bydawn/seal/1"
_SEAL_DIGITS = 32
_NOTHING = "-"


class Head(NamedTuple):
    """The end of a chain: its last event and that one's hash."""

    seq: int
    hash: str


class Sealer(NamedTuple):
    """A key and what it is called; the name tells nothing about the key."""

    id: str
    key: bytes


def sealer(key: bytes) -> Sealer:
    """The key under the name that follows from it."""
    return Sealer(f"k_{sha256(b'bydawn/audit-key/1 ' + key).hexdigest()[:12]}", key)


def start(store_id: str, seq: int) -> Head:
    """Where the chain of a store begins: behind an event that it does not cover, or behind 0."""
    return Head(seq, sha256(f"{_DOMAIN} {_framed(store_id)} {seq}".encode()).hexdigest())


def linked(before: str, seq: int, event: Sequence[Any], mark: str | None = None) -> str:
    """The hash of an event behind another's. ``event`` is at, batch, job, kind, from, to, reason,
    token, attempt, runner, detail; ``mark`` is the open part of its seal, where it has one."""
    at, batch, job, kind, from_state, to_state, reason, token, attempt, runner, detail = event
    words = _words(kind, from_state, to_state, reason, runner)
    rest = _NO_REST if mark is None and detail is None else _rest(mark, detail)
    text = f"{before} {seq!r} {at!r} {batch!r} {job!r} {token!r} {attempt!r} {words} {rest}"
    return sha256(text.encode()).hexdigest()


def _rest(mark: str | None, detail: str | None) -> str:
    return f"{_framed(mark)} {_NOTHING if detail is None else len(detail)}:{detail}"


def mark_of(by: Sealer, count: int) -> str:
    """The open part of a seal: whose it is, and for how many events up to its own it speaks."""
    return f"{by.id}:{count}"


def sealed(by: Sealer, mark: str, head: Head) -> str:
    """A seal: its open part, and what only a holder of the key can say about it and the head."""
    text = f"{_SEAL_DOMAIN} {mark} {head.seq} {head.hash}"
    return f"{mark}:{hmac.digest(by.key, text.encode(), 'sha256').hex()[:_SEAL_DIGITS]}"


def chained(
    head: Head, events: Sequence[Sequence[Any]], by: Sealer | None
) -> tuple[Head, list[tuple[Any, ...]]]:
    """The head behind a group of events, and their rows: number, event, hash, seal."""
    rows: list[tuple[Any, ...]] = []
    seq, before = head
    for event in events[:-1]:
        seq += 1
        before = linked(before, seq, event)
        rows.append((seq, *event, before, None))
    mark = mark_of(by, len(events)) if by else None
    head = Head(seq + 1, linked(before, seq + 1, events[-1], mark))
    seal = sealed(by, mark, head) if by and mark else None
    return head, [*rows, (head.seq, *events[-1], head.hash, seal)]


@lru_cache(maxsize=4096)
def _words(*words: str | None) -> str:
    """Words with their lengths; kinds, states and runners come together again and again."""
    return " ".join(map(_framed, words))


def _framed(text: str | None) -> str:
    return _NOTHING if text is None else f"{len(text)}:{text}"


_NO_REST = _rest(None, None)
