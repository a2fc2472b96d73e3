"""Keys: the same for the same work, different for any other, and quick."""

from __future__ import annotations

import json
import re
import unicodedata
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core import keys

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def key(*fields: Any) -> str:
    return keys.job_key("nightly", "2026-11-19", "reshape", fields)


def test_a_key_never_changes_between_versions() -> None:
    assert keys.job_key("nightly", "2026-11-19", "audit", ()) == (
        "44eadc5cd8642db730ff4a0c8865ad9065a8a2c68115ded3a817b2f9540a88fc"
    )
    assert (
        key("s", "item-0001") == "970952648cebf84164a4ad1b6b1123ca9070fb7365507d3755fd6a9ea5a992e7"
    )


def test_where_one_field_ends_and_the_next_begins_matters() -> None:
    assert key("a:b", "c") != key("a", "b:c")
    assert key("a", "b") != key("ab")
    assert key("a", "") != key("a")
    assert key(["a", "b"]) != key("a", "b")


def test_the_plan_the_edition_and_the_job_are_part_of_it() -> None:
    seen = {
        keys.job_key("a", "b", "c", ()),
        keys.job_key("a", "", "bc", ()),
        keys.job_key("ab", "", "c", ()),
        keys.job_key("a", "b", "", ("c",)),
        keys.job_key("a", "b", "c", ("",)),
    }
    assert len(seen) == 5


def test_kinds_of_values_stay_apart() -> None:
    assert len({key(1), key("1"), key(True), key("true"), key(None), key("null"), key([1])}) == 7
    assert key(1) == key(1.0)
    assert key(0.1) != key(0)


def test_one_text_in_two_unicode_forms_is_one_key() -> None:
    assert key("caf\u00e9") == key("cafe\u0301")
    assert key("Cafe") != key("cafe")
    assert key({"caf\u00e9": 1}) == key({"cafe\u0301": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"\u00e9": 1, "e\u0301": 2}, {1: 2}])
def test_what_is_no_json_has_no_key(value: Any) -> None:
    with pytest.raises(ValueError, match=r"Out of range|another Unicode form|no text"):
        key(value)


@given(st.lists(SCALARS, max_size=4), st.lists(SCALARS, max_size=4))
def test_two_keys_are_equal_only_for_equal_fields(left: list[Any], right: list[Any]) -> None:
    same = keys.canonical(left) == keys.canonical(right)
    assert (key(*left) == key(*right)) is same


@given(VALUES)
def test_the_canonical_form_is_json_for_the_same_value(value: Any) -> None:
    text = keys.canonical(value)
    assert text.isascii()
    assert keys.canonical(json.loads(text)) == text
    assert keys.digest(value) == keys.digest(json.loads(text))


@given(st.text())
def test_unicode_forms_never_make_two_of_one(text: str) -> None:
    assert (
        key(text)
        == key(unicodedata.normalize("NFD", text))
        == key(unicodedata.normalize("NFC", text))
    )


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_launch_key_fits_every_service(revision: int, generation: int) -> None:
    launch = keys.launch_key(key("s"), revision, generation)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", launch)
    assert launch != keys.launch_key(key("s"), revision, generation + 1)
    assert launch != keys.launch_key(key("s"), revision + 1, generation)


def test_an_effect_key_keeps_through_generations_and_changes_with_the_revision() -> None:
    assert keys.effect_key(key(), 1) != keys.effect_key(key(), 2)
    assert keys.effect_key(key("a"), 1) != keys.effect_key(key("b"), 1)


@pytest.mark.parametrize(
    ("value", "look"),
    [
        ("0b1f7c56-6bd1-4c57-9f0e-2a1d3c4b5a69", "a UUID"),
        ("run-0b1f7c56-6bd1-4c57-9f0e-2a1d3c4b5a69", "a UUID"),
        ("d41d8cd98f00b204e9800998ecf8427e", "a random hexadecimal number"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a ULID"),
        ("2026-11-19T22:30:00Z", "a moment"),
        ("20261119_2230", "a moment"),
        ("export-2026-11-19 22:30", "a moment"),
        (1_763_591_400, "a moment"),
        (1_763_591_400_123, "a moment"),
        ("1763591400.25", "a moment"),
        (" slug", "text with invisible edges"),
        ("slug\u200b", "text with invisible edges"),
    ],
)
def test_random_and_time_stamped_values_are_told(value: Any, look: str) -> None:
    assert keys.suspicious(value) == look


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "item-0001",
        "2026-11-19",
        "2026-W47",
        "site-a",
        7,
        12_345_678,
        True,
        None,
        0.5,
        "old import",
        "internationalization-of-everything",
        "https://example.org/a/b",
        "日本語の題",
        "978-3-16-148410-0",
    ],
)
def test_natural_values_are_not_suspected(value: Any) -> None:
    assert keys.suspicious(value) is None


def test_twenty_thousand_keys_take_no_time() -> None:
    started = perf_counter()
    made = {key("s", f"item-{number}") for number in range(20_000)}
    assert len(made) == 20_000
    assert perf_counter() - started < 1.0, "the goal is 0.2 s; this leaves room for a busy machine"
