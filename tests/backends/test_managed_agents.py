"""Managed agents through their real SDKs, over fakes on loopback ports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ordered import request

from bydawn.core.sightings import (
    Absent,
    Alive,
    Ended,
    FailureClass,
    Found,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Outcome,
    Request,
    Reserved,
    Unknown,
    Vanished,
)
from bydawn.testing.fakes.frame import Answer
from bydawn.testing.fakes.lives import Life
from loopback import Fault
from vendors import (
    AGENTS,
    BLIND,
    CLAUDE,
    GEMINI,
    KINDS,
    TRIGGERED,
    TWO_PHASE,
    Kind,
    Stage,
    staged,
)  # fmt: skip

MANY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
IN_TWO_STEPS = pytest.mark.parametrize("kind", TWO_PHASE, ids=lambda kind: kind.name)
IN_THE_BLIND = pytest.mark.parametrize("kind", BLIND, ids=lambda kind: kind.name)


@pytest.fixture
def wanted(tmp_path: Path) -> Request:
    return request(tmp_path, "a", {"prompt": "Write it", "model": "model-1"})


def outcome(stage: Stage, handle: str) -> Outcome:
    seen = stage.backend.poll(handle)
    assert isinstance(seen, Ended), seen
    return seen.outcome


@MANY
def test_a_run_is_launched_once_looked_at_and_its_end_read(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        handle = stage.handle(wanted)
        assert isinstance(stage.backend.poll(handle), Alive)
        stage.clock.wind(1_001)
        ended = outcome(stage, handle)
        assert ended.failure is None
        assert json.loads(ended.result or "null") == "It is done."
        assert ended.usage.tokens["input_tokens"] == 1_000
        assert ended.usage.tokens["cache_read_tokens"] == 500
        assert stage.lives.launches_of(wanted.launch_key) == 1


@MANY
def test_what_is_sent_is_what_the_job_says(kind: Kind, wanted: Request) -> None:
    wanted = replace(wanted, budget_usd_micros=1_239_999, budget_tokens=5_000)
    with staged(kind) as stage:
        stage.handle(wanted)
        taken = stage.lives.ledger[0]
        assert taken.prompt == "Write it"
        assert taken.key == wanted.launch_key
        body = json.dumps(taken.body)
        assert "model-1" in body
        if "usd" in stage.backend.capabilities.caps:
            assert '"123"' in body or '"limit": 123' in body
        if "tokens" in stage.backend.capabilities.caps:
            assert taken.body["agent_config"]["max_total_tokens"] in (5_000, "5000")


@MANY
def test_options_add_and_never_take_away(kind: Kind, wanted: Request) -> None:
    """What makes a run findable and bounded stands, whatever the table says."""
    labels = {"labels": {"team": "a", "bydawn": "x"}}
    metadata = {"metadata": {"team": "a", "bydawn_key": "x"}}
    added = labels if kind in (GEMINI, TRIGGERED) else metadata
    with staged(kind, options=added) as stage:
        stage.handle(wanted)
        taken = stage.lives.ledger[0]
        assert taken.key == wanted.launch_key
        assert '"team": "a"' in json.dumps(taken.body)


@MANY
def test_what_an_sdk_does_not_take_was_not_sent(kind: Kind, wanted: Request) -> None:
    with staged(kind, options={"colour": {1, 2}}) as stage:
        first = stage.backend.reserve if kind.reserves else stage.backend.launch
        answer = first(wanted)
        assert isinstance(answer, LaunchRefused)
        assert (answer.failure.kind, answer.failure.code) == (FailureClass.PERMANENT, "unsendable")
        assert not stage.lives.ledger


@MANY
def test_one_launch_is_one_request_whatever_comes_back(kind: Kind, wanted: Request) -> None:
    """The SDKs' own retries are off: a second request could be a second run."""
    with staged(kind) as stage:
        for number, fault in enumerate(
            (
                Fault("instead", Answer(503, {"error": {"message": "no"}})),
                Fault("after", Answer(500, {"error": {"message": "no"}})),
                Fault("after"),
                Fault("instead", Answer(429, {"error": {"message": "no"}})),
            )
        ):
            stage.loopback.seen.clear()
            stage.trip(kind.is_launch, fault, times=99)
            stage.launch(replace(wanted, launch_key=f"{wanted.launch_key}-{number}"))
            assert sum(map(kind.is_launch, stage.loopback.seen)) == 1


