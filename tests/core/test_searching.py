"""A secret is found in what is to leave, in every form, however the pieces fall."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import pytest
from test_redaction import FORMS, SECRETS

from bydawn.core.searching import Search, looks_secret

NAMES = {f"SECRET_{number}": secret for number, secret in enumerate(SECRETS)}


def pieces_of(data: bytes, chance: random.Random) -> list[bytes]:
    """Cut anywhere, into pieces of any size."""
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(9)))
    return [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_and_named(name: str, form: str) -> None:
    search, chance = Search({name: NAMES[name]}), random.Random(form)
    data = f"before {FORMS[form](NAMES[name])} after".encode()
    for _ in range(20):
        assert search.found_in(pieces_of(data, chance)) == name


def test_at_every_place_a_piece_can_end() -> None:
    data = f"a page\n{SECRETS[0]}\nits end".encode()
    search = Search(NAMES)
    for at in range(len(data)):
        assert search.found_in((data[:at], data[at:])) == "SECRET_0"
    assert search.found_in(bytes((byte,)) for byte in data) == "SECRET_0"


def test_nothing_is_found_where_nothing_is() -> None:
    search = Search(NAMES)
    assert search.found_in([b"a page about keys", b"", b"and tokens" * 1000]) is None
    assert search.found_in(()) is None
    assert Search({"MODE": "testing", "PIN": "1234"}).found_in([b"testing 1234"]) is None


def test_what_frames_every_key_is_no_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----\n"
    search = Search({"KEY": key})
    assert search.found_in([b"it begins with -----BEGIN PRIVATE KEY-----"]) is None
    assert search.found_in([b"and goes on with MIIEvQIBADANBgkq"]) == "KEY"


def test_memory_does_not_grow_with_what_is_searched() -> None:
    search, chunk = Search(NAMES), bytes(1 << 16)
    tracemalloc.start()
    try:
        assert search.found_in(itertools.repeat(chunk, 300)) is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_values_are_not_shown() -> None:
    assert SECRETS[0] not in repr(Search(NAMES))


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        ("sk-live-49x-correct-horse", True),
        ("p@ss w/9x&=?#-and-so-on", True),
        ("postgres://me:pa55@db.example/nightly", True),
        ("https://example.com/a/rather/long/page-1", False),
        ("/srv/site/2026-11-19/pages", False),
        ("hello to everybody, 12 of us", False),
        ("night-and-day-for-ever", False),
        ("short-1", False),
    ],
)
def test_what_looks_secret(value: str, is_so: bool) -> None:
    assert looks_secret(value) is is_so
