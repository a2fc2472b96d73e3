"""``bydawn run PLAN``: record the plan, then be a runner for its batch until it is joined."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from bydawn.app.beforehand.earning import (
    note_beginning,
    note_ending,
    refuse_known_unearned,
    refuse_unearned,
)
from bydawn.app.beforehand.readying import refuse_unready_for
from bydawn.app.beforehand.room import look_for_room
from bydawn.app.place import Place
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Driven, Errand
from bydawn.app.runs.outcomes import is_over, outcome_of, refuse_if_stopped, result_of
from bydawn.app.runs.reading import identify, plan_input, read_plan
from bydawn.app.values import Face, Invocation, Ran, RunWanted
from bydawn.core.errors import Refused
from bydawn.core.model import Listing, PlannedBatch
from bydawn.store import read
from bydawn.store.recorded import is_recorded
from bydawn.store.store import Batch, Store

if TYPE_CHECKING:
    from bydawn.plan import Plan

_STAND_BY_MS = 500


def run_plan(
    place: Place, invocation: Invocation, store: Store, path: Path, wanted: RunWanted, face: Face
) -> Ran:
    """Safe to repeat: what is done stays done, what runs is joined, the rest is started."""
    refuse_if_stopped(place, store)
    place.introduce(store)
    batch, is_new = _recorded(invocation, store, path, wanted, face)
    return _noted(place, invocation, store, batch, is_new, wanted, face)


def run_planned(
    place: Place, invocation: Invocation, store: Store, planned: Plan, wanted: RunWanted, face: Face
) -> Ran:
    """As ``run_plan`` for a plan that was read already."""
    refuse_if_stopped(place, store)
    place.introduce(store)
    now, source = store.session.clock.utc_ms(), Path(planned.batch.source)
    known = store.find_batch(planned.batch.plan, planned.batch.edition)
    print_ = planned.batch.fingerprint
    if known and _is_unchanged(known, print_, None, wanted.detach, now, source):
        refuse_known_unearned(store, known, wanted)
        return _noted(place, invocation, store, known, False, wanted, face)
    batch, is_new = _opened(store, planned, wanted, face)
    return _noted(place, invocation, store, batch, is_new, wanted, face)


def _noted(
    place: Place, invocation: Invocation, store: Store, batch: Batch, is_new: bool,
    wanted: RunWanted, face: Face,
) -> Ran:  # fmt: skip
    """Go on, and write down what the night says about the plan."""
    over = is_over(store, batch)
    if not over:
        # Asked before the night counts as begun.
        refuse_unready_for(store, batch, invocation.environment, place.state_folder)
    note_beginning(store, batch, wanted)
    ran = _go_on(place, invocation, store, batch, is_new, over, wanted, face)
    if ran.outcome != "detached":
        note_ending(store, batch, wanted, ran)
    return ran


def _go_on(
    place: Place, invocation: Invocation, store: Store, batch: Batch, is_new: bool, over: bool,
    wanted: RunWanted, face: Face,
) -> Ran:  # fmt: skip
    again = _start_again(store, batch, wanted)
    already = _already_done(store, batch, is_new)
    face.opened(store, batch, already)
    if batch.paused:
        raise Refused(f"{batch.address} is paused", f"bydawn unpause {batch.address} lifts it")
    if over and not again:
        store.close_batch(batch.number)
        return outcome_of(store, batch, already)
    if again:
        refuse_unready_for(store, batch, invocation.environment, place.state_folder)
    look_for_room(place.state_folder, invocation.environment, face)
    if wanted.detach:
        return Ran(0, "detached", (), batch, already)
    driven = _drive(place, invocation, store, batch, wanted, face)
    if driven.others:
        return _left_to(driven.others, store, batch, already, face)
    return result_of(store, batch, driven, already)


def _recorded(
    invocation: Invocation, store: Store, path: Path, wanted: RunWanted, face: Face
) -> tuple[Batch, bool]:
    """The batch of this plan now. Where nothing changed since it was recorded, nothing is
    parsed."""
    overrides, now = wanted.overrides, store.session.clock.utc_ms()
    with plan_input(invocation, path, overrides) as stdin:
        found = identify(invocation, path, overrides, now, stdin)
        known = store.find_batch(found.plan, found.edition) if found else None
        full = invocation.directory / path
        only, detach = overrides.only, wanted.detach
        if known and found and _is_unchanged(known, found.fingerprint, only, detach, now, full):
            refuse_known_unearned(store, known, wanted)
            return known, False
        planned = read_plan(invocation, path, overrides, now, stdin)
        return _opened(store, planned, wanted, face)


def _opened(store: Store, planned: Plan, wanted: RunWanted, face: Face) -> tuple[Batch, bool]:
    for warning in planned.warnings:
        face.note(str(warning))
    refuse_unearned(store, planned.batch, wanted)
    only = wanted.overrides.only
    opened = store.open_batch(
        _fingerprinted(planned, only),
        Listing(planned.jobs),
        adopt_folder=wanted.adopt,
        background=wanted.detach,
        is_partial=only is not None,
    )
    return store.batch(opened.number), opened.is_new


def _is_unchanged(
    known: Batch, fingerprint: str, only: str | None, detach: bool, now: int, path: Path
) -> bool:
    of_batch = (known.source, known.fingerprint)
    is_left = known.background or not detach  # what is left to the background must say so
    return (
        only is None
        and is_left
        and is_recorded(str(path.resolve()), fingerprint, of_batch, known.deadline_at, now)
    )


def _fingerprinted(planned: Plan, only: str | None) -> PlannedBatch:
    """A part of a plan must not pass for the whole of it the next time."""
    return planned.batch if only is None else dataclasses.replace(planned.batch, fingerprint="")


def _start_again(store: Store, batch: Batch, wanted: RunWanted) -> bool:
    """What a flag asks to be done again; whether there was any."""
    numbers = read.unwell(store.session, batch.number) if wanted.retry_failed else []
    if wanted.changed:
        for state in ("succeeded", "failed", "cancelled"):
            numbers += read.changed(store.session, batch.number, state)
    for number in dict.fromkeys(numbers):
        store.retry(number, _nonce)
    return bool(numbers)


def _nonce() -> str:
    return secrets.token_hex(8)


def _already_done(store: Store, batch: Batch, is_new: bool) -> int:
    if is_new:
        return 0
    now = store.session.clock.utc_ms()
    done = read.standing(store.session, batch.number, now, None).succeeded
    if done:
        store.count_refused(batch.number, done)
    return done


def _drive(
    place: Place, invocation: Invocation, store: Store, batch: Batch, wanted: RunWanted, face: Face
) -> Driven:
    errand = Errand(
        choose=lambda: [batch.number],
        only=wanted.overrides.only or "",
        cancels=wanted.cancel_on_interrupt,
        rivals=_rivals(store, batch),
    )
    while True:
        driven = drive(place, invocation, store, errand, face)
        if not driven.others or batch.terms.if_running != "wait":
            return driven
        _stand_by(face)


def _rivals(store: Store, batch: Batch) -> frozenset[int]:
    """Batches whose live runners keep us from running, as ``if_running`` says."""
    if batch.terms.if_running == "share":
        return frozenset()
    return frozenset(other.number for other in store.batches(batch.plan) if other.closed_at is None)


def _stand_by(face: Face) -> None:
    face.turned()
    Event().wait(_STAND_BY_MS / 1000)


def _left_to(others: list[str], store: Store, batch: Batch, already: int, face: Face) -> Ran:
    """Another runner is at it: ``skip`` leaves it the work, ``fail`` says so with its code."""
    names = ", ".join(others)
    if batch.terms.if_running == "skip":
        face.note(f"{batch.address} is being run by {names}; skipped")
        return Ran(0, "skipped", (), store.batch(batch.number), already)
    raise Refused(
        f"{batch.address} is already being run by {names}", "wait for it, or use if_running"
    )
