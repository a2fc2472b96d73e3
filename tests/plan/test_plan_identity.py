"""The identity of a plan: cheap, and another one whenever the batch could be another."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from planning import AT, SMALL, alone, read

from bydawn.plan import Identity, Overrides, identify, spool

TEXT = """name = "p"
per = "day"
timezone = "Asia/Tokyo"
day_starts = "12:00"
[[job]]
id = "a"
items = "r.jsonl"
key = ["slug"]
prompt_file = "p.md"
argv = ["x", "{{ set.k | default('') }}"]
expect = { json_schema = "s.json" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.toml").write_text(TEXT)
    (tmp_path / "r.jsonl").write_text('{"slug": "one"}\n')
    (tmp_path / "p.md").write_text("prompt")
    (tmp_path / "s.json").write_text("{}")
    return tmp_path


def identity(folder: Path, environment: dict[str, str] | None = None, **said: Any) -> Identity:
    found = identify(
        folder / "plan.toml", at=AT, overrides=Overrides(**said),
        environment={**alone(folder), **(environment or {})},
    )  # fmt: skip
    assert found is not None
    return found


def test_it_is_what_reading_the_plan_in_full_finds(folder: Path) -> None:
    for said in ({}, {"only": "a"}, {"sets": {"k": "v"}}, {"date": "2026-01-02"}):
        batch = read(folder, TEXT, **said).batch  # type: ignore[arg-type]
        assert identity(folder, **said) == Identity(batch.plan, batch.edition, batch.fingerprint)


def test_it_does_not_change_by_itself_or_by_the_night(folder: Path) -> None:
    first = identity(folder)
    os.utime(folder / "plan.toml", (1, 1))
    assert identity(folder) == first
    other = identity(folder, date="2026-01-02")
    assert (other.edition, other.fingerprint) == ("2026-01-02", first.fingerprint)


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "plan.toml").write_text(TEXT + "# comment\n"),
    lambda folder: (folder / "r.jsonl").write_text('{"slug": "two"}\n'),
    lambda folder: (folder / "p.md").write_text("other"),
    lambda folder: (folder / "s.json").write_text("{} "),
    lambda folder: (folder / "p.md").unlink(),
    lambda folder: (folder / "bydawn.toml").write_text("[run]\nparallel = 3\n"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_another_byte_anywhere_is_another_fingerprint(
    folder: Path, change: Callable[[Path], object]
) -> None:
    before = identity(folder).fingerprint
    change(folder)
    assert identity(folder).fingerprint != before


@pytest.mark.parametrize(
    "said",
    [
        {"sets": {"k": "v"}}, {"parallel": 3}, {"deadline": "1h"}, {"budget_usd": 3.0},
        {"only": "a"}, {"raise_cap": {"budget.usd": "3"}}, {"items": Path("/other.jsonl")},
        {"environment": {"BYDAWN_RUN__PARALLEL": "3"}},
    ],
)  # fmt: skip
def test_whatever_the_command_line_says_is_part_of_it(folder: Path, said: dict[str, Any]) -> None:
    assert identity(folder, **said).fingerprint != identity(folder).fingerprint


def test_the_rest_of_the_environment_is_no_part_of_it(folder: Path) -> None:
    assert identity(folder, {"BYDAWN_JOB": "x", "TERM": "y"}) == identity(folder)


def test_standard_input_is_part_of_it(folder: Path) -> None:
    path = folder / "plan.toml"
    path.write_text(TEXT.replace("r.jsonl", "-"))

    def of(content: bytes) -> str:
        with spool(io.BytesIO(content)) as stream:
            found = identify(
                path, at=AT, overrides=Overrides(), environment=alone(folder), stdin=stream
            )
            assert stream.tell() == 0
        assert found is not None
        return found.fingerprint

    assert of(b"one\n") == of(b"one\n") != of(b"two\n")


@pytest.mark.parametrize(
    "text",
    [
        "", "name = 3\n", 'name = "p"\nper = "night"\n', 'name = "p"\ntimezone = "X/Y"\n',
        'name = "p"\nper = "day"\nday_starts = "25:00"\n', "name = \n", 'name = "p"\nper = [1]\n',
        'name = "p"\nper = "day"\nday_starts = 3\n',
    ],
)  # fmt: skip
def test_what_is_wrong_is_left_to_the_full_reading(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    found = identify(
        tmp_path / "plan.toml", at=AT, overrides=Overrides(), environment=alone(tmp_path)
    )
    assert found is None


def test_odd_plans_do_not_break_it(tmp_path: Path) -> None:
    odd = 'name = "p"\njob = [3, { items = 3, expect = 4, prompt_file = [1] }]\ndefaults = 5\n'
    (tmp_path / "plan.toml").write_text(odd)
    assert identity(tmp_path).plan == "p"
    (tmp_path / "plan.toml").write_text('name = "p"\njob = { a = 1 }\n')
    assert identity(tmp_path).plan == "p"


def test_it_needs_no_schema_and_no_templates(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from bydawn.plan import identify, Overrides;"
        f"found = identify(Path({str(folder / 'plan.toml')!r}), at={AT}, overrides=Overrides(),"
        f" environment={alone(folder)!r});"
        "assert found and found.plan == 'p';"
        "assert not {'pydantic', 'jinja2'} & set(sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


@pytest.mark.prove
def test_twenty_thousand_items_take_no_time(tmp_path: Path) -> None:
    lines = (f'{{"site":"s","slug":"item-{n:06}","title":"a title"}}\n' for n in range(20_000))
    (tmp_path / "r.jsonl").write_text("".join(lines))
    (tmp_path / "plan.toml").write_text(SMALL + 'items = "r.jsonl"\nkey = ["slug"]\n')
    started = perf_counter()
    identity(tmp_path)
    assert perf_counter() - started < 0.3, "the goal is 60 ms; this leaves room for a busy machine"
