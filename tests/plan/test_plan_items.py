"""Items: JSON Lines and CSV, streamed, strict, and each key met once."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import complaints, read, warnings

from bydawn.core.errors import PlanInvalid
from bydawn.core.keys import job_key
from bydawn.core.model import JobSpec, PlannedJob
from bydawn.plan import expand_items, spool
from bydawn.plan.items import LINE_LIMIT

HEAD = 'name = "p"\n[[job]]\nid = "work"\nargv = ["x", "{{ item.slug }}"]\n'
JSONL = HEAD + 'items = "r.jsonl"\nkey = ["site", "slug"]\n'
CSV = JSONL.replace("r.jsonl", "r.csv")


def jobs(folder: Path, text: str = JSONL, **said: Any) -> list[PlannedJob]:
    return list(read(folder, text, **said).jobs())


def write(folder: Path, *lines: str | bytes, name: str = "r.jsonl", end: bytes = b"\n") -> Path:
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    path = folder / name
    path.write_bytes(b"\n".join(raw) + end)
    return path


def item(site: str, slug: Any, **more: Any) -> str:
    return json.dumps({"site": site, "slug": slug, **more})


def test_an_item_becomes_a_job_named_by_its_natural_fields(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one", n=1), "", "  ", item("s", 2))
    first, second = jobs(tmp_path)
    assert first == PlannedJob(
        template="work",
        name="work/s:one",
        key=job_key("p", "", "work", ("s", "one")),
        item='{"n":1,"site":"s","slug":"one"}',
        tags="{}",
        position=0,
        place=f"{tmp_path}/r.jsonl:1",
    )
    assert (second.name, second.position, second.place) == (
        "work/s:2", 1, f"{tmp_path}/r.jsonl:4",
    )  # fmt: skip


def test_the_jobs_can_be_streamed_again(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one"), item("s", "two"))
    plan = read(tmp_path, JSONL)
    assert list(plan.jobs()) == list(plan.jobs())


def test_positions_go_on_over_the_whole_plan(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one"), item("s", "two"))
    text = JSONL + '[[job]]\nid = "last"\nargv = ["x"]\n'
    assert [job.position for job in jobs(tmp_path, text)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ('{"site": "s"', "the file ends in the middle of this line (was it still being written?)"),
        ('{"site": "s", "slug": "x", "slug": "y"}', 'the key "slug" is there twice'),
        ('{"site": "s", "slug": NaN}', "NaN is no JSON number"),
        ('{"site": "s", "slug": -Infinity}', "-Infinity is no JSON number"),
        ('{"site": "s", "slug": 1e400}', "a number no other program reads"),
        ('{"site": "s", "slug": ' + "9" * 5000 + "}", "a number no other program reads"),
        ('{"site": "s", "slug": "\\ud800"}', "half a character"),
        ("[1, 2]", "an item must be a JSON object, not a list"),
        ("null", "an item must be a JSON object, not null"),
        ("3", "an item must be a JSON object, not a number"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"site": "\xff"}', "the line is not UTF-8 (save the file as UTF-8)"),
        ('{"slug": "x"}', 'work: "site" of the key is missing (the item has "slug")'),
        ('{"site": null, "slug": "x"}', 'work: "site" of the key is null'),
        ('{"site": ["s"], "slug": "x"}', 'work: "site" of the key is a list or a table'),
        ('{"site": "", "slug": ""}', "work: every field of its key is empty"),
        ("{}", 'work: "site" of the key is missing (it is empty)'),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, bad: str | bytes, words: str) -> None:
    write(tmp_path, item("s", "one"), bad, end=b"")
    (told,) = complaints(tmp_path, JSONL)
    assert told.startswith("r.jsonl:2: ")
    assert words in told


def test_text_after_the_object_is_told(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one") + " x")
    (told,) = complaints(tmp_path, JSONL)
    assert told == ("r.jsonl:1: not JSON: Extra data at column 30 (each line is one JSON object)")


def test_a_line_without_end_is_told_and_the_next_one_still_read(tmp_path: Path) -> None:
    write(tmp_path, b"x" * (LINE_LIMIT + 10), item("s", "one"), "{")
    told = complaints(tmp_path, JSONL)
    assert [each.split(": ")[0] for each in told] == ["r.jsonl:1", "r.jsonl:3"]
    assert "longer than 4 MB" in told[0]


def test_every_bad_line_is_told_up_to_an_end(tmp_path: Path) -> None:
    write(tmp_path, *["{"] * 5)
    assert len(complaints(tmp_path, JSONL)) == 5
    write(tmp_path, *["{"] * 5_000)
    told = complaints(tmp_path, JSONL)
    assert len(told) == 101
    assert told[-1] == "r.jsonl: too many errors; the rest was not read"


def test_the_same_key_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one"), item("s", "two"), item("s", "one", n=2), item("s", "one"))
    remedy = "(site + slug must tell all items apart)"
    assert complaints(tmp_path, JSONL) == [
        f"r.jsonl:3: work: the same key as r.jsonl:1, work/s:one {remedy}",
        f"r.jsonl:4: work: the same key as r.jsonl:1, work/s:one {remedy}",
    ]


def test_look_alikes_are_one_key(tmp_path: Path) -> None:
    write(tmp_path, item("s", "caf\u00e9"), item("s", "cafe\u0301"), item("s", 1), item("s", 1.0))
    told = complaints(tmp_path, JSONL)
    assert [each.split(", ")[0] for each in told] == [
        "r.jsonl:2: work: the same key as r.jsonl:1",
        "r.jsonl:4: work: the same key as r.jsonl:3",
    ]


def test_a_collision_of_the_short_numbers_is_no_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bydawn.plan.expand._KEY_DIGITS", 1)
    write(tmp_path, *[item("s", number) for number in range(60)])
    assert {job.name for job in jobs(tmp_path)} == {f"work/s:{number}" for number in range(60)}
    write(tmp_path, *[item("s", number % 59) for number in range(60)])
    (told,) = complaints(tmp_path, JSONL)
    assert told.startswith("r.jsonl:60: work: the same key as r.jsonl:1,")


def test_a_count_that_differs_is_refused(tmp_path: Path) -> None:
    write(tmp_path, item("s", "one"))
    assert complaints(tmp_path, JSONL + "items_expect = 1\n") == []
    assert complaints(tmp_path, JSONL + "items_expect = 200\n") == [
        "r.jsonl: work: 1 items, but items_expect = 200"
    ]


def test_suspicious_keys_are_warned_of_once_a_field(tmp_path: Path) -> None:
    stamp = "2026-11-19T22:30:00Z"
    write(tmp_path, item("s", "a"), *[item("s", stamp + str(n)) for n in range(5)])
    (told,) = warnings(tmp_path, JSONL)
    assert told.startswith(f'r.jsonl:2: work: slug = "{stamp}0" looks like a moment (')


def test_templates_are_tried_with_the_first_item(tmp_path: Path) -> None:
    write(tmp_path, json.dumps({"site": "s", "slug": "x", "title": "T"}))
    text = JSONL.replace("item.slug", "item.titel")
    (told,) = complaints(tmp_path, text)
    assert told.startswith("plan.toml:4: job[0].argv[1]: the template is wrong: ")
    assert told.endswith('there is no "titel" among site, slug, title')


def test_tags_are_rendered_for_each_item(tmp_path: Path) -> None:
    write(tmp_path, item("a", "x", n=3), item("b", "y", n=4))
    tags = 'tags = { site = "{{ item.site }}", n = "n{{ item.n }}", all = "same" }\n'
    assert [job.tags for job in jobs(tmp_path, JSONL + tags)] == [
        '{"all":"same","n":"n3","site":"a"}', '{"all":"same","n":"n4","site":"b"}',
    ]  # fmt: skip


def test_an_item_whose_tag_cannot_be_rendered_is_told(tmp_path: Path) -> None:
    write(tmp_path, item("a", "x", n=3), item("b", "y"))
    assert complaints(tmp_path, JSONL + 'tags = { n = "{{ item.n }}" }\n') == [
        'r.jsonl:2: work: tags: there is no "n" among site, slug'
    ]


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("item-0001", "work/s:item-0001"),
        ("日本語", "work/s:日本語~"),
        ("a b/c", "work/s:a_b_c~"),
        ("a:b", "work/s:a_b~"),
        ("\x1b[2Jx\n", "work/s:__2Jx_~"),
        ("\u202eevil", "work/s:_evil~"),
        ("`$(rm)`", "work/s:__rm__~".replace("__rm__", "___rm__")),
        ("x" * 300, "work/s:" + "x" * 118 + "~"),
    ],
)
def test_names_are_inert_and_marked_where_they_were_changed(
    tmp_path: Path, slug: str, name: str
) -> None:
    write(tmp_path, item("s", slug))
    (job,) = jobs(tmp_path)
    assert job.name == (name + job.key[:6] if name.endswith("~") else name)


def test_csv_gives_texts_by_the_names_of_its_columns(tmp_path: Path) -> None:
    rows = [
        "\ufeffsite,slug,note",
        "s,01,plain",
        "",
        's,02,"two\nlines, and ""quotes"""',
        "s,03,x\r",
    ]
    write(tmp_path, *rows, name="r.csv")
    found = jobs(tmp_path, CSV)
    assert [json.loads(job.item or "") for job in found] == [
        {"site": "s", "slug": "01", "note": "plain"},
        {"site": "s", "slug": "02", "note": 'two\nlines, and "quotes"'},
        {"site": "s", "slug": "03", "note": "x"},
    ]
    assert [job.place.rpartition(":")[2] for job in found] == ["2", "4", "6"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["site,slug", "s"], "r.csv:2: 1 fields, but the header has 2"),
        (["site,slug", "s,x,y"], "r.csv:2: 3 fields, but the header has 2"),
        (["site,site", "s,x"], 'r.csv:1: the column "site" is there twice'),
        (["site,", "s,x"], "r.csv:1: a column has no name"),
        (["site,slug", 's,"x'], "r.csv:2: not CSV: unexpected end of data (is a quote left open?)"),
        (["site,slug", 's,"x"y'], "r.csv:2: not CSV: "),
        (["site,slug", b"s,\xff"], "r.csv:2: the line is not UTF-8"),
        (["site,slug", "s,a\0b"], "r.csv:2: "),
    ],
)
def test_what_is_no_csv_is_told(tmp_path: Path, rows: list[str | bytes], told: str) -> None:
    write(tmp_path, *rows, name="r.csv")
    (first, *_) = complaints(tmp_path, CSV)
    assert first.startswith(told)