REPLIES: list[tuple[str, Answer | None]] = [
    ("the line is dropped", None),
    ("a 500", Answer(500, {"error": {"message": "oops"}})),
    ("a web page", Answer(200, b"<html>log in</html>", {"content-type": "text/html"})),
    ("a web page for an error", Answer(502, b"<html>Bad gateway</html>")),
    ("half of it", Answer(200, b'{"id": "x", ')),
    ("no UTF-8", Answer(200, b'{"id": "\xff\xfe"}')),
    ("a list", Answer(200, [1, 2])),
    ("nothing in it", Answer(200, {})),
    ("an id that is no text", Answer(200, {"id": 7})),
]


@IN_THE_BLIND
@pytest.mark.parametrize(
    "reply", [reply for _, reply in REPLIES], ids=[name for name, _ in REPLIES]
)
def test_a_launch_without_a_usable_answer_is_unclear(
    kind: Kind, reply: Answer | None, wanted: Request
) -> None:
    with staged(kind) as stage:
        stage.trip(kind.is_launch, Fault("after", reply))
        assert isinstance(stage.launch(wanted), LaunchUnclear)
        assert stage.lives.launches_of(wanted.launch_key) == 1
        assert isinstance(stage.backend.find(wanted), Unknown)


@IN_TWO_STEPS
@pytest.mark.parametrize("reply", [None, Answer(500, {"error": {"message": "oops"}})])
def test_a_launch_in_a_container_is_found_when_its_answer_was_lost(
    kind: Kind, reply: Answer | None, wanted: Request
) -> None:
    with staged(kind) as stage:
        reserved = stage.backend.reserve(wanted)
        assert isinstance(reserved, Reserved)
        wanted = replace(wanted, container=reserved.container)
        assert isinstance(stage.backend.find(wanted), Absent)
        assert not stage.lives.ledger
        stage.trip(kind.is_launch, Fault("after", reply))
        assert isinstance(stage.backend.launch(wanted), LaunchUnclear)
        found = stage.backend.find(wanted)
        assert isinstance(found, Found)
        again = stage.backend.launch(wanted)
        assert again == Launched(found.handle)
        assert stage.lives.launches_of(wanted.launch_key) == 1
        stage.clock.wind(1_001)
        assert outcome(stage, found.handle).failure is None


@IN_TWO_STEPS
def test_a_launch_that_cannot_look_first_starts_nothing(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        reserved = stage.backend.reserve(wanted)
        assert isinstance(reserved, Reserved)
        wanted = replace(wanted, container=reserved.container)
        stage.trip(lambda asked: asked.method == "GET", Fault("instead", Answer(500, {})))
        assert isinstance(stage.backend.launch(wanted), LaunchUnclear)
        assert not stage.lives.ledger


@MANY
@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("bad_key", FailureClass.AUTH),
        ("forbidden", FailureClass.AUTH),
        ("unknown_model", FailureClass.PERMANENT),
        ("rate_limited", FailureClass.HELD),
    ],
)
def test_what_a_vendor_refuses_was_not_started(
    kind: Kind, trouble: str, expected: FailureClass, wanted: Request
) -> None:
    with staged(kind) as stage:
        stage.trip(kind.is_launch, Fault("instead", kind.trouble(trouble)))
        answer = stage.launch(wanted)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.kind is expected
        if trouble == "rate_limited":
            assert answer.failure.retry_after_ms == 12_000


@MANY
def test_a_wrong_key_is_explained_and_not_told(kind: Kind, wanted: Request) -> None:
    with staged(kind, key="k-wrong-0987654321") as stage:
        first = stage.backend.reserve if kind.reserves else stage.backend.launch
        answer = first(wanted)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.kind is FailureClass.AUTH
        assert "the key is wrong or was revoked" in answer.failure.message
        assert "k-wrong" not in answer.failure.message


