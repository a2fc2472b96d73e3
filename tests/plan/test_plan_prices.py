"""Where dollars are capped, a model without a known price is refused, or runs on tokens alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from planning import AT, BACKENDS, alone

from bydawn.core.errors import PlanInvalid
from bydawn.plan import Overrides, Plan, read_plan

PLAN = """
name = "night"
[budget]
{cap}
[[job]]
id = "one"
argv = ["agent"]
model = "{model}"
{bound}
"""
USD = "usd = 5.0"
BOUND = "budget = { usd = 1.0 }"


def read(folder: Path, model: str = "known", cap: str = USD, bound: str = BOUND) -> Plan:
    path = folder / "plan.toml"
    path.write_text(PLAN.format(model=model, cap=cap, bound=bound))
    return read_plan(
        path, at=AT, overrides=Overrides(), environment=alone(folder), backends=BACKENDS,
        is_priced=lambda asked: asked == "known",
    )  # fmt: skip


def refusal(folder: Path, model: str, cap: str = USD, bound: str = BOUND) -> str:
    with pytest.raises(PlanInvalid) as raised:
        read(folder, model, cap, bound)
    (complaint,) = raised.value.complaints
    return str(complaint)


def test_a_known_price_is_fine(tmp_path: Path) -> None:
    assert read(tmp_path).batch.specs[0].payload["model"] == "known"


@pytest.mark.parametrize("cap", [USD, "per_day_usd = 2.0", 'tags = { "a=b" = { usd = 1.0 } }'])
def test_an_unknown_one_is_refused_with_place_and_remedy(tmp_path: Path, cap: str) -> None:
    said = refusal(tmp_path, "mystery", cap)
    assert said.startswith(f"{tmp_path}/plan.toml:8: job[0].model")
    assert 'the price of "mystery" is not known' in said
    assert "bydawn cost prices set mystery" in said


def test_nobody_asks_where_no_dollars_are_capped(tmp_path: Path) -> None:
    read(tmp_path, "mystery", cap="tokens = 1000", bound="budget = { tokens = 10 }")


def test_nobody_asks_about_what_costs_nothing(tmp_path: Path) -> None:
    read(tmp_path, "mystery", bound="budget = { usd = 0 }")


def test_a_model_of_the_item_is_priced_when_it_runs(tmp_path: Path) -> None:
    read(tmp_path, "{{ job.id }}")


def test_tokens_only_lets_it_run_on_a_bound_in_tokens(tmp_path: Path) -> None:
    cap = f'{USD}\nunknown_price = "tokens-only"'
    plan = read(tmp_path, "mystery", cap, "budget = { tokens = 10 }")
    assert plan.batch.specs[0].bound.usd_micros is None
    assert "no budget.usd" in refusal(tmp_path, "mystery", cap, "")
    assert "no budget.usd" in refusal(tmp_path, "known", cap, "budget = { tokens = 10 }")
