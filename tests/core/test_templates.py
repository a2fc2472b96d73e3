"""Templates: names filled in, nothing out of reach, nothing without end."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.core.errors import TemplateError
from bydawn.core.templates import render, render_value

ITEM = {
    "site": "a",
    "n": 3,
    "title": "Hello, night",
    "items": [1, "zwei", None],
    "deep": {"x": True},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no template at all, {braces} and ${#x}", "no template at all, {braces} and ${#x}"),
        ("{{ item.site }}-{{ item['n'] }}", "a-3"),
        ("line\n{{ item.site }}\n", "line\na\n"),
        ("{{ item.items }}", '[1, "zwei", null]'),
        ("{{ item.deep }}", '{"x": true}'),
        ("{{ item.deep.x }} {{ none }}", "true null"),
        ("{{ item.title | upper }} {{ item.title.lower() }}", "HELLO, NIGHT hello, night"),
        ("{{ item.title | replace('night', 'dawn') }}", "Hello, dawn"),
        ("{{ item.items | join('+') }} {{ item.items | length }}", "1+zwei+null 3"),
        (
            "{% for each in item.items %}{{ loop.index }}:{{ each }};{% endfor %}",
            "1:1;2:zwei;3:null;",
        ),
        ("{% if item.n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% set x = item.n * 2 %}{{ x + 1 }} {{ 7 // 2 }} {{ 2 ** 10 }} {{ -x }}", "7 3 1024 -6"),
        ("{{ item.missing | default('nothing') }}", "nothing"),
        ("{{ item.site ~ item.n ~ item.deep }}", 'a3{"x": true}'),
        ('{{ "it\'s; rm -rf /" | sh }}', "'it'\"'\"'s; rm -rf /'"),
        ("{{ range(4) | map('string') | join(',') }}", "0,1,2,3"),
        (
            "{% with y = item.n %}{{ y }}{% endwith %}{{ item.items | tojson }}",
            '3[1, "zwei", null]',
        ),
    ],
)
def test_names_are_filled_in(text: str, expected: str) -> None:
    assert render(text, {"item": ITEM}) == expected


def test_an_entry_comes_before_a_method_of_the_same_name() -> None:
    assert (
        render("{{ item.items }}{{ item.copy }}", {"item": {"items": "own", "copy": 2}}) == "own2"
    )


def test_each_element_of_a_list_is_rendered_alone() -> None:
    value = {"argv": ["echo", "{{ item.title }}", "a b"], "n": 1, "{{ x }}": None}
    assert render_value(value, {"item": {"title": "two words; rm"}}) == {
        "argv": ["echo", "two words; rm", "a b"], "n": 1, "{{ x }}": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("{{ nope }}", "undefined", '"nope" is not defined'),
        ("{{ item.slug }}", "undefined", 'there is no "slug" among site, n, title, items, deep'),
        ("{{ item.site.x }}", "undefined", 'a str has no "x"'),
        ("{{ item.__class__ }}", "undefined", "is not for templates"),
        ("{{ item.site.format(1) }}", "undefined", "is not for templates"),
        ("{{ item.pop('site') }}", "undefined", "is not for templates"),
        ("{{ ''['__class__'] }}", "undefined", "is not for templates"),
        ("{{ [1] | map(attribute='__class__') | list }}", "undefined", "is not for templates"),
        ("{{ item", "syntax", "unexpected end of template"),
        ("{{ 1 | nosuch }}", "syntax", "nosuch"),
        ("{% macro f() %}{% endmacro %}", "syntax", "not part of the templates"),
        ("{% include 'x' %}", "syntax", "not part of the templates"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "syntax", "not part"),
        ("{{ '%9999999999d' % 1 }}", "failed", "does not format"),
        ("{{ item.items | map('string') }}", "failed", "is no text"),
        ("{{ item.site.upper }}", "failed", "is no text"),
        ("{{ 1 / 0 }}", "failed", "division"),
        ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "failed", "too deeply"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(text: str, kind: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, {"item": ITEM})
    assert caught.value.kind == kind
    assert words in caught.value.message


ENDLESS = [
    "{{ 'x' * 10**9 }}",
    "{{ 10**9 * 'x' }}",
    "{{ [1] * 10**9 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ range(10**9) | list }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% set x = 'a' * 1000 %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'a' * 1000 %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x == [x] }}",
    "{% with x = [1] %}" * 1 + "{% with x = [x, x] %}" * 18 + "{{ x }}" + "{% endwith %}" * 19,
    "{{ ('a' * 900000) | replace('a', 'a' * 900) }}",
    "{{ ('a' * 1999).replace('a', 'b' * 999999) }}",
    "{{ ('b' * 99999).join(range(100000) | map('string')) }}",
    "{{ range(100000) | join('b' * 99999) }}",
    "{{ range(100000) | map('string') | map('replace', '', 'x' * 1000000) | list }}",
    "{{ [1.5] | map('round', 10 ** 9) | list }}" + "{{ 'x' * 10 ** 8 }}",
    "{% for i in range(90000) %}{{ 'twelve chars' }}{% endfor %}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ '%*d' % (999999999, 1) }}",
    "{{ 'a' | center(10**9) }}",
    "{{ 'a' | indent(10**9) }}",
    "{{ lipsum(n=100000) }}",
    "{{ [1] | tojson(indent=10**9) }}",
]


@pytest.mark.parametrize("text", ENDLESS)
def test_nothing_takes_the_machine(text: str) -> None:
    started = perf_counter()
    with pytest.raises(TemplateError):
        render(text, {})
    assert perf_counter() - started < 10


def test_an_output_of_more_than_a_million_characters_is_refused() -> None:
    long = "x" * 999_999
    assert render("{{ x }}1", {"x": long}) == long + "1"
    with pytest.raises(TemplateError, match="more than 1000000"):
        render("{{ x }}12", {"x": long})


ALPHABET = st.sampled_from(
    [
        "{{", "}}", "{%", "%}", "{#", "#}", " item ", ".site", "['n']", " | join", " set x = ",
        " for i in ", "endfor", " if ", "endif", "(", ")", "[", "]", "~", "*", "**", "9", "'a'",
        "range", "\n", "-", ":", ",",
    ]
)  # fmt: skip


@given(st.lists(ALPHABET, max_size=25).map("".join))
def test_no_template_raises_anything_else(text: str) -> None:
    try:
        rendered = render(text, {"item": ITEM})
    except TemplateError:
        return
    assert isinstance(rendered, str)


@given(st.text(max_size=60))
def test_data_is_never_a_template(text: str) -> None:
    assert render("<{{ item.x }}>", {"item": {"x": text}}) == f"<{text}>"


def test_the_engine_is_loaded_only_for_templates() -> None:
    program = (
        "import sys; from bydawn.core.templates import render, render_value;"
        "render_value({'argv': ['echo', '{x}']}, {});"
        "assert 'jinja2' not in sys.modules;"
        "assert render('{{ a }}', {'a': 1}) == '1' and 'jinja2' in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )


def test_a_compiled_template_is_kept() -> None:
    names: dict[str, Any] = {"item": ITEM}
    render("{{ item.site }}/{{ item.n }}", names)
    started = perf_counter()
    for _ in range(5_000):
        render("{{ item.site }}/{{ item.n }}", names)
    assert perf_counter() - started < 2.0