@MANY
def test_what_would_be_sent_after_its_lease_is_not_sent(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        late = replace(wanted, send_by=stage.clock.boot_ms() + 100)
        first = stage.backend.reserve if kind.reserves else stage.backend.launch
        answer = first(late)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.code == "late"
        assert not stage.loopback.seen
        stage.handle(replace(wanted, send_by=stage.clock.boot_ms() + 10_000))
        stage.clock.wind(60_000)
        assert isinstance(stage.backend.poll("whatever|a|b"), Alive)


@IN_TWO_STEPS
def test_a_second_call_that_would_be_late_is_not_made(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        reserved = stage.backend.reserve(wanted)
        assert isinstance(reserved, Reserved)
        late = replace(wanted, container=reserved.container, send_by=stage.clock.boot_ms() + 100)
        answer = stage.backend.launch(late)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.code == "late"
        assert not stage.lives.ledger


@MANY
def test_a_redirect_is_not_followed(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        back = Answer(308, b"", {"location": stage.loopback.url + "/v1/interactions"})
        stage.trip(kind.is_launch, Fault("instead", back), times=99)
        answer = stage.launch(wanted)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.code == "redirected"
        assert not stage.lives.ledger


@MANY
def test_nobody_at_home_is_certainly_no_launch(kind: Kind, wanted: Request) -> None:
    with staged(kind, base_url="http://127.0.0.1:1/v1") as stage:
        first = stage.backend.reserve if kind.reserves else stage.backend.launch
        answer = first(wanted)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.code == "unreachable"


@MANY
def test_a_cancel_is_seen_when_it_has_come_to_pass(kind: Kind, wanted: Request) -> None:
    with staged(kind, lambda _: Life(takes_ms=60_000, lag_ms=5_000)) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(100)
        assert stage.backend.cancel(handle, "timeout").asked
        assert isinstance(stage.backend.poll(handle), Alive)
        stage.clock.wind(5_000)
        failure = outcome(stage, handle).failure
        assert failure is not None
        assert failure.code == "cancelled"


@pytest.mark.parametrize("kind", [GEMINI, *TWO_PHASE], ids=lambda kind: kind.name)
def test_a_run_that_waits_for_a_person_says_so(kind: Kind, wanted: Request) -> None:
    with staged(kind, lambda _: Life(asks=True)) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        seen = stage.backend.poll(handle)
        assert isinstance(seen, Alive)
        assert seen.needs_input


@MANY
def test_a_run_is_gone_only_after_three_looks_and_a_while(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        handle = stage.handle(wanted)
        stage.lives.forgotten |= {*stage.lives.runs, handle}
        for _ in range(5):
            assert isinstance(stage.backend.poll(handle), Alive)
        stage.clock.wind(stage.backend.capabilities.settle_ms)
        assert isinstance(stage.backend.poll(handle), Vanished)


@MANY
def test_a_look_in_vain_is_no_loss_and_no_progress(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        handle = stage.handle(wanted)
        good = stage.backend.poll(handle)
        assert isinstance(good, Alive)
        for answer in (Answer(404, {}), Answer(500, {}), None, Answer(200, b"<html>")):
            stage.trip(lambda asked: asked.method == "GET", Fault("instead", answer))
            vain = stage.backend.poll(handle)
            assert isinstance(vain, Alive)
            assert (vain.witness, vain.needs_input) == (good.witness, None)
            assert vain.look_again_ms
        assert isinstance(stage.backend.poll(handle), Alive)


@MANY
def test_a_key_that_is_revoked_while_it_runs_is_told_at_once(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        handle = stage.handle(wanted)
        revoked = Fault("instead", kind.trouble("bad_key"))
        stage.trip(lambda asked: asked.method == "GET", revoked)
        seen = stage.backend.poll(handle)
        assert isinstance(seen, Alive)
        assert "wrong or was revoked" in (seen.needs_input or "")
        stage.clock.wind(1_001)
        assert outcome(stage, handle).failure is None


@MANY
def test_looks_come_later_and_later(kind: Kind, wanted: Request) -> None:
    with staged(kind, lambda _: Life(takes_ms=10**9)) as stage:
        handle = stage.handle(wanted)
        pauses = [stage.backend.poll(handle).look_again_ms for _ in range(6)]
        assert 4_000 <= pauses[0] <= 5_000
        assert pauses[0] < pauses[2] < pauses[5] <= 60_000


@MANY
def test_output_goes_into_the_draft(kind: Kind, wanted: Request, tmp_path: Path) -> None:
    files = {} if kind.name == "openai-background" else {"links.json": b"[1]", "a/b.txt": b"\xff"}
    with staged(kind, lambda _: Life(files=files)) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        outcome(stage, handle)
        for _ in range(2):
            assert stage.backend.collect(wanted, handle, str(tmp_path)) is None
        found = {
            str(path.relative_to(tmp_path)): path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file()
        }
        assert found == {**files, "answer.txt": b"It is done."}


def test_only_what_is_asked_for_is_fetched(wanted: Request, tmp_path: Path) -> None:
    files = {"a.json": b"{}", "big.bin": b"x" * 1_000, "answer.txt": b"mine"}
    with staged(GEMINI, lambda _: Life(files=files), collect=["*.json", "answer.txt"]) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        assert stage.backend.collect(wanted, handle, str(tmp_path)) is None
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "answer.txt"]
        assert (tmp_path / "answer.txt").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../up.txt", "a/../../up.txt"])
def test_no_file_leaves_the_draft(name: str, wanted: Request, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    with staged(GEMINI, lambda _: Life(files={name: b"x"})) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        failure = stage.backend.collect(wanted, handle, str(draft))
        assert failure is not None
        assert failure.kind is FailureClass.PERMANENT
    assert not list(tmp_path.rglob("up.txt"))


def test_listings_are_read_to_their_end(wanted: Request, tmp_path: Path) -> None:
    files = {f"{n}.txt": b"x" for n in range(7)}
    with staged(GEMINI, lambda _: Life(files=files)) as stage:
        wire: Any = stage.loopback.fake
        wire.page_size = 3
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        assert stage.backend.collect(wanted, handle, str(tmp_path)) is None
        assert len(list(tmp_path.iterdir())) == 8


def test_output_that_is_not_to_be_had_just_now_is_tried_again(
    wanted: Request, tmp_path: Path
) -> None:
    with staged(GEMINI, lambda _: Life(files={"a.txt": b"x"})) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        for which in ("files", "a.txt"):
            stage.trip(
                lambda asked, which=which: which in asked.path, Fault("instead", Answer(500, {}))
            )
            failure = stage.backend.collect(wanted, handle, str(tmp_path))
            assert failure is not None
            assert (failure.kind, failure.code) == (FailureClass.TRANSIENT, "server_error")
        assert stage.backend.collect(wanted, handle, str(tmp_path)) is None


def test_triggers_of_older_generations_are_taken_away(wanted: Request) -> None:
    """One may be left behind by a reservation whose answer was lost."""
    with staged(TRIGGERED) as stage:
        wire: Any = stage.loopback.fake
        for name in ("bd-a-1-1", "bd-a-1-2", "bd-b-1-1", "bd-a-1-3"):
            stage.backend.reserve(replace(wanted, launch_key=name))
        names = [one["display_name"] for one in wire.triggers.values()]
        assert names == ["bd-b-1-1", "bd-a-1-3"]


def test_an_overlong_reply_is_cut_off(wanted: Request) -> None:
    with staged(GEMINI) as stage:
        huge = Answer(200, b'{"id": "' + b"x" * (33 << 20) + b'"}')
        stage.trip(GEMINI.is_launch, Fault("after", huge))
        answer = stage.launch(wanted)
        assert isinstance(answer, LaunchUnclear)
        assert "longer than 32 MB" in answer.detail


def test_a_reply_of_ten_megabytes_is_read(wanted: Request) -> None:
    with staged(GEMINI, lambda _: Life(answer="x" * (10 << 20))) as stage:
        handle = stage.handle(wanted)
        stage.clock.wind(1_001)
        assert len(json.loads(outcome(stage, handle).result or '""')) == 10 << 20


def test_a_trigger_is_gone_when_its_run_is_over_and_its_end_can_still_be_read(
    wanted: Request, tmp_path: Path
) -> None:
    with staged(TRIGGERED) as stage:
        wire: Any = stage.loopback.fake
        handle = stage.handle(wanted)
        assert len(wire.triggers) == 1
        stage.clock.wind(1_001)
        outcome(stage, handle)
        assert not wire.triggers
        assert outcome(stage, handle).failure is None
        assert stage.backend.collect(wanted, handle, str(tmp_path)) is None


def test_a_trigger_that_a_crash_left_behind_is_taken_again(wanted: Request) -> None:
    with staged(TRIGGERED) as stage:
        wire: Any = stage.loopback.fake
        wire.page_size = 1
        other = replace(wanted, launch_key="bd-other-1-1")
        reserved = [stage.backend.reserve(one) for one in (other, wanted, wanted, other)]
        assert len(wire.triggers) == 2
        assert reserved[1] == reserved[2]


@pytest.fixture
def late_interaction() -> Iterator[Stage]:
    """A trigger whose execution does not name its interaction at once."""
    with staged(TRIGGERED) as stage:
        wire: Any = stage.loopback.fake
        wire.names_late = True
        yield stage


def test_an_execution_that_names_its_interaction_late_is_followed(
    late_interaction: Stage, wanted: Request, tmp_path: Path
) -> None:
    stage = late_interaction
    handle = stage.handle(wanted)
    assert isinstance(stage.backend.poll(handle), Alive)
    assert stage.backend.cancel(handle, "x").asked or True
    stage.clock.wind(1_001)
    assert isinstance(stage.backend.poll(handle), Ended)
    assert stage.backend.collect(wanted, handle, str(tmp_path)) is None


@MANY
def test_a_vendor_can_be_asked_at_no_cost_before_the_night(kind: Kind) -> None:
    with staged(kind) as stage:
        assert stage.backend.inquire("model-1") is None
        assert stage.backend.inquire(None) is None
        unknown = stage.backend.inquire("nobody")
        assert unknown is not None
        assert (unknown.kind, unknown.code) == (FailureClass.PERMANENT, "not_found")
        assert not stage.lives.ledger
    with staged(kind, key="k-wrong-0987654321") as stage:
        wrong = stage.backend.inquire("model-1")
        assert wrong is not None
        assert wrong.kind is FailureClass.AUTH


@pytest.mark.parametrize("kind", [GEMINI, AGENTS, CLAUDE], ids=lambda kind: kind.name)
def test_an_agent_that_is_not_there_is_told_before_the_night(kind: Kind) -> None:
    with staged(kind, agent="nobody") as stage:
        unknown = stage.backend.inquire(None)
        assert unknown is not None
        assert unknown.code == "not_found"


def test_a_session_needs_a_model_or_an_agent(wanted: Request) -> None:
    bare = replace(wanted, payload={"prompt": "Write it"})
    with staged(AGENTS) as stage:
        answer = stage.backend.reserve(bare)
        assert isinstance(answer, LaunchRefused)
        assert answer.failure.code == "no_agent"
    with staged(AGENTS, agent="agent_1") as stage:
        assert isinstance(stage.backend.reserve(bare), Reserved)


@MANY
def test_a_line_that_is_not_safe_is_a_persons_affair(kind: Kind, wanted: Request) -> None:
    with staged(kind) as stage:
        plain = stage.loopback.url.replace("http://", "https://")
        with staged(kind, base_url=plain + kind.version) as unsafe:
            first = unsafe.backend.reserve if kind.reserves else unsafe.backend.launch
            answer = first(wanted)
            assert isinstance(answer, LaunchRefused)
            assert (answer.failure.kind, answer.failure.code) == (FailureClass.AUTH, "tls")


@MANY
def test_a_missing_key_is_told_before_anything_starts(kind: Kind) -> None:
    with staged(kind, key="") as stage:
        why = stage.backend.readiness().why_not
        assert kind.variable in why
        assert "export" in why
    with staged(kind) as stage:
        ready = stage.backend.readiness()
        assert not ready.why_not
        assert ready.version[0].isdigit()


def test_a_key_can_have_a_name_of_its_own() -> None:
    with staged(GEMINI, key_env="NIGHT_KEY") as stage:
        assert "NIGHT_KEY is not set" in stage.backend.readiness().why_not


@MANY
def test_a_run_that_could_do_nothing_is_refused_without_a_call(kind: Kind, wanted: Request) -> None:
    empty = replace(wanted, payload={"model": "m"})
    spent = replace(wanted, budget_tokens=0)
    with staged(kind) as stage:
        first = stage.backend.reserve if kind.reserves else stage.backend.launch
        for unfit, code in ((empty, "no_prompt"), (spent, "over_budget")):
            answer = first(unfit)
            assert isinstance(answer, LaunchRefused)
            assert answer.failure.code == code
        assert not stage.loopback.seen
