"""What a good plan comes to: defaults, specifications, terms, editions."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planning import AT, BACKENDS, SMALL, complaints, read

from bydawn.core.errors import PlanInvalid
from bydawn.core.keys import job_key
from bydawn.core.model import (
    Backoff,
    BatchTerms,
    Bound,
    Effects,
    Expect,
    JobSpec,
    Limits,
    OnDoubt,
    PlannedJob,
    Pool,
    Publication,
    When,
)
from bydawn.core.offers import Offer
from bydawn.core.sightings import Guarantee
from bydawn.plan import json_schema
from bydawn.plan.specs import BACKEND_FIELDS

MINUTE = 60_000


def spec(folder: Path, text: str, **said: Any) -> JobSpec:
    return read(folder, text, **said).batch.specs[0]


def test_a_small_plan_gets_every_default(tmp_path: Path) -> None:
    plan = read(tmp_path, SMALL)
    assert plan.batch.specs == (JobSpec("one", "command", {"argv": ["true"]}),)
    assert plan.batch.terms == BatchTerms()
    assert (plan.batch.plan, plan.batch.edition, plan.batch.address) == ("small", "", "small")
    assert (plan.batch.folder, plan.batch.source) == (str(tmp_path), f"{tmp_path}/plan.toml")
    assert plan.batch.deadline_at is None
    assert plan.warnings == ()
    key = job_key("small", "", "one", ())
    assert list(plan.jobs()) == [
        PlannedJob("one", "one", key, None, "{}", 0, f"{tmp_path}/plan.toml:2")
    ]


FULL = """
schema = 1
name = "nightly"
per = "day"
timezone = "Asia/Tokyo"
day_starts = "12:00"
keep = "30d"
[run]
parallel = 12
deadline = "06:30"
on_deadline = "finish"
allow_failures = "5%"
if_running = "wait"
lease = "1m"
[budget]
usd = 12.5
tokens = 6_000_000
launches = 40
unknown_price = "tokens-only"
[pools]
gemini = { parallel = 4, per_minute = 60 }
git = 1
[defaults]
timeout = "45m"
stall = "15m"
budget = { usd = 1.50, tokens = 800_000 }
tags = { kind = "article" }
env = { LANG = "C" }
backoff = { initial = "1s" }
[[job]]
id = "one"
model = "m"
prompt_file = "prompts/one.md"
argv = ["agent", "{{ job.prompt }}", "{{ env.TOKEN }}", "{{ set.site }}"]
cwd = "sub"
pass_env = ["TOKEN"]
env = { MORE = "x" }
pool = "gemini"
tags = { site = "a" }
usual = "24m"
priority = 3
grace = "0s"
retries = 0
backoff = { max = "5m" }
budget = { tokens = 5 }
effects = "gated"
on_doubt = "relaunch"
approve = true
permanent_exit = [3]
check = ["python3", "{{ plan.dir }}/check.py"]
check_timeout = "1m"
expect = { files = ["a.json"], min_bytes = 2, json_schema = "s.json", matches = "^x", allow_empty = false }
publish = [{ from = "a.json", file = "public/{{ edition }}.json" }, { from = "b", file = "/abs/b" }]
[[job]]
id = "two"
backend = "python"
call = "pack.mod:one"
after = ["one"]
when = "any_succeeded"
stall = "none"
[[job]]
id = "three"
backend = "scripted"
script = [{ takes = "1s", ends = "exit 3" }, { result = [1], usage = { input_tokens = 4 }, cost_usd = 0.1 }]
"""  # noqa: E501


@pytest.fixture
def full(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.md").write_text("Write about {{ set.site }}\n")
    (tmp_path / "s.json").write_text('{"type": "object"}')
    return tmp_path


def test_a_full_plan_says_it_all(full: Path) -> None:
    plan = read(full, FULL, sets={"site": "a"})
    first, second, third = plan.batch.specs
    assert first == JobSpec(
        id="one",
        backend="command",
        payload={
            "model": "m",
            "prompt": "Write about {{ set.site }}\n",
            "env": {"LANG": "C", "MORE": "x"},
            "pass_env": ["TOKEN"],
            "argv": ["agent", "{{ job.prompt }}", "{{ env.TOKEN }}", "{{ set.site }}"],
            "cwd": f"{full}/sub",
        },
        limits=Limits(45 * MINUTE, 0, 15 * MINUTE, MINUTE),
        retries=0,
        backoff=Backoff(1_000, 5 * MINUTE),
        bound=Bound(1_500_000, 5, None),
        effects=Effects.GATED,
        on_doubt=OnDoubt.RELAUNCH,
        expect=Expect(("a.json",), 2, {"type": "object"}, "^x", False),
        check=("python3", "{{ plan.dir }}/check.py"),
        publish=(
            Publication("a.json", "file", f"{full}/public/{{{{ edition }}}}.json"),
            Publication("b", "file", "/abs/b"),
        ),
        approve=True,
        permanent_exit=(3,),
        pool="gemini",
        priority=3,
        usual_ms=24 * MINUTE,
        sets={"site": "a"},
        tags={"kind": "article", "site": "a"},
    )
    assert (second.after, second.when) == (("one",), When.ANY_SUCCEEDED)
    assert (second.limits.stall_ms, second.payload) == (
        None, {"env": {"LANG": "C"}, "call": "pack.mod:one"},
    )  # fmt: skip
    assert third.payload == {
        "script": [
            {"takes_ms": 1_000, "ends": "exit 3"},
            {"takes_ms": 0, "ends": "ok", "result": [1], "usage": {"input_tokens": 4},
             "cost_usd": 0.1},
        ]
    }  # fmt: skip
    assert plan.batch.terms == BatchTerms(
        parallel=12,
        deadline="06:30",
        on_deadline="finish",
        allow_failures="5%",
        if_running="wait",
        lease_ms=MINUTE,
        keep_ms=30 * 86_400_000,
        bound=Bound(12_500_000, 6_000_000, 40),
        unknown_price="tokens-only",
        pools=(Pool("gemini", 4, 60), Pool("git", 1, None)),
        timezone="Asia/Tokyo",
        day_starts_ms=12 * 60 * MINUTE,
    )


def test_the_edition_and_the_deadline_are_read_in_the_zone_of_the_plan(full: Path) -> None:
    plan = read(full, FULL, sets={"site": "a"})  # 23:53 in Tokyo
    assert plan.batch.address == "nightly@2026-11-19"
    assert plan.batch.deadline_at == AT + (6 * 60 + 36) * MINUTE + 40_000
    later = read(full, FULL, sets={"site": "a"}, at=AT + 3 * 60 * MINUTE)
    assert later.batch.address == "nightly@2026-11-19"
    assert later.batch.deadline_at == plan.batch.deadline_at


def test_a_date_names_the_edition(full: Path) -> None:
    plan = read(full, FULL, sets={"site": "a"}, date="2026-01-02")
    assert plan.batch.edition == "2026-01-02"
    assert next(plan.jobs()).key == job_key("nightly", "2026-01-02", "one", ())
    assert complaints(full, FULL, sets={"site": "a"}, date="tomorrow") == [
        'plan.toml: edition: "tomorrow" is no day; write one like "2026-11-19" (see --date)'
    ]
    assert "no editions" in complaints(full, SMALL, date="2026-11-19")[0]


def test_a_value_set_enters_the_payload_and_not_the_key(tmp_path: Path) -> None:
    text = SMALL.replace('"true"', '"{{ set.k }}"')
    one, other = (read(tmp_path, text, sets={"k": value}) for value in "ab")
    assert next(one.jobs()).key == next(other.jobs()).key
    assert one.batch.specs != other.batch.specs
    assert one.batch.fingerprint != other.batch.fingerprint


def test_values_of_the_environment_are_never_stored(tmp_path: Path) -> None:
    text = SMALL.replace('"true"', '"{{ env.TOKEN }}"') + 'pass_env = ["TOKEN"]\n'
    plan = read(tmp_path, text, environment={"TOKEN": "planted-secret"})
    assert "planted-secret" not in repr((plan, list(plan.jobs())))


def test_a_job_overrides_the_default_it_excludes(tmp_path: Path) -> None:
    text = 'name = "p"\n[defaults]\nargv = ["x"]\nprompt = "p"\n[[job]]\nid = "a"\nshell = "y"\n'
    assert spec(tmp_path, text).payload == {"prompt": "p", "shell": "y"}


def test_defaults_of_another_backend_are_left_out(tmp_path: Path) -> None:
    text = (
        'name = "p"\n[defaults]\nargv = ["x"]\ncwd = "y"\n[[job]]\nid = "a"\nbackend = "scripted"\n'
    )
    assert spec(tmp_path, text).payload == {"script": [{"takes_ms": 0, "ends": "ok"}]}


def test_effects_come_from_the_backend_unless_the_job_says(tmp_path: Path) -> None:
    from planning import alone

    from bydawn.plan import Overrides, read_plan

    path = tmp_path / "plan.toml"
    path.write_text(SMALL + '[[job]]\nid = "two"\nargv = ["x"]\neffects = "gated"\n')
    plan = read_plan(
        path, at=AT, overrides=Overrides(), environment=alone(tmp_path),
        backends={**BACKENDS, "command": replace(BACKENDS["command"], default_effects="none")},
    )  # fmt: skip
    assert [each.effects for each in plan.batch.specs] == [Effects.NONE, Effects.GATED]


def test_a_backend_the_caller_knows_is_accepted_with_what_it_takes(tmp_path: Path) -> None:
    from planning import alone

    from bydawn.plan import Overrides, read_plan

    path = tmp_path / "plan.toml"
    path.write_text('name = "p"\n[[job]]\nid = "a"\nbackend = "mine"\nargv = ["x"]\n')
    plan = read_plan(
        path, at=AT, overrides=Overrides(), environment=alone(tmp_path),
        backends={"mine": Offer("mine", lambda _: Guarantee.BLIND, "none", BACKEND_FIELDS)},
    )  # fmt: skip
    assert plan.batch.specs[0].effects is Effects.NONE


def test_a_costless_job_needs_no_bound(tmp_path: Path) -> None:
    text = 'name = "p"\n[budget]\nusd = 5\ntokens = 9\n' + SMALL.partition("\n")[2]
    assert len(complaints(tmp_path, text)) == 2
    assert complaints(tmp_path, text + "budget = { usd = 0 }\n") == []
    assert complaints(tmp_path, text + "budget = { usd = 1, tokens = 9 }\n") == []


def test_names_known_only_later_are_stood_in_for(tmp_path: Path) -> None:
    text = SMALL.replace(
        '"true"',
        '"{{ draft }}{{ key }}{{ effect_key }}{{ launch_key }}{{ attempt + 1 }}", '
        '"{{ previous.error }}", "{{ results[\'two\'].links[0].url }}", '
        '"{{ batch }}{{ edition }}", '
        "\"{{ results['two'].count + 1 }}\", \"{% for x in results['two'] %}{{ x }}{% endfor %}\", "
        '"{{ job.id }}{{ job.name }}{{ plan.dir }}"',
    )
    assert complaints(tmp_path, text + 'after = ["two"]\n[[job]]\nid = "two"\nargv = ["x"]\n') == []


def test_a_folder_that_looks_like_a_template_is_not_rendered(tmp_path: Path) -> None:
    odd = tmp_path / "{{ odd }}"
    odd.mkdir()
    text = SMALL + 'cwd = "x"\npublish = [{ from = "a", file = "b" }]\n'
    found = spec(odd, text)
    assert found.payload["cwd"] == "{{ plan.dir }}/x"
    assert found.publish[0].target == "{{ plan.dir }}/b"


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000])
def test_a_schema_file_must_be_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    (told,) = complaints(tmp_path, SMALL + 'expect = { json_schema = "s.json" }\n')
    assert told.startswith("plan.toml:5: job[0].expect.json_schema: the file is ")


def test_the_json_schema_names_every_table() -> None:
    schema = json_schema(BACKENDS)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"schema", "name", "run", "budget", "pools", "defaults", "backends", "job"} <= set(
        schema["properties"]
    )
    assert schema["additionalProperties"] is False
    assert "from" in schema["$defs"]["PublishTable"]["properties"]
    json.dumps(schema)


def test_the_package_is_cheap_to_import() -> None:
    program = (
        "import sys, bydawn.plan;"
        "heavy = {'pydantic', 'jinja2', 'zoneinfo', 'csv'} & set(sys.modules);"
        "assert not heavy - {'csv'}, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )


def test_complaints_are_raised_before_any_job_is_made(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid):
        read(tmp_path, SMALL + "retries = -1\n")


def test_a_script_of_the_plan_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Once for each job that could start now, and only where a program is looked for."""
    here, gone = "{{ plan.dir }}/here.sh", "{{plan.dir}}/tools/gone.py"
    (tmp_path / "here.sh").touch()
    jobs = [["sh", here, gone], ["python3", gone, "--out", gone], [gone], ["x", "{{ plan.dir }}"]]
    text = "".join(f'[[job]]\nid = "j{n}"\nargv = {json.dumps(argv)}\n'
                   for n, argv in enumerate(jobs))  # fmt: skip
    later = f'[[job]]\nid = "later"\nafter = ["j0"]\nargv = ["sh", "{gone}"]\n'
    found = read(tmp_path, f'name = "p"\n{text}{later}').warnings
    assert [(one.line, one.path) for one in found] == [
        (7, "job[1].argv[1]"),
        (10, "job[2].argv[0]"),
    ]
    assert found[0].message == f"{gone}: there is no such file"
