"""Layers of configuration: the highest wins, but of caps the tightest does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planning import AT, SMALL, alone, complaints, read, warnings

from bydawn.core.errors import PlanInvalid
from bydawn.plan import Overrides, settings

PLAN = """name = "p"
[run]
parallel = 12
deadline = "06:30"
[budget]
usd = 12
[pools]
gemini = { parallel = 4, per_minute = 60 }
[defaults]
retries = 5
[[job]]
id = "a"
argv = ["x"]
timeout = "2h"
budget = { usd = 3 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan's folder inside a project, under nobody's home."""
    inner = tmp_path / "project" / "plans"
    inner.mkdir(parents=True)
    return inner


def project(folder: Path, text: str) -> None:
    (folder.parent / "bydawn.toml").write_text(text)


def user(folder: Path, text: str) -> None:
    path = folder / "home" / ".config" / "bydawn" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def system(folder: Path, text: str) -> None:
    path = folder / "xdg" / "bydawn" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_plain_setting_is_decided_by_the_highest_layer(folder: Path) -> None:
    system(folder, "[defaults]\nretries = 1\npriority = 1\ngrace = '1s'\nmodel = 's'\n")
    user(folder, "[defaults]\nretries = 2\npriority = 2\ngrace = '2s'\n")
    project(folder, "[defaults]\nretries = 3\npriority = 3\n")
    spec = read(folder, PLAN).batch.specs[0]
    assert (spec.retries, spec.priority, spec.limits.grace_ms) == (5, 3, 2_000)
    assert spec.payload["model"] == "s"
    flagged = read(folder, PLAN, environment={"BYDAWN_DEFAULTS__RETRIES": "9"})
    assert flagged.batch.specs[0].retries == 9


@pytest.mark.parametrize(
    ("layer", "text", "read_out", "expected"),
    [
        (user, "[run]\nparallel = 5\n", "parallel", 5),
        (user, "[run]\nparallel = 50\n", "parallel", 12),
        (system, "[budget]\nusd = 7.5\n", "usd", 7_500_000),
        (project, "[budget]\nusd = 70\n", "usd", 12_000_000),
        (project, "[run]\ndeadline = '1h'\n", "deadline", "1h"),
        (project, "[run]\ndeadline = '20h'\n", "deadline", "06:30"),
        (project, "[run]\ndeadline = 'none'\n", "deadline", "06:30"),
        (user, "[pools]\ngemini = 2\n", "pool", (2, 60)),
        (user, "[pools]\ngemini = { per_minute = 6 }\n", "pool", (4, 6)),
        (user, "[defaults]\ntimeout = '30m'\n", "timeout", 1_800_000),
        (user, "[defaults]\ntimeout = '30h'\n", "timeout", 7_200_000),
        (user, "[defaults]\nbudget = { usd = 1 }\n", "job_usd", 1_000_000),
        (user, "[defaults]\nbudget = { usd = 10 }\n", "job_usd", 3_000_000),
    ],
)
def test_of_caps_the_tightest_wins_wherever_it_stands(
    folder: Path, layer: Any, text: str, read_out: str, expected: Any
) -> None:
    layer(folder, text)
    assert _caps(folder, PLAN)[read_out] == expected


def _caps(folder: Path, text: str, **said: Any) -> dict[str, Any]:
    plan = read(folder, text, **said)
    terms, spec = plan.batch.terms, plan.batch.specs[0]
    return {
        "parallel": terms.parallel,
        "deadline": terms.deadline,
        "usd": terms.bound.usd_micros,
        "pool": (terms.pools[0].parallel, terms.pools[0].per_minute),
        "timeout": spec.limits.timeout_ms,
        "job_usd": spec.bound.usd_micros,
    }


def test_flags_can_lower_a_cap_and_not_raise_it(folder: Path) -> None:
    lower = _caps(folder, PLAN, parallel=3, deadline="10m", budget_usd=4)
    assert (lower["parallel"], lower["deadline"], lower["usd"]) == (3, "10m", 4_000_000)
    higher = {"parallel": 30, "deadline": "20h", "budget_usd": 40}
    same = _caps(folder, PLAN, **higher)
    assert (same["parallel"], same["deadline"], same["usd"]) == (12, "06:30", 12_000_000)
    told = warnings(folder, PLAN, **higher)
    assert (
        "the command line: run.parallel: 30 is beyond the cap 12 of plan.toml; 12 is used "
        "(raise it with --raise-cap run.parallel=30)"
    ) in told
    assert len(told) == 3


def test_the_flag_for_a_canary_decides(folder: Path) -> None:
    text = PLAN.replace("[run]", "[run]\ncanary = 5", 1)
    for said, canary in ((None, 5), (2, 2), (0, 0), (9, 9)):
        assert read(folder, text, canary=said).batch.terms.canary == canary


def test_a_cap_is_raised_only_by_name(folder: Path) -> None:
    user(folder, "[budget]\nusd = 5\n[run]\nparallel = 2\n[defaults]\ntimeout = '10m'\n")
    assert _caps(folder, PLAN)["usd"] == 5_000_000
    raised = _caps(folder, PLAN, raise_cap={"budget.usd": "20", "defaults.timeout": "3h"})
    assert (raised["usd"], raised["timeout"], raised["parallel"]) == (20_000_000, 7_200_000, 2)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("budget.usb", "3", 'there is no cap budget.usb (did you mean "budget.usd"?)'),
        ("run.lease", "3s", "there is no cap run.lease"),
        ("budget.usd", "lots", "budget.usd cannot be raised to lots"),
        ("run.deadline", "soon", "run.deadline cannot be raised to soon"),
        ("run.parallel", "-3", "run.parallel cannot be raised to -3"),
    ],
)
def test_a_cap_that_is_none_is_told(folder: Path, name: str, value: str, told: str) -> None:
    (found,) = complaints(folder, PLAN, raise_cap={name: value})
    assert told in found


def test_a_job_beyond_a_ceiling_is_warned_of(folder: Path) -> None:
    user(folder, "[defaults]\ntimeout = '30m'\nbudget = { usd = 1 }\n")
    told = warnings(folder, PLAN)
    assert any(each.startswith("plan.toml:14: job[0].timeout: 2h is beyond") for each in told)
    assert any(each.startswith("plan.toml:15: job[0].budget.usd: 3") for each in told)


def test_a_pool_of_another_layer_counts(folder: Path) -> None:
    user(folder, "[pools]\ngit = 1\n")
    assert complaints(folder, PLAN + 'pool = "git"\n') == []


def test_mistakes_in_every_layer_are_told_with_their_file(folder: Path) -> None:
    project(folder, "[run]\n\nparalel = 3\n")
    user(folder, "store = 3\nname = 'x'\n")
    system(folder, "[run\n")
    told = complaints(
        folder, PLAN + 'timout = "x"\n', environment={"BYDAWN_RUN__PARALLEL": "many"}, parallel=0
    )
    told = [each.replace(f"{folder.parent}/", "") for each in told]
    assert [each.rpartition(" (")[0] or each for each in told] == [
        "xdg/bydawn/config.toml:1: not TOML: Expected ']' at the end of a table declaration",
        "the command line: run.parallel: must be more than 0",
        "the environment: run.parallel: must be a whole number",
        "plan.toml:16: job[0].timout: unknown key",
        "bydawn.toml:3: run.paralel: unknown key",
        "home/.config/bydawn/config.toml:1: store: must be text in quotes",
        "home/.config/bydawn/config.toml:2: name: unknown key",
    ]


def test_what_a_run_is_given_is_no_configuration(folder: Path) -> None:
    given = {
        "BYDAWN_DEADLINE": "1795100000", "BYDAWN_BUDGET_USD": "0.1", "BYDAWN_JOB": "x",
        "BYDAWN_STORE": "sqlite:///x", "BYDAWN_RUN__": "1", "BYDAWN_OTHER__X": "1",
    }  # fmt: skip
    plain, inside = read(folder, PLAN).batch, read(folder, PLAN, environment=given).batch
    assert inside == plain


@pytest.mark.parametrize(("text", "retries"), [("7", 7), ("0", 0)])
def test_a_variable_is_read_as_toml(folder: Path, text: str, retries: int) -> None:
    environment = {"BYDAWN_DEFAULTS__RETRIES": text, "BYDAWN_DEFAULTS__TIMEOUT": "10m"}
    spec = read(folder, SMALL, environment=environment).batch.specs[0]
    assert (spec.retries, spec.limits.timeout_ms) == (retries, 600_000)
    assert read(folder, SMALL, environment={"BYDAWN_PARALLEL": "3"}).batch.terms.parallel == 3


def test_the_project_ends_at_its_repository(folder: Path) -> None:
    project(folder, "[run]\nparallel = 3\n")
    (folder / ".git").mkdir()
    assert read(folder, SMALL).batch.terms.parallel == 8
    (folder / "bydawn.toml").write_text("[run]\nparallel = 2\n")
    assert read(folder, SMALL).batch.terms.parallel == 2


def test_every_setting_is_shown_with_its_origin(folder: Path) -> None:
    project(folder, 'store = "sqlite:///s"\n[budget]\nusd = 5\n')
    path = folder / "plan.toml"
    path.write_text(PLAN)
    shown = settings(
        folder, at=AT, environment={**alone(folder), "BYDAWN_PARALLEL": "3"},
        overrides=Overrides(deadline="1h"), plan=path,
    )  # fmt: skip
    table = {each.name: (each.value, each.origin) for each in shown}
    assert table["store"] == ("sqlite:///s", str(folder.parent / "bydawn.toml"))
    assert table["budget.usd"] == (5, str(folder.parent / "bydawn.toml"))
    assert table["run.parallel"] == (3, "the environment")
    assert table["run.deadline"] == ("1h", "the command line")
    assert table["defaults.retries"] == (5, str(path))
    assert table["defaults.timeout"] == ("1h", "built in")
    assert len(table) == len(shown)


def test_a_wrong_file_is_not_shown(folder: Path) -> None:
    project(folder, "[run]\nparalel = 3\n")
    with pytest.raises(PlanInvalid, match="paralel"):
        settings(folder, at=AT, environment=alone(folder), overrides=Overrides())
