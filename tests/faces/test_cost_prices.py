"""``bydawn cost prices``: own prices, the packaged list where it is installed, and what refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bydawn.app.prices import price_finder
from bydawn.cli.entry import main
from bydawn.core.errors import PlanInvalid

PLAN = """
name = "night"
[budget]
usd = 5.0
[[job]]
id = "one"
argv = ["true"]
model = "house-model"
budget = { usd = 1.0 }
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    found = capsys.readouterr()
    return code, found.out, found.err


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    code, out, _ = said(capsys, *argv, "--json")
    assert code == 0
    return json.loads(out)


def test_a_price_of_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = ("cost", "prices")
    document(capsys, *prices, "set", "other", "--input", "1", "--output", "2")
    price = document(
        capsys, *prices, "set", "house-model", "--input", "1.25", "--output", "10",
        "--cache-read", "0.125",
    )  # fmt: skip
    assert price["input_usd"] == "1.25"
    assert price["cache_read_usd"] == "0.125"
    assert price["cache_write_usd"] is None
    assert price["list"].startswith("prices.toml ")
    assert document(capsys, *prices, "show", "house-model") == price
    listed = document(capsys, *prices, "list", "house")["prices"]
    assert [one["model"] for one in listed] == ["house-model"]
    assert document(capsys, *prices, "show", "other")["output_usd"] == "2.00"
    assert (home / "config" / "bydawn" / "prices.toml").is_file()


def test_an_unknown_model_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "cost", "prices", "show", "no-such-model-here")
    assert code == 2
    assert "bydawn cost prices set no-such-model-here" in err


@pytest.mark.parametrize("amount", ["cheap", "-1", "nan", "1e30"])
def test_what_is_no_price_is_refused(capsys: pytest.CaptureFixture[str], amount: str) -> None:
    argv = ("cost", "prices", "set", "m", f"--input={amount}", "--output=1")
    assert said(capsys, *argv)[0] == 2


def test_a_broken_file_is_told_with_its_name(home: Path) -> None:
    path = home / "config" / "bydawn" / "prices.toml"
    path.parent.mkdir(parents=True)
    path.write_text('["m"]\ninput = "1"\noutptu = "2"\n')
    with pytest.raises(
        PlanInvalid, match=r"prices\.toml: is no list of prices: unknown key outptu"
    ):
        price_finder({"XDG_CONFIG_HOME": str(home / "config")})("m")


def test_a_capped_plan_is_refused_until_the_price_is_set(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "night.toml").write_text(PLAN)
    code, _, err = said(capsys, "check", "night.toml")
    assert code == 3
    assert "night.toml:8: job[0].model" in err
    document(capsys, "cost", "prices", "set", "house-model", "--input", "1", "--output", "2")
    assert said(capsys, "check", "night.toml")[0] == 0


def test_the_packaged_list_is_named_with_its_version() -> None:
    price = price_finder({})("gpt-5")
    assert price is not None
    assert price.snapshot.startswith("genai-prices ")
    assert 0 < price.input_micros < price.output_micros
    assert price_finder({})("no-such-model-here") is None
