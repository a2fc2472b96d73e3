"""Whatever is in a plan file: a plan, or complaints, soon; never anything else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from time import perf_counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning import AT, alone, complaints

from bydawn.plan import Overrides, identify

QUIET = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
    deadline=None,
)
SOON_S = 5.0


def _survives(folder: Path, content: bytes) -> None:
    (folder / "plan.toml").write_bytes(content)
    started = perf_counter()
    told = complaints(folder, content)
    identify(folder / "plan.toml", at=AT, overrides=Overrides(), environment=alone(folder))
    assert perf_counter() - started < SOON_S
    assert len(told) == len(set(told))


@QUIET
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    _survives(tmp_path, content)


KEYS = [
    "schema", "name", "per", "timezone", "day_starts", "keep", "run", "budget", "pools", "defaults",
    "backends", "job", "notify", "schedule", "autonomy", "parallel", "deadline", "usd", "tokens",
    "tags", "timeout", "stall", "retries", "backoff", "initial", "max", "id", "backend", "argv",
    "shell", "cwd", "env", "pass_env", "prompt", "prompt_file", "items", "from", "file", "key",
    "after", "when", "expect", "files", "json_schema", "matches", "publish", "check", "script",
    "takes", "ends", "call", "pool", "type", "submit", "poll", "x y", "",
]  # fmt: skip
TEXTS = st.sampled_from(
    ["a", "b", "p", "1h", "0s", "06:30", "none", "day", "UTC", "Asia/Tokyo", "command", "python",
     "scripted", "m:f", "{{ item.x }}", "{{", "{% for i in range(9) %}", "r.jsonl", "-",
     "/dev/zero", "..", "", "ok", "exit 3", "all_done", "\0", "\x1b[2J", "plan.toml", "(",
     "env:X", "."]
)  # fmt: skip
LEAVES = st.one_of(
    TEXTS, st.integers(-(2**70), 2**70), st.booleans(), st.floats(), st.dates(), st.times()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
JOB = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8).map(
    lambda table: {"id": "a", "argv": ["x"], **table}
)
PLANS = st.builds(
    lambda top, jobs: {"name": "p", **top, "job": jobs},
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
    st.lists(JOB, min_size=1, max_size=3),
)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(
            each if each.isprintable() and each not in '"\\' else f"\\u{ord(each):04x}"
            for each in value
        )
        return f'"{escaped}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


@QUIET
@given(PLANS)
def test_any_plan_made_of_the_right_words(tmp_path: Path, plan: dict[str, Any]) -> None:
    text = "".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in plan.items())
    tomllib.loads(text)
    (tmp_path / "r.jsonl").write_text('{"x": 1, "a": "b"}\n{"x": 2}\n')
    _survives(tmp_path, text.encode())


@QUIET
@given(st.data())
def test_a_good_plan_with_something_changed(tmp_path: Path, data: st.DataObject) -> None:
    from test_plan_reading import FULL

    start = data.draw(st.integers(0, len(FULL)))
    cut = data.draw(st.integers(0, 30))
    put = data.draw(st.sampled_from(["", "\n", '"', "[", "]]", "= 1\n", "{{", "x", "'", "#", "\\"]))
    _survives(tmp_path, (FULL[:start] + put + FULL[start + cut :]).encode())
