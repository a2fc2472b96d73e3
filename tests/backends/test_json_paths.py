"""The little language of paths into a JSON document."""

from __future__ import annotations

from typing import Any

import pytest

from bydawn.backends.paths import MISSING, at_path, text_at, whole_at

DOCUMENT = {"a": {"b": [{"c": 1}, {"c": "two"}]}, "0": "zero", "n": None, "t": True, "f": 3.0}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", DOCUMENT), ("a.b.0.c", 1), ("a.b.-1.c", "two"), ("a.b.2.c", MISSING),
        ("a.x.c", MISSING), ("a.b.c", MISSING), ("0", "zero"), ("n", None), ("n.x", MISSING),
    ],
)  # fmt: skip
def test_parts_pick_from_tables_and_lists(path: str, found: Any) -> None:
    assert at_path(DOCUMENT, path) == found


def test_texts_and_numbers_are_texts_and_nothing_else_is() -> None:
    assert [text_at(DOCUMENT, path) for path in ("a.b.0.c", "a.b.1.c", "n", "t", "a", "gone")] == [
        "1", "two", "", "", "", "",
    ]  # fmt: skip


def test_whole_numbers_however_they_are_written() -> None:
    document = {"i": 5, "s": "6", "f": 7.0, "x": 7.5, "w": "six", "b": True}
    assert [whole_at(document, name) for name in "isfxwb"] == [5, 6, 7, None, None, None]
