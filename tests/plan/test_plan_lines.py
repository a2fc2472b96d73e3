"""The scanner that knows on which line each key was written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.plan.lines import key_lines, line_finder

TEXT = (
    """# a comment with [[brackets]] and "quotes"
name = "x"   # more
a.b."c d" = 1
'lit' = 'it''s'
""".replace("'it''s'", "'its'")
    + """[run]
deadline = 06:30:00
text = \"\"\"
[[job]] "" ]
id = 3 \\\"""
\"\"\"
raw = '''
x = 1
'''
[[job]]
id = "a"
list = [
  1, # one ]
  { from = "x", to = [ 2,
    3 ] },
  "]",
]
[job.expect]
files = ["f"]
[[job]]
id = "b"
[[job.publish]]
from = "x"
[[job.publish]]
from = "y"
"""
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2), (("a",), 3), (("a", "b", "c d"), 3), (("lit",), 4), (("run",), 5),
        (("run", "deadline"), 6), (("run", "text"), 7), (("run", "raw"), 11),
        (("job", 0), 14), (("job", 0, "id"), 15), (("job", 0, "list", 0), 17),
        (("job", 0, "list", 1, "from"), 18), (("job", 0, "list", 1, "to", 1), 19),
        (("job", 0, "list", 2), 20), (("job", 0, "expect"), 22),
        (("job", 0, "expect", "files", 0), 23), (("job", 1, "id"), 25),
        (("job", 1, "publish", 0, "from"), 27), (("job", 1, "publish", 1, "from"), 29),
    ],
)  # fmt: skip
def test_each_key_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT.replace("deadline = 06:30:00", "deadline = 1"))
    assert key_lines(TEXT)[path] == line


def test_what_is_not_there_has_the_line_of_the_table_around_it() -> None:
    line_of = line_finder(TEXT)
    assert line_of(("job", 1, "argv")) == 24
    assert line_of(("job", 0, "expect", "nope", 3)) == 22
    assert line_of(("nope",)) is None
    assert line_of(()) is None


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = [path] if path else []
    for part, each in inner:
        found += _paths(each, (*path, part))
    return found


PIECES = st.lists(
    st.sampled_from(
        [
            "a = 1", "b.c = 'x'", '"q \\" d" = """\n[[x]]\n"""', "[t]", "[t.u]", "[[l]]",
            "[[l.m]]", "e = [1, [2,\n 3], {f = 1, g.h = 2}]", "# c", "", "i = { j = [ ] }",
            "k = '''\n]'''", "d = 1979-05-27 07:32:00", 's = "a,]}#"',
        ]
    ),
    max_size=12,
).map("\n".join)  # fmt: skip


@given(PIECES)
def test_every_key_of_any_accepted_text_has_a_line(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        key_lines(text)
        return
    lines = key_lines(text)
    for path in _paths(data):
        assert 1 <= lines[path] <= text.count("\n") + 1


@given(st.text(max_size=80))
def test_no_text_breaks_the_scanner(text: str) -> None:
    assert all(line >= 1 for line in key_lines(text).values())