def test_items_can_come_from_standard_input_more_than_once(tmp_path: Path) -> None:
    given = io.BytesIO(f"{item('s', 'one')}\n{item('s', 'two')}\n".encode())
    with spool(given) as stream:
        plan = read(tmp_path, JSONL.replace("r.jsonl", "-"), stdin=stream)
        names = [job.name for job in plan.jobs()]
        assert names == [job.name for job in plan.jobs()] == ["work/s:one", "work/s:two"]


def test_duplicates_on_standard_input_are_found_too(tmp_path: Path) -> None:
    with spool(io.BytesIO(f"{item('s', 'one')}\n{item('s', 'one')}\n".encode())) as stream:
        told = complaints(tmp_path, JSONL.replace("r.jsonl", "-"), stdin=stream)
    assert [each.partition(",")[0] for each in told] == ["stdin:2: work: the same key as stdin:1"]


def test_items_named_on_the_command_line_replace_those_of_the_plan(tmp_path: Path) -> None:
    other = write(tmp_path, item("s", "other"), name="other.jsonl")
    assert [job.name for job in jobs(tmp_path, items=other)] == ["work/s:other"]
    two = JSONL + JSONL.partition("\n")[2].replace('"work"', '"more"')
    told = complaints(tmp_path, two, items=other)
    assert "--items: 2 jobs of the plan have items (exactly one must)" in told


