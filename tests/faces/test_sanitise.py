"""Untrusted text is rendered inert, whatever it is."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bydawn.watch.sanitise import fitted, inert, inert_lines, json_text, width

ANY = st.text(st.characters(codec=None), max_size=60)
HOSTILE = ["\x1b[2J", "\x1b]0;title\x07", "a\rb", "a\x9bm", "\u202egnp.exe", "\u2066x", "\ud800",
           "\u2028", "a\x00b", "\x7f", "\U000e0041", "\ufeff", "a\u00adb"]  # fmt: skip


def is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY)
@example("".join(HOSTILE))
def test_a_line_holds_nothing_a_terminal_obeys(text: str) -> None:
    assert all(map(is_harmless, inert(text)))


@given(ANY)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    harmless = "".join(filter(is_harmless, text))
    assert inert(harmless) == harmless


@given(ANY)
@example("a\r\nb\tc\rd")
def test_lines_and_tabs_stay_and_nothing_else(text: str) -> None:
    shown = inert_lines(text)
    assert all(is_harmless(character) or character in "\n\t" for character in shown)
    assert shown.count("\n") == text.count("\n")
    assert shown.count("\t") == text.count("\t")


def test_tricks_are_made_visible() -> None:
    assert inert("ok\r\x1b[31mFAILED") == "ok\\r\\x1b[31mFAILED"
    assert inert("\u202ecod.exe") == "\\u202ecod.exe"
    assert inert_lines("one\r\ntwo\rthree") == "one\ntwo\\rthree"


def test_names_of_the_world_stay_readable() -> None:
    assert inert("記事\u3000ä é 🌅") == "記事\u3000ä é 🌅"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_in_json_and_still_exact(text: str) -> None:
    line = json_text({"name": text})
    assert all(map(is_harmless, line))
    assert json.loads(line) == {"name": text}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_is_one_line_and_says_the_same(value: object) -> None:
    line = json_text(value)
    assert "\n" not in line
    assert _same(json.loads(line), value)


def _same(found: object, value: object) -> bool:
    """Lone surrogates in a row may join; nothing else may change."""
    return json.dumps(found) == json.dumps(json.loads(json.dumps(value)))


def test_json_has_no_words_that_are_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))


@given(ANY.map(inert), st.integers(1, 80))
def test_a_fitted_line_fits(text: str, columns: int) -> None:
    assert width(fitted(text, columns)) <= columns


def test_wide_characters_count_twice() -> None:
    assert width("記事") == 4
    assert fitted("記事記事", 5) == "記事…"
