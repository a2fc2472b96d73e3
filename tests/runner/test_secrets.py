"""Facts come in without secrets, whatever carried them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bydawn.core.decide.step import Broken, CheckEnded, Collected, Published
from bydawn.core.model import JobSpec
from bydawn.core.sightings import (
    Alive,
    Ended,
    Failure,
    FailureClass,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Unknown,
    Usage,
    Vanished,
)
from bydawn.runner.secrets import Secrets, is_called_secret, passed_on

SECRET = "correct-horse-battery"
ENVIRONMENT = {"SERVICE_API_KEY": SECRET, "HOME": "/home/somebody", "MODE": "night-and-day"}
SPEC = JobSpec(id="a", backend="x", payload={"pass_env": ["MODE"]})
FAILURE = Failure(FailureClass.TRANSIENT, f"code-{SECRET}", f"said {SECRET}")

FACTS: list[Any] = [
    Alive(needs_input=f"is it {SECRET}?", raw=SECRET),
    Ended(Outcome(FAILURE, result=f'{{"{SECRET}": 1}}', usage=Usage({SECRET: 3}))),
    Launched("h", Ended(Outcome(result=SECRET))),
    LaunchRefused(FAILURE), LaunchUnclear(SECRET), Vanished(SECRET), Unknown(SECRET),
    Collected(FAILURE), CheckEnded(FAILURE), Broken(SECRET), Published(f"PUT {SECRET}", SECRET),
]  # fmt: skip


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_no_fact_carries_a_secret(fact: Any) -> None:
    told = Secrets(ENVIRONMENT).guarding(passed_on(SPEC), lambda: fact)()
    assert type(told) is type(fact)
    assert SECRET not in repr(replace(told, sha256="") if isinstance(told, Published) else told)


def test_a_fact_without_one_is_the_same_object() -> None:
    fact = Ended(Outcome(result='{"words": 900}', usage=Usage({"input_tokens": 9}, 5)))
    assert Secrets(ENVIRONMENT).guarding(passed_on(SPEC), lambda: fact)() is fact


def test_what_things_are_found_by_stays() -> None:
    fact = Launched(f"runs/{SECRET}")
    assert Secrets(ENVIRONMENT).guarding(passed_on(SPEC), lambda: fact)() == fact


def test_what_a_plan_passes_on_is_secret_too() -> None:
    told = Secrets(ENVIRONMENT).guarding(passed_on(SPEC), lambda: Broken("it is night-and-day"))()
    assert told == Broken("it is *************")
    table = JobSpec(id="c", backend="x", payload={"backend_config": {"pass_env": ["MODE"]}})
    told = Secrets(ENVIRONMENT).guarding(passed_on(table), lambda: Broken("it is night-and-day"))()
    assert told == Broken("it is *************")
    plain = JobSpec(id="b", backend="x", payload={})
    told = Secrets(ENVIRONMENT).guarding(passed_on(plain), lambda: Broken("it is night-and-day"))()
    assert told == Broken("it is night-and-day")


def test_an_error_keeps_its_kind_and_loses_the_secret() -> None:
    def fail() -> None:
        raise ValueError(f"bad header {SECRET}")

    with pytest.raises(RuntimeError, match=r"ValueError: bad header \*+$"):
        Secrets(ENVIRONMENT).guarding(passed_on(SPEC), fail)()


def test_nothing_is_paid_where_there_are_no_secrets() -> None:
    def call() -> None:
        return None

    assert Secrets({"HOME": "/h"}).guarding((), call) is call


@pytest.mark.parametrize("name", ["API_KEY", "GITHUB_TOKEN", "DB_PASSWORD", "X_AUTH", "secret"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_called_secret(name)


@pytest.mark.parametrize("name", ["PATH", "MONKEY", "KEYBOARD", "BYDAWN_TOKEN", "AUTHOR", "PWD"])
def test_other_names_are_left(name: str) -> None:
    assert not is_called_secret(name)
