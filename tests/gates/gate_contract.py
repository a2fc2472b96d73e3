"""What every gate must do, whatever it writes to. A test class per target inherits this.

A *stand* is one target in a fresh place, with what its readers see.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from typing import Protocol

import pytest

from bydawn.core.errors import Fenced, Refused
from bydawn.core.fencing import Claim, FenceRecord
from bydawn.gates.gate import Gate, PublishError, Steps, no_steps

LEASE = "lease:site-a"


def claim(token: int, subject: str = LEASE, store: str = "s_1", **more: str) -> Claim:
    return Claim(store, subject, token, more.pop("nonce", f"nonce-{token}"), **more)


def night(token: int, edition: str) -> Claim:
    """The claim of one job of a plan at one edition."""
    return claim(token, "nightly/index", edition=edition, effect_key=f"key-{edition}-1")


class Crash(BaseException):
    """The writer died here."""


def crashing_at(point: str) -> Steps:
    def reach(passed: str) -> None:
        if passed == point:
            raise Crash(point)

    return reach


class Stand(Protocol):
    """``points``: the steps of one write, in order. ``write`` answers whether it wrote anything."""

    points: tuple[str, ...]

    def gate(self, steps: Steps = no_steps) -> Gate: ...

    def write(
        self, claim: Claim, content: str, steps: Steps = no_steps, has_history: bool = False
    ) -> bool: ...

    def read(self) -> str | None:
        """What a reader sees."""
        ...

    def everything(self) -> object:
        """The target with its fence record, to the byte."""
        ...

    def was_outrun(self, error: PublishError) -> bool:
        """Whether a write only lost every race, which its target cannot spare it."""
        ...

    def damage(self) -> None:
        """Spoil the fence record."""
        ...

    def forget(self) -> None:
        """Remove the fence record."""
        ...


class GateContract:
    """Inherit this, and give a fixture ``stand``."""

    rounds = 40

    def test_the_first_write_is_seen(self, stand: Stand) -> None:
        assert stand.write(claim(1), "one")
        assert stand.read() == "one"

    def test_a_lower_token_changes_nothing(self, stand: Stand) -> None:
        stand.write(claim(2), "two")
        before = stand.everything()
        with pytest.raises(Fenced):
            stand.write(claim(1), "one")
        assert stand.everything() == before

    def test_an_equal_token_in_other_hands_changes_nothing(self, stand: Stand) -> None:
        stand.write(claim(2), "two")
        before = stand.everything()
        with pytest.raises(Fenced):
            stand.write(claim(2, nonce="another"), "other")
        assert stand.everything() == before

    def test_the_same_claim_may_write_again(self, stand: Stand) -> None:
        stand.write(claim(2), "two")
        stand.write(claim(2), "more")
        assert stand.read() == "more"

    def test_a_higher_token_is_let_in(self, stand: Stand) -> None:
        stand.write(claim(2), "two")
        assert stand.write(claim(3), "three")
        assert stand.read() == "three"

    def test_a_successor_does_not_repeat_an_effect_that_is_there(self, stand: Stand) -> None:
        assert stand.write(claim(2, effect_key="e"), "two")
        assert not stand.write(claim(3, effect_key="e"), "two")
        assert stand.read() == "two"

    def test_the_predecessor_of_such_a_successor_is_fenced_all_the_same(self, stand: Stand) -> None:
        """The number rises, or the next effect's record shows that it did not matter."""
        stand.write(claim(2, effect_key="e"), "two")
        stand.write(claim(3, effect_key="f"), "three")
        with pytest.raises(Fenced):
            stand.write(claim(2, effect_key="e"), "two")
        assert stand.read() == "three"

    def test_last_nights_late_run_does_not_replace_tonights_file(self, stand: Stand) -> None:
        stand.write(night(5, "2026-11-19"), "tonight")
        before = stand.everything()
        with pytest.raises(Fenced):
            stand.write(night(9, "2026-11-18"), "last night")
        assert stand.everything() == before

    def test_a_newer_edition_is_let_in_under_a_lower_token(self, stand: Stand) -> None:
        stand.write(night(9, "2026-11-18"), "last night")
        stand.write(night(5, "2026-11-19"), "tonight")
        assert stand.read() == "tonight"

    def test_another_stores_target_is_a_persons_question(self, stand: Stand) -> None:
        stand.write(claim(7, store="s_other"), "theirs")
        before = stand.everything()
        with pytest.raises(Refused, match="another store"):
            stand.write(claim(8), "ours")
        assert stand.everything() == before

    def test_what_a_person_adopted_goes_on_above_the_adoption(self, stand: Stand) -> None:
        stand.write(claim(7, store="s_other"), "theirs")
        stand.gate().adopt(claim(9))
        assert stand.read() == "theirs"
        with pytest.raises(Fenced):
            stand.write(claim(8), "late")
        assert stand.write(claim(10), "ours")
        assert stand.read() == "ours"

    def test_what_a_gate_remembers_can_be_looked_at(self, stand: Stand) -> None:
        assert stand.gate().look() is None
        stand.write(claim(4), "four")
        seen = stand.gate().look()
        assert isinstance(seen, FenceRecord)
        assert seen.claim.token == 4
        assert seen.applied

    def test_no_step_of_a_write_is_left_out_of_its_points(self, stand: Stand) -> None:
        passed: list[str] = []
        stand.write(claim(1), "one", passed.append)
        assert tuple(passed) == stand.points

    def test_a_crash_between_any_two_steps_is_recovered_by_the_next(self, stand: Stand) -> None:
        tokens = itertools.count(1)
        for point in stand.points:
            old, new = f"old {point}", f"new {point}"
            stand.write(claim(next(tokens)), old)
            late, dying, successor = (next(tokens) for _ in range(3))
            with pytest.raises(Crash):
                stand.write(claim(dying, effect_key=point), new, crashing_at(point))
            assert stand.read() in (old, new), point
            if stand.read() == new:
                with pytest.raises(Fenced):
                    stand.write(claim(late), "late")
                assert stand.read() == new, point
            stand.write(claim(successor, effect_key=point), new)
            assert stand.read() == new, point
            before = stand.everything()
            with pytest.raises(Fenced):
                stand.write(claim(late), "late")
            assert stand.everything() == before, point

    def test_a_crash_in_the_recovery_of_a_crash_is_recovered(self, stand: Stand) -> None:
        tokens = itertools.count(1)
        for first, second in itertools.product(stand.points, stand.points):
            both = f"{first} then {second}"
            with pytest.raises(Crash):
                stand.write(claim(next(tokens), effect_key=both), both, crashing_at(first))
            with contextlib.suppress(Crash):
                stand.write(claim(next(tokens), effect_key=both), both, crashing_at(second))
            stand.write(claim(next(tokens), effect_key=both), both)
            assert stand.read() == both

    def test_writers_race_and_readers_see_whole_versions_in_order(self, stand: Stand) -> None:
        race = Race(stand, self.rounds)
        race.run()
        assert race.troubles == [], race.troubles
        assert race.seen == sorted(race.seen)
        assert stand.read() == version(max(race.written))


