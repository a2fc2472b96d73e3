"""Every mistake a plan can have, in the exact words people see, with its line."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest
from planning import SMALL, complaints, read, warnings

from bydawn.core.errors import PlanInvalid

_BLOCKS = Path(__file__).with_name("complaints.txt").read_text().split("=====\n")
CASES = [tuple(block.split("-----\n")) for block in _BLOCKS]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=range(len(CASES)))
def test_each_mistake_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert complaints(tmp_path, text) == expected.splitlines()


def test_the_form_of_a_complaint_is_a_promise(tmp_path: Path) -> None:
    text = 'name = "p"\n' + '[[job]]\nid = "{}"\nargv = ["x"]\n' * 4 + 'timout = "1h"\n'
    jobs = text.format("a", "b", "c", "d")
    expected = 'plan.toml:14: job[3].timout: unknown key (did you mean "timeout"?)'
    assert complaints(tmp_path, jobs) == [expected]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """name = "All"
per = "night"
[run]
paralel = 3
lease = "1s"
[[job]]
id = "a"
argv = ["{{ nope }}"]
pool = "gone"
after = ["b"]
[[job]]
id = "b"
backend = "pyhton"
retries = -1
after = ["a"]
[[job]]
id = "c"
prompt_file = "gone.md"
"""
    told = complaints(tmp_path, text)
    lines = [int(each.split(":")[1]) for each in told]
    assert lines == sorted(lines)
    assert [each.split(": ")[1] for each in told] == [
        "name", "per", "run.paralel", "run.lease", "job[0].argv[0]", "job[0].pool",
        "job[0].after", "job[1].backend", "job[1].retries", "job[2]", "job[2].prompt_file",
    ]  # fmt: skip


def test_the_count_is_told_and_that_nothing_was_started(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as caught:
        read(tmp_path, SMALL + 'retries = -1\ntimout = "1h"\n')
    assert caught.value.summary == "2 errors. Nothing was started."
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b'name = "p"\nname = "q"\n', 2, "not TOML"),
        (b"name = \n", 1, "not TOML"),
        (b'name = "p"\n[[job]\n', 2, "not TOML"),
        (b'name = "p"\n\nx = [\n', 3, "not TOML"),
        (b'name = "p', 1, "not TOML"),
        (b'\xef\xbb\xbfname = "p"\n', 1, "byte order mark"),
        (b'name = "p"\n# \xff\n', 2, "not UTF-8"),
        (b'name = "p"\n\0', 2, "NUL"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(
    tmp_path: Path, content: bytes, line: int, words: str
) -> None:
    (told,) = complaints(tmp_path, content)
    assert told.startswith(f"plan.toml:{line}: ")
    assert words in told


def test_deep_nesting_is_a_complaint(tmp_path: Path) -> None:
    (told,) = complaints(tmp_path, "x = " + "[" * 100_000)
    assert "plan.toml" in told


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    from planning import AT, BACKENDS, alone

    from bydawn.plan import Overrides, read_plan

    (tmp_path / "nightly.toml").write_text(SMALL)
    (tmp_path / "folder").mkdir()
    cases = {
        "nightyl.toml": 'there is no such file (did you mean "nightly.toml"?)',
        "no/x.toml": "there is no such file (there is no folder",
        "folder": "it is not a regular file",
        "nightly.toml/x": "it cannot be opened",
        "bad\0name": "it cannot be opened",
    }
    for name, words in cases.items():
        with pytest.raises(PlanInvalid) as caught:
            read_plan(
                tmp_path / name, at=AT, overrides=Overrides(), environment=alone(tmp_path),
                backends=BACKENDS,
            )  # fmt: skip
        assert words in str(caught.value)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    text = SMALL + 'items = "pipe"\nkey = ["x"]\n'
    assert complaints(tmp_path, text) == [
        "plan.toml:5: job[0].items: pipe: it is not a regular file"
    ]


def test_a_plan_without_end_is_refused(tmp_path: Path) -> None:
    (told,) = complaints(tmp_path, b"#" * 8_000_001)
    assert "larger than 8 MB" in told


def test_a_very_long_chain_of_jobs_is_no_circle(tmp_path: Path) -> None:
    jobs = [f'[[job]]\nid = "j{n}"\nargv = ["x"]\nafter = ["j{n + 1}"]\n' for n in range(3_000)]
    text = 'name = "p"\n' + "".join(jobs) + '[[job]]\nid = "j3000"\nargv = ["x"]\n'
    assert complaints(tmp_path, text) == []


def test_thousands_of_mistakes_are_told_soon(tmp_path: Path) -> None:
    jobs = (f'[[job]]\nid = "j{n}"\nargv = ["x"]\nretries = -1\n' for n in range(2_000))
    started = perf_counter()
    assert len(complaints(tmp_path, 'name = "p"\n' + "".join(jobs))) == 2_000
    assert perf_counter() - started < 10


def test_two_circles_are_both_told(tmp_path: Path) -> None:
    def job(name: str, *after: str) -> str:
        waits = ", ".join(f'"{each}"' for each in after)
        return f'[[job]]\nid = "{name}"\nargv = ["x"]\nafter = [{waits}]\n'

    text = 'name = "p"\n' + job("a", "b") + job("b", "a") + job("c", "d", "a") + job("d", "c")
    told = complaints(tmp_path, text)
    assert len(told) == 2
    assert any("a -> b -> a" in each or "b -> a -> b" in each for each in told)
    assert any("c -> d -> c" in each or "d -> c -> d" in each for each in told)


def test_a_stall_beyond_the_timeout_is_a_warning(tmp_path: Path) -> None:
    text = 'name = "p"\n[[job]]\nid = "a"\nargv = ["x"]\nstall = "2h"\n'
    assert warnings(tmp_path, text) == [
        "plan.toml:5: job[0].stall: it never comes: the timeout is 1h",
    ]


@pytest.mark.parametrize(
    ("shell", "warned"),
    [
        ("echo {{ item.x }}", True),
        ("echo {{ item.x | upper }} {{ item.x | sh }}", True),
        ("cat {{ results['b'] }}", True),
        ("echo {{ previous.error }}", True),
        ("echo {{ item.x | sh }} {{ item.x|sh }}", False),
        ("echo {{ edition }} {{ plan.dir }} $HOME", False),
    ],
)
def test_data_in_a_shell_wants_quotes(tmp_path: Path, shell: str, warned: bool) -> None:
    (tmp_path / "r.jsonl").write_text('{"x": "y"}\n')
    text = (
        f'name = "p"\n[[job]]\nid = "b"\nargv = ["x"]\n[[job]]\nid = "a"\nshell = "{shell}"\n'
        'items = "r.jsonl"\nkey = ["x"]\nafter = ["b"]\n'
    )
    remedy = "(write {{ item.name | sh }}, or use argv)"
    told = f"plan.toml:7: job[1].shell: data goes into the shell without quotes {remedy}"
    assert warnings(tmp_path, text) == ([told] if warned else [])


def test_no_items_at_all_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("\n")
    text = SMALL + 'items = "r.jsonl"\nkey = ["x"]\n'
    assert warnings(tmp_path, text) == ["r.jsonl: one: there are no items in it"]


def test_hostile_names_cannot_move_a_cursor(tmp_path: Path) -> None:
    text = SMALL + '"\\u001b[2J\\u202e" = 1\npool = "x"\n"after\\nname" = 3\n'
    for told in complaints(tmp_path, text):
        assert told.isprintable()