def test_items_of_an_upstream_job_are_expanded_later(tmp_path: Path) -> None:
    text = (
        'name = "p"\nper = "day"\n[[job]]\nid = "audit"\nargv = ["x"]\n[[job]]\nid = "work"\n'
        'argv = ["{{ item.anything.at.all }}"]\nkey = ["slug"]\ntags = { s = "{{ item.slug }}" }\n'
        'items = { from = "audit", file = "links.jsonl" }\n'
    )
    plan = read(tmp_path, text)
    assert [job.name for job in plan.jobs()] == ["audit"]
    spec = plan.batch.specs[1]
    assert (spec.items_from, spec.after) == (("audit", "links.jsonl"), ("audit",))
    path = write(tmp_path, item("s", "one"), item("s", "two"), name="links.jsonl")
    found = list(expand_items(spec, "p", plan.batch.edition, path))
    assert [(job.name, job.tags) for job in found] == [
        ("work/one", '{"s":"one"}'), ("work/two", '{"s":"two"}'),
    ]  # fmt: skip
    assert found[0].key == job_key("p", "2026-11-19", "work", ("one",))


def test_bad_items_of_an_upstream_job_are_refused_at_the_end(tmp_path: Path) -> None:
    path = write(tmp_path, item("s", "one"), "{", item("s", "one"))
    spec = JobSpec("work", "command", key_fields=("slug",))
    found = expand_items(spec, "p", "", path)
    assert next(found).name == "work/one"
    with pytest.raises(PlanInvalid) as caught:
        next(found)
    assert len(caught.value.complaints) == 2


