"""Every guard is taken away once; a slice of nights must notice, or the simulation proves nothing.

Guards that cover for one another are taken away singly in tests/store/test_guards.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from playing import play

from bydawn.app.keeping import recovering
from bydawn.core import counting, recording
from bydawn.core.decide import Act, Step, judging, launching, running
from bydawn.core.sightings import Reserved
from bydawn.core.verdicts import Judgement, Verdict
from bydawn.gates import folders, git, paths, requests
from bydawn.runner import actions, runner
from bydawn.store import (
    admission,
    claiming,
    fences,
    people,
    putting_back,
    read,
    runners,
    settling,
    store,
)
from bydawn.store.connect import CommitUnknown
from bydawn.store.writing import Written
from bydawn.testing import remote_backend
from bydawn.testing.swarms import swarm_of

pytestmark = pytest.mark.wide

Patch = pytest.MonkeyPatch
SEEDS = 2_000


def without_token(patch: Patch) -> None:
    patch.setattr(settling, "_UPDATE", settling._UPDATE.replace("AND token = ?", "AND ? >= 0"))


def without_token_and_nonce(patch: Patch) -> None:
    without_token(patch)
    text = settling._UPDATE.replace("AND nonce = ?", "AND ? IS NOT NULL")
    patch.setattr(settling, "_UPDATE", text)


def without_any_guard(patch: Patch) -> None:
    without_token_and_nonce(patch)
    text = settling._UPDATE.replace("AND state = ?", "AND ? IS NOT NULL")
    patch.setattr(settling, "_UPDATE", text)


def launches_whatever_it_finds_launching(patch: Patch) -> None:
    patch.setattr(launching, "next_step", lambda *_: Step(act=Act.LAUNCH))


def gives_tokens_out_again(patch: Patch) -> None:
    text = claiming._AS_SEEN.replace("SELECT value + 1 FROM", "SELECT 0 * value + 1 FROM")
    assert text != claiming._AS_SEEN
    patch.setattr(claiming, "_AS_SEEN", text)


def keeps_the_generation_after_a_failure(patch: Patch) -> None:
    whole = judging.next_generation
    patch.setattr(
        judging, "next_generation", lambda job: {**whole(job), "generation": job.generation}
    )


def repeats_what_vanished(patch: Patch) -> None:
    again = Judgement(Verdict.RETRY, judging.Reason.BACKOFF, counts=True)
    patch.setattr(running, "judge_lost", lambda *_: again)


def repeats_what_nobody_knows(patch: Patch) -> None:
    again = Judgement(Verdict.RETRY, judging.Reason.BACKOFF, counts=True)
    patch.setattr(launching, "judge_in_doubt", lambda *_: again)


def never_frees_a_slot(patch: Patch) -> None:
    patch.setattr(counting, "slot_change", lambda *_: {})


def forgets_what_a_silent_meter_was_charged(patch: Patch) -> None:
    patch.setattr(counting, "remember_unmetered", lambda *_: None)


def ignores_the_budget(patch: Patch) -> None:
    patch.setattr(admission, "fits", lambda *_: True)


def tells_no_events_of_what_it_writes(patch: Patch) -> None:
    patch.setattr(settling, "tell", lambda *_: None)


def lets_people_cancel_what_is_over(patch: Patch) -> None:
    patch.setattr(people, "TERMINAL", frozenset())
    patch.setattr(recording, "assert_legal", lambda *_: None)


def joins_over_runs_in_flight(patch: Patch) -> None:
    patch.setattr(read, "is_in_flight", lambda *_: False)


def believes_a_listing_at_once(patch: Patch) -> None:
    whole = remote_backend.capabilities_of
    patch.setattr(
        remote_backend,
        "capabilities_of",
        lambda kind: dataclasses.replace(whole(kind), settle_ms=0),
    )


def undercuts_retry_after(patch: Patch) -> None:
    patch.setattr(judging, "_not_before", lambda *known: known[3].now)


def adopts_from_the_living(patch: Patch) -> None:
    text = claiming._ORPHANS.replace("WHERE ended_at IS NULL", "WHERE ended_at = -1")
    patch.setattr(claiming, "_ORPHANS", text)


def reserves_without_committing_it(patch: Patch) -> None:
    """Both calls are made in one act, and a crash between them forgets the container."""
    whole = actions.Actor._reserve

    def both(actor: Any, held: Any, request: Any) -> Any:
        answer = whole(actor, held, request)
        if not isinstance(answer, Reserved):
            return answer
        return held.backend.launch(dataclasses.replace(request(), container=answer.container))

    patch.setattr(actions.Actor, "_reserve", both)
    patch.setattr(launching, "_reserving", launching._launching)


def retries_for_ever(patch: Patch) -> None:
    whole = judging.judged_move

    def judged(job: Any, event: Any, judgement: Judgement, failure: Any, around: Any) -> Any:
        if judgement.verdict is Verdict.GIVE_UP:
            judgement = Judgement(Verdict.RETRY, judging.Reason.BACKOFF, counts=True)
        return whole(job, event, judgement, failure, around)

    patch.setattr(running, "judged_move", judged)


def forgets_that_another_boot_ends_leases(patch: Patch) -> None:
    patch.setattr(runners, "has_lapsed", lambda until, _boot, now, _current: now >= until)


def trusts_its_lease_too_long(patch: Patch) -> None:
    patch.setattr(runner, "trusted_until", lambda asked, lease: asked + 20 * lease)


def takes_a_lost_commit_for_kept(patch: Patch) -> None:
    whole = store.Store.write

    def written(self: Any, turn: Any, claimer: Any) -> Any:
        try:
            return whole(self, turn, claimer)
        except CommitUnknown:
            return Written()

    patch.setattr(store.Store, "write", written)


def lets_older_claims_through_a_files_gate(patch: Patch) -> None:
    patch.setattr(paths, "admit", lambda *_: None)


def forgets_what_came_to_a_table(patch: Patch) -> None:
    patch.setattr(fences.ForeignDatabase, "has_happened", lambda *_: False)
    patch.setattr(fences.ForeignDatabase, "note", lambda *_: None)


def pushes_without_the_compare(patch: Patch) -> None:
    def push(gate: Any, _: Any, moves: list[str]) -> Any:
        return gate._ask("push", "--quiet", "--atomic", "--force", gate._remote, *moves)

    patch.setattr(git.GitGate, "_push", push)


def shows_a_folder_whatever_was_compared(patch: Patch) -> None:
    patch.setattr(folders.FolderGate, "_there", lambda _: None)
    patch.setattr(paths, "is_done", lambda *_: False)


def posts_again_where_nobody_knows(patch: Patch) -> None:
    patch.setattr(requests.RequestGate, "_refuse_doubt", lambda *_: None)


def puts_without_a_condition(patch: Patch) -> None:
    patch.setattr(requests, "_is_unanswered", lambda _: False)


def goes_back_and_gives_tokens_out_again(patch: Patch) -> None:
    patch.setattr(putting_back, "tokens_ahead", lambda *_: 0)


def goes_back_twice_to_the_same_numbers(patch: Patch) -> None:
    patch.setattr(putting_back, "tokens_ahead", lambda *_: 1 << 32)


def goes_back_and_launches_what_was_in_flight(patch: Patch) -> None:
    patch.setattr(recovering, "may_go_on", lambda *_: True)


MUTANTS = (
    without_any_guard, launches_whatever_it_finds_launching,
    gives_tokens_out_again, keeps_the_generation_after_a_failure, repeats_what_vanished,
    repeats_what_nobody_knows, never_frees_a_slot, forgets_what_a_silent_meter_was_charged,
    ignores_the_budget, tells_no_events_of_what_it_writes, lets_people_cancel_what_is_over,
    joins_over_runs_in_flight, believes_a_listing_at_once,
    undercuts_retry_after, adopts_from_the_living, retries_for_ever,
    reserves_without_committing_it, forgets_that_another_boot_ends_leases,
    trusts_its_lease_too_long, takes_a_lost_commit_for_kept,
    lets_older_claims_through_a_files_gate, forgets_what_came_to_a_table,
    pushes_without_the_compare, shows_a_folder_whatever_was_compared,
    posts_again_where_nobody_knows, puts_without_a_condition, without_token_and_nonce,
    goes_back_and_gives_tokens_out_again,
    goes_back_twice_to_the_same_numbers, goes_back_and_launches_what_was_in_flight,
)  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_night_notices(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    found = first_noticed(mutant, monkeypatch, SEEDS)
    assert found is not None, "no night noticed the missing guard"


def first_noticed(
    mutant: Callable[[Patch], None], patch: Patch, seeds: int
) -> tuple[int, str] | None:
    """The first seed of a small night that breaks an invariant, and which."""
    mutant(patch)
    for seed in range(seeds):
        try:
            play(swarm_of(seed))
        except Exception as noticed:
            return seed, str(noticed)
    return None
