"""The decision at a gate: two values in, admitted, fenced or a person's question out."""

from __future__ import annotations

import pytest
from gate_contract import claim, night
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.errors import Fenced, Refused
from bydawn.core.fencing import Claim, Damaged, FenceRecord, admit, decoded, encoded, is_done

_TEXT = st.text(max_size=8)
_CLAIMS = st.builds(
    Claim,
    store=st.just("s_1"),
    subject=st.sampled_from(["nightly/a", "lease:x"]),
    token=st.integers(1, 6),
    nonce=st.sampled_from(["n", "m"]),
    edition=st.sampled_from(["", "2026-11-18", "2026-11-19"]),
    effect_key=_TEXT,
)
_RECORDS = st.builds(FenceRecord, _CLAIMS, _TEXT, st.booleans(), _TEXT)


def _is_admitted(seen: Claim, claim: Claim) -> bool:
    try:
        admit(FenceRecord(seen), claim, "t", has_history=True)
    except Fenced:
        return False
    return True


@given(_CLAIMS, _CLAIMS)
def test_of_two_different_claims_at_most_one_may_follow_the_other(one: Claim, two: Claim) -> None:
    same_number = one.token == two.token
    if (one.subject, one.edition, one.token, one.nonce) != (
        two.subject, two.edition, two.token, two.nonce,
    ) and not (same_number and one.nonce == two.nonce):  # fmt: skip
        assert not (_is_admitted(one, two) and _is_admitted(two, one))


@given(st.lists(_CLAIMS, min_size=1, max_size=12))
def test_what_is_accepted_at_a_target_of_one_subject_never_falls(claims: list[Claim]) -> None:
    seen = None
    for each in (one for one in claims if one.subject == "nightly/a"):
        if seen is None or _is_admitted(seen, each):
            if seen is not None:
                assert (each.edition, each.token) >= (seen.edition, seen.token)
            seen = each


@given(_CLAIMS)
def test_a_claim_may_follow_itself(one: Claim) -> None:
    assert _is_admitted(one, one)


_JOB, _OTHER = "a" * 64, "b" * 64


def _effect(token: int, key: str) -> Claim:
    return claim(token, "nightly/a", effect_key=key)


def test_an_earlier_revision_never_follows_a_later_one_under_whatever_token() -> None:
    """A store put back to an older state gives an old result a new token."""
    seen = FenceRecord(_effect(10, f"{_JOB}-2"))
    with pytest.raises(Fenced, match="a later revision") as told:
        admit(seen, _effect(99, f"{_JOB}-1"), "t", has_history=True)
    assert "backup" in told.value.remedy


@pytest.mark.parametrize("key", [f"{_JOB}-2", f"{_JOB}-10", f"{_OTHER}-1", "mine-1", ""])
def test_what_is_no_earlier_revision_of_the_same_job_goes_by_its_token(key: str) -> None:
    admit(FenceRecord(_effect(10, f"{_JOB}-2")), _effect(99, key), "t", has_history=True)


def test_the_first_is_let_in_only_where_nobody_was() -> None:
    admit(None, claim(1), "t", has_history=False)
    with pytest.raises(Refused, match="gate adopt t"):
        admit(None, claim(1), "t", has_history=True)


def test_an_effect_is_done_when_it_was_applied_with_this_content() -> None:
    record = FenceRecord(night(1, "2026-11-19"), "aa", applied=True)
    again = night(2, "2026-11-19")
    assert is_done(record, again, "aa")
    assert not is_done(record, again, "bb")
    assert not is_done(FenceRecord(record.claim, "aa"), again, "aa")
    assert not is_done(FenceRecord(claim(1), "aa", applied=True), claim(2), "aa")
    assert not is_done(None, again, "aa")


@given(_RECORDS)
def test_records_come_back_as_they_were(record: FenceRecord) -> None:
    assert decoded(encoded(record)) == record


@given(_RECORDS, st.data())
def test_every_changed_byte_shows(record: FenceRecord, data: st.DataObject) -> None:
    text = encoded(record).encode()
    place = data.draw(st.integers(0, len(text) - 2))
    changed = bytearray(text)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decoded(bytes(changed))
    except Damaged:
        return
    assert found == record


@given(_RECORDS, st.data())
def test_every_cut_shows(record: FenceRecord, data: st.DataObject) -> None:
    text = encoded(record)
    with pytest.raises(Damaged):
        decoded(text[: data.draw(st.integers(0, len(text) - 2))])


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"schema": "bydawn/fence/1"}', "\xff"])
def test_anything_else_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        decoded(text)
