"""No secret comes through, in no form, however the pieces fall."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.redaction import RedactedStream, Redactor, is_hideable

SECRETS = [
    "sk-ant-api03-Zz9_xQ-4vT7", "hunter2!", 'with "quotes" and \\back', "p@ss w/rd+&=?#%",
    "ünïcödé-ключ-鍵", "line one of a key\nline two of a key\n", "AKIAIOSFODNN7EXAMPLE",
    "<b>&'\"</b>", "a" * 200, "tab\tand\x07bell", "0123456789", "sechs6",
]  # fmt: skip

Form = Callable[[str], str]


def coded(encode: Callable[[bytes], bytes], lead: str = "") -> Form:
    return lambda secret: encode((lead + secret).encode()).decode()


FORMS: dict[str, Form] = {
    "plain": str,
    "json": lambda secret: json.dumps({"k": secret}),
    "json, unicode kept": lambda secret: json.dumps(secret, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"k": secret})),
    "json, slashes escaped": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "repr": repr,
    "url": lambda secret: urllib.parse.quote(secret, safe=""),
    "url path": urllib.parse.quote,
    "url form": lambda secret: urllib.parse.urlencode({"k": secret}),
    "html": html.escape,
    "html, numbers": lambda secret: html.escape(secret).replace("&#x27;", "&#39;"),
    "shell": shlex.quote,
    "base64": coded(base64.b64encode),
    "base64, one in front": coded(base64.b64encode, ":"),
    "base64, two in front": coded(base64.b64encode, "u:"),
    "base64, user": coded(base64.b64encode, "user:"),
    "base64 for urls": coded(base64.urlsafe_b64encode, "x"),
    "base64 in lines": coded(base64.encodebytes),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_covered(secret: str, name: str) -> None:
    text = FORMS[name](secret)
    shown = Redactor([secret]).text(f"before {text} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "***" in shown
    for line in secret.splitlines():
        assert line not in shown


@given(
    st.lists(st.sampled_from(SECRETS), min_size=1, max_size=4, unique=True),
    st.lists(
        st.one_of(
            st.text("ab \n{}:*", max_size=8),
            st.tuples(st.sampled_from(SECRETS), st.sampled_from(sorted(FORMS))),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_pieces_are_covered_like_the_whole(
    secrets: list[str], parts: list[str | tuple[str, str]], chance: random.Random
) -> None:
    whole = "".join(
        part if isinstance(part, str) else FORMS[part[1]](part[0]) for part in parts
    ).encode()
    redactor = Redactor(secrets)
    stream, pieces, place = RedactedStream(redactor), [], 0
    while place < len(whole):
        step = chance.choice((1, 2, 7, 50))
        pieces.append(stream.feed(whole[place : place + step]))
        place += step
    shown = b"".join([*pieces, stream.close()])
    assert len(shown) == len(whole)
    assert not any(form in shown for form in redactor.forms)
    assert shown == redactor.data(whole)


@given(
    st.text(min_size=6, max_size=40).filter(lambda text: is_hideable(text)), st.text(), st.text()
)
def test_any_value_is_covered_and_its_neighbours_are_not(value: str, left: str, right: str) -> None:
    redactor = Redactor([value])
    data = (left + "\0" + value + "\0" + right).encode("utf-8", "surrogatepass")
    shown = redactor.data(data)
    assert len(shown) == len(data)
    assert value.encode("utf-8", "surrogatepass") not in shown


def test_one_secret_inside_another_is_covered_to_its_end() -> None:
    redactor = Redactor(["secret-1", "secret-1-and-more"])
    stream = RedactedStream(redactor)
    shown = stream.feed(b"x secret-1") + stream.feed(b"-and-more y") + stream.close()
    assert shown == b"x " + b"*" * 17 + b" y"


def test_secrets_that_overlap_are_covered_both() -> None:
    redactor = Redactor(["abcdefgh", "ghijklmn"])
    for cut in range(14):
        stream = RedactedStream(redactor)
        text = b"abcdefghijklmn"
        assert stream.feed(text[:cut]) + stream.feed(text[cut:]) + stream.close() == b"*" * 14


def test_ordinary_output_is_let_through_at_once() -> None:
    stream = RedactedStream(Redactor(["sk-ant-api03-Zz9_xQ-4vT7"]))
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"half of a sk-ant-") == b"half of a "
    assert stream.feed(b"hill\n") == b"sk-ant-hill\n"


@pytest.mark.parametrize("value", ["", "a", "12345", "production", "LOCALHOST"])
def test_short_and_common_values_are_left(value: str) -> None:
    redactor = Redactor([value])
    assert not redactor
    assert redactor.text(f"x{value}y") == f"x{value}y"


def test_values_in_json_keep_their_shape() -> None:
    redactor = Redactor(["123456"])
    assert redactor.value({"a": [123456, "x123456", None]}) == {"a": [123456, "x******", None]}