def test_only_narrows_the_plan(tmp_path: Path) -> None:
    write(tmp_path, *[item("s", f"item-{number}") for number in range(20)])
    text = JSONL + '[[job]]\nid = "last"\nargv = ["x"]\n'

    def names(pattern: str) -> list[str]:
        return [job.name for job in jobs(tmp_path, text, only=pattern)]

    assert names("last") == ["last"]
    assert names("p/last") == ["last"]
    assert names("work/*-1?") == [f"work/s:item-1{number}" for number in range(10)]
    assert len(names("work")) == 20
    assert complaints(tmp_path, text, only="lost") == [
        '--only: nothing is "lost" (the jobs are work, last)'
    ]
    whole, part = read(tmp_path, text), read(tmp_path, text, only="last")
    assert whole.batch.fingerprint != part.batch.fingerprint
    assert whole.only("last").batch.fingerprint == part.batch.fingerprint


BYTES = st.binary(max_size=60) | st.text(max_size=40).map(str.encode)
TOKENS = st.lists(
    st.sampled_from(
        [b"{", b"}", b'"site"', b":", b'"s"', b",", b'"slug"', b"1", b"\n", b"null", b"[", b"]",
         b'{"site":"s","slug":"x"}\n', b"\r\n", b"\xff", b"\0", b'"', b"e9"]
    ),
    max_size=20,
).map(b"".join)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(BYTES | TOKENS, st.sampled_from([JSONL, CSV]))
def test_no_bytes_raise_anything_but_complaints(tmp_path: Path, content: bytes, text: str) -> None:
    for name in ("r.jsonl", "r.csv"):
        (tmp_path / name).write_bytes(content)
    for told in complaints(tmp_path, text):
        assert told.isprintable() or "\\" in told


def _many(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield b'{"site":"s","slug":"item-%07d","title":"some title of this very item"}\n' % number


@pytest.mark.prove
def test_twenty_thousand_items_take_no_time(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"".join(_many(20_000)))
    plan = read(tmp_path, JSONL)
    started = perf_counter()
    assert sum(1 for _ in plan.jobs()) == 20_000
    assert perf_counter() - started < 1.5, "the goal is 0.3 s; this leaves room for a busy machine"


def test_memory_depends_on_what_must_be_remembered(tmp_path: Path) -> None:
    with (tmp_path / "r.jsonl").open("wb") as stream:
        stream.writelines(_many(30_000))
    plan = read(tmp_path, JSONL)
    tracemalloc.start()
    try:
        assert sum(1 for _ in plan.jobs()) == 30_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000, "at most 100 bytes an item, and what a line takes"