class RecordContract(GateContract):
    """For gates whose record stands at a place of its own, where it can be lost."""

    def test_a_damaged_record_is_a_persons_question(self, stand: Stand) -> None:
        stand.write(claim(1), "one")
        stand.damage()
        before = stand.everything()
        with pytest.raises(Refused, match="damaged"):
            stand.write(claim(2), "two")
        assert stand.everything() == before
        stand.gate().adopt(claim(3))
        stand.write(claim(4), "four")
        assert stand.read() == "four"

    def test_a_lost_record_at_a_target_with_history_is_a_persons_question(
        self, stand: Stand
    ) -> None:
        stand.write(claim(1), "one")
        stand.forget()
        before = stand.everything()
        with pytest.raises(Refused, match="gone"):
            stand.write(claim(2), "two", has_history=True)
        assert stand.everything() == before
        stand.gate().adopt(claim(3))
        stand.write(claim(4), "four", has_history=True)
        assert stand.read() == "four"

    def test_a_job_and_a_lease_at_one_target_are_told_apart_by_token(self, stand: Stand) -> None:
        stand.write(claim(5), "by hand")
        with pytest.raises(Fenced):
            stand.write(night(4, "2026-11-19"), "tonight")
        stand.write(night(6, "2026-11-18"), "last night")
        assert stand.read() == "last night"


def version(number: int) -> str:
    """Content that shows when half of it is another's."""
    return f"{number:06}|" * 3_000


class Race:
    """Two writers, each under ever new claims, and a reader that never rests."""

    def __init__(self, stand: Stand, rounds: int) -> None:
        self._stand, self._rounds = stand, rounds
        self._tokens = itertools.count(1)
        self._over = threading.Event()
        self.written: list[int] = []
        self.seen: list[int] = []
        self.troubles: list[str] = []

    def run(self) -> None:
        reader = threading.Thread(target=self._guarded, args=(self._read,))
        writers = [threading.Thread(target=self._guarded, args=(self._write,)) for _ in "ab"]
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        self._over.set()
        reader.join()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self.troubles.append(repr(error))

    def _write(self) -> None:
        for _ in range(self._rounds):
            token = next(self._tokens)
            try:
                self._stand.write(claim(token), version(token))
            except Fenced:
                continue
            except PublishError as error:
                # Another writer was faster at every single try; nothing was changed.
                if not self._stand.was_outrun(error):
                    self.troubles.append(str(error))
                continue
            self.written.append(token)

    def _read(self) -> None:
        while not self._over.is_set():
            content = self._stand.read()
            if content is None:
                continue
            number = int(content[:6])
            if content != version(number):
                self.troubles.append(f"half of {number}")
            self.seen.append(number)
