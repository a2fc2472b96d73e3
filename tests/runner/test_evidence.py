"""What a run that calls itself a success must show."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bydawn.core.decide.step import CheckEnded, CheckPending
from bydawn.core.model import Expect
from bydawn.core.sightings import Failure, FailureClass, LaunchRefused
from bydawn.gates.choosing import path_gate
from bydawn.gates.gate import PublishError
from bydawn.runner.actions import _check_not_started
from bydawn.runner.evidence import missing

SCHEMA = {"type": "object", "required": ["pages"]}


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text('{"pages": 3}')
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/hostname")
    return tmp_path


@pytest.mark.parametrize(
    ("expect", "result"),
    [
        (Expect(files=("a.json",), min_bytes=2, json_schema=SCHEMA, matches="^.*pages"), None),
        (Expect(files=("empty",), allow_empty=True), None),
        (Expect(matches="^done$"), '"well\\ndone"'),
        (Expect(json_schema=SCHEMA), '{"pages": 1}'),
        (Expect(min_bytes=3), '"abc"'),
    ],
)
def test_what_is_there_is_enough(draft: Path, expect: Expect, result: str | None) -> None:
    assert missing(expect, draft, result) is None


@pytest.mark.parametrize(
    ("expect", "result", "code", "told"),
    [
        (Expect(files=("b.json",)), None, "unmet", "b.json: is not in the draft"),
        (Expect(files=("a.json", "empty")), None, "no_output", "empty: is empty"),
        (Expect(files=("a.json",), min_bytes=99), None, "unmet", "has 12 bytes, expected at least"),
        (Expect(files=("link",)), None, "unmet", "link: "),
        (Expect(files=("../a.json",)), None, "unmet", "is not a path inside the draft"),
        (Expect(files=("a.json",), matches="^x"), None, "unmet", "a.json: does not match '^x'"),
        (Expect(files=("empty",), allow_empty=True, json_schema=SCHEMA), None, "unmet", "not JSON"),
        (
            Expect(json_schema=SCHEMA),
            '{"page": 1}',
            "unmet",
            "the result: $: 'pages' is a required",
        ),
        (Expect(allow_empty=False), None, "no_output", "gave no result"),
        (Expect(allow_empty=False), "null", "no_output", "gave no result"),
        (Expect(min_bytes=3), '"ab"', "unmet", "the result is shorter than 3 bytes"),
    ],
)
def test_what_is_missing_is_told(
    draft: Path, expect: Expect, result: str | None, code: str, told: str
) -> None:
    failure = missing(expect, draft, result)
    assert failure is not None
    assert failure.code == code
    assert told in failure.message


def test_who_cannot_look_now_says_nothing_of_the_run(
    draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner out of descriptors judged two good runs as failed, and paid for a third."""

    def refused(*_given: object, **_named: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PublishError, match="Too many open files") as raised:
        missing(Expect(files=("a.json",)), draft, None)
    assert not raised.value.hopeless
    with pytest.raises(PublishError):
        path_gate(draft / "public", draft, "a.json")


@pytest.mark.parametrize(
    ("kind", "code", "fact"),
    [
        (FailureClass.TRANSIENT, "late", CheckPending),
        (FailureClass.HELD, "spawn", CheckPending),
        (FailureClass.PERMANENT, "spawn", CheckEnded),
    ],
)
def test_a_check_that_came_too_late_or_had_no_room_says_nothing_of_the_run(
    kind: FailureClass, code: str, fact: type
) -> None:
    """Its run was judged unmet, and paid for again."""
    assert isinstance(_check_not_started(LaunchRefused(Failure(kind, code, "no"))), fact)
