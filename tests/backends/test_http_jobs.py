"""The backend http-jobs over the fake service: launching once, reading states, every kind of
trouble."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ordered import request, until
from serving import backend, searchable

from bydawn.backends.http_jobs import HttpJobs
from bydawn.core.sightings import (
    Absent,
    Alive,
    Ended,
    FailureClass,
    Found,
    Guarantee,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Meter,
    Repeatable,
    Request,
    Sighting,
    Unknown,
    Vanished,
)
from bydawn.runner.clock import SystemClock
from bydawn.testing.fakes import FakeHttpJobs, FakeServer, Fault, Scene
from bydawn.testing.fakes.faults import Kind

PROMPT = {"prompt": 'Say "hello"\nto {{ nobody }}'}
FOREVER = Scene(takes_ms=None)


Make = Callable[..., HttpJobs]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes backends of a server and a table, and closes them."""
    made: list[HttpJobs] = []

    def make(
        server: FakeServer, environment: Mapping[str, str] | None = None, **more: Any
    ) -> HttpJobs:
        made.append(backend(server, tmp_path, environment, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(FakeHttpJobs(FOREVER)) as server:
        yield server


def wanted(folder: Path, name: str = "one", **more: Any) -> Request:
    return request(folder, name, PROMPT, **more)


def handle_of(made: HttpJobs, one: Request) -> str:
    answer = made.launch(one)
    assert isinstance(answer, Launched), answer
    return answer.handle


def ended(made: HttpJobs, handle: str) -> Ended:
    seen: list[Sighting] = []
    until(lambda: seen.append(made.poll(handle)) or isinstance(seen[-1], Ended))
    assert isinstance(seen[-1], Ended)
    return seen[-1]


def test_a_run_goes_from_launch_to_its_result(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server)
    handle = handle_of(made, wanted(tmp_path))
    assert isinstance(made.poll(handle), Alive)
    server.fake.runs.finish(handle)
    outcome = ended(made, handle).outcome
    assert (outcome.failure, outcome.result) == (None, '"done"')
    assert (outcome.usage.tokens, outcome.usage.cost_micros) == ({"input_tokens": 7}, 100)


def test_what_the_job_says_arrives_as_data_and_is_never_a_template(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    handle_of(make(server), wanted(tmp_path))
    (launch,) = server.fake.runs.ledger
    assert launch.body == {**PROMPT, "key": "launch-one"}


def test_a_body_that_is_one_text_is_json_written_out(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    launch = {
        "method": "POST",
        "url": f"{server.url}/jobs",
        "json": '{"n": {{ item.n }}, "deep": {{ item }}, "key": "{{ launch_key }}"}',
    }
    made = make(server, launch=launch)
    handle_of(made, request(tmp_path, "one", {"item": {"n": 5, "s": 'x"y'}}))
    (sent,) = server.fake.runs.ledger
    assert sent.body == {"n": 5, "deep": {"n": 5, "s": 'x"y'}, "key": "launch-one"}


@pytest.mark.parametrize(
    ("more", "guarantee"),
    [
        ({}, Guarantee.BLIND),
        ({"key_header": "Idempotency-Key"}, Guarantee.KEYED),
        ({"find": {"url": "http://x/{{ launch_key }}"}, "find_path": "a"}, Guarantee.SEARCHABLE),
    ],
)
def test_the_table_decides_what_is_promised(
    make: Make, server: FakeServer, more: dict[str, Any], guarantee: Guarantee
) -> None:
    made = make(server, **more)
    assert made.capabilities.guarantee is guarantee
    assert made.capabilities.reports is Meter.USD


def test_a_keyed_launch_that_is_repeated_is_one_run(make: Make, tmp_path: Path) -> None:
    with FakeServer(FakeHttpJobs(FOREVER, is_keyed=True)) as server:
        made = make(server, key_header="Idempotency-Key")
        one = replace(wanted(tmp_path), deadline_at=SystemClock().utc_ms())
        server.faults.plan([Fault(Kind.DROP)])
        assert isinstance(made.launch(one), LaunchUnclear)
        assert made.find(one) == Repeatable()
        assert handle_of(made, one) == handle_of(made, one) == "run-1"
        assert server.fake.runs.started() == {"launch-one": 1}


def test_a_key_the_service_may_have_forgotten_proves_nothing(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    """The machine slept for two days over an unclear launch: under a forgotten key it would be a
    second paid run."""
    made = make(server, key_header="Idempotency-Key", key_keeps="1h")
    now, hour_ms = SystemClock().utc_ms(), 3_600_000
    young = replace(wanted(tmp_path), timeout_ms=60_000, deadline_at=now - hour_ms + 120_000)
    old = replace(young, deadline_at=now - hour_ms + 30_000)
    assert made.find(young) == Repeatable()
    assert isinstance(made.find(old), Unknown)


def test_a_lost_answer_is_found_again_where_the_service_can_be_searched(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server, **searchable(server.url))
    one = wanted(tmp_path)
    assert made.find(one) == Absent()
    server.faults.plan([Fault(Kind.DROP)])
    assert isinstance(made.launch(one), LaunchUnclear)
    assert made.find(one) == Found("run-1")


def test_of_several_runs_under_one_key_one_is_kept_and_the_others_are_ended(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server, **searchable(server.url))
    server.faults.plan([Fault(Kind.DUPLICATE)])
    one = wanted(tmp_path)
    handle_of(made, one)
    assert made.find(one) == Found("run-1")
    assert [run.state() for run in server.fake.runs.of_key("launch-one")] == [
        "running", "cancelled",
    ]  # fmt: skip


def test_a_listing_without_a_filter_is_looked_through_by_key(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    find = {"find": {"url": f"{server.url}/jobs?key=launch-two&for={{{{ launch_key }}}}"},
            "find_path": "jobs", "key_path": "key"}  # fmt: skip
    made = make(server, **find)
    handle_of(made, wanted(tmp_path, "two"))
    assert made.find(wanted(tmp_path, "one")) == Absent()
    assert made.find(wanted(tmp_path, "two")) == Found("run-1")


def test_nobody_can_say_where_a_blind_launch_went(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    assert isinstance(make(server).find(wanted(tmp_path)), Unknown)


UNCLEAR = [
    Fault(Kind.DROP), Fault(Kind.HANG), Fault(Kind.ERROR_AFTER), Fault(Kind.ERROR_AFTER, code=503),
    Fault(Kind.MALFORMED), Fault(Kind.EMPTY), Fault(Kind.HUGE), Fault(Kind.NOT_UTF8),
    Fault(Kind.HTML), Fault(Kind.ERROR_AFTER, code=408), Fault(Kind.ERROR_AFTER, code=409),
    Fault(Kind.ERROR_AFTER, code=425), Fault(Kind.ERROR, code=500), Fault(Kind.RESET),
]  # fmt: skip


@pytest.mark.parametrize("fault", UNCLEAR, ids=lambda fault: f"{fault.kind}-{fault.code}")
def test_a_launch_that_may_have_worked_is_unclear(
    make: Make, server: FakeServer, tmp_path: Path, fault: Fault
) -> None:
    server.faults.plan([fault])
    made = make(server, timeout="400ms")
    answer = made.launch(wanted(tmp_path))
    assert isinstance(answer, LaunchUnclear)
    assert answer.detail, "a person is told why"


REFUSED = [
    (Fault(Kind.ERROR, code=400), FailureClass.PERMANENT, None),
    (Fault(Kind.ERROR, code=404), FailureClass.PERMANENT, None),
    (Fault(Kind.ERROR, code=401), FailureClass.AUTH, None),
    (Fault(Kind.ERROR, code=402), FailureClass.AUTH, None),
    (Fault(Kind.ERROR, code=403), FailureClass.AUTH, None),
    (Fault(Kind.TOO_MANY), FailureClass.HELD, 60_000),
    (Fault(Kind.TOO_MANY, retry_after="7"), FailureClass.HELD, 7_000),
    (Fault(Kind.ERROR, code=503, retry_after="3"), FailureClass.TRANSIENT, 3_000),
    (Fault(Kind.REDIRECT, times=9), FailureClass.PERMANENT, None),
]


@pytest.mark.parametrize(("fault", "kind", "after"), REFUSED, ids=lambda v: str(v)[:40])
def test_a_launch_that_was_refused_started_nothing(
    make: Make,
    server: FakeServer,
    tmp_path: Path,
    fault: Fault,
    kind: FailureClass,
    after: int | None,
) -> None:
    server.faults.plan([fault])
    made = make(server, refused_status=[503])
    answer = made.launch(wanted(tmp_path))
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.retry_after_ms) == (kind, after)
    assert answer.failure.message
    assert server.fake.runs.started() == {}
    assert server.count("launch") == 1, "neither a redirect nor a retry was followed"


def test_a_retry_after_may_be_a_date(make: Make, server: FakeServer, tmp_path: Path) -> None:
    when = "Wed, 21 Oct 2099 07:28:00 GMT"
    server.faults.plan([Fault(Kind.TOO_MANY, retry_after=when)])
    answer = make(server).launch(wanted(tmp_path))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.retry_after_ms == 7 * 86_400_000, "bounded"


def test_nobody_there_is_a_refusal_because_nothing_was_sent(make: Make, tmp_path: Path) -> None:
    with FakeServer(FakeHttpJobs()) as server:
        made = make(server)
    answer = made.launch(wanted(tmp_path))
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.code) == (FailureClass.TRANSIENT, "unreachable")


def test_who_cannot_prove_who_he_is_is_for_a_person(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    """A server that speaks no TLS where TLS was asked for fails like a bad certificate."""
    launch = {"method": "POST", "url": server.url.replace("http:", "https:") + "/jobs"}
    answer = make(server, launch=launch).launch(wanted(tmp_path))
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.code) == (FailureClass.AUTH, "tls")


def test_a_launch_whose_lease_is_about_to_end_is_not_sent(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    answer = make(server).launch(wanted(tmp_path, send_by=1))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.code == "late"
    assert server.count("launch") == 0


def test_secrets_are_read_at_the_call_and_stand_in_no_message(make: Make, tmp_path: Path) -> None:
    secret = "sk-0123456789"
    headers = {"Authorization": "Bearer {{ env.SERVICE_KEY }}"}
    with FakeServer(FakeHttpJobs(FOREVER, secret="another")) as server:
        launch = {"method": "POST", "url": f"{server.url}/jobs", "headers": headers, "json": {}}
        made = make(server, {"SERVICE_KEY": secret}, launch=launch)
        answer = made.launch(wanted(tmp_path))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.kind is FailureClass.AUTH
    assert secret not in answer.failure.message
    assert "***" in answer.failure.message
    assert made.readiness().why_not == ""
    missing = make(server, {}, launch=launch).readiness().why_not
    assert missing == "SERVICE_KEY is not set: set it where bydawn runs"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Kind.ERROR, "poll", 9, code=500), Fault(Kind.ERROR, "poll", 9, code=503),
        Fault(Kind.RESET, "poll", 9), Fault(Kind.HANG, "poll", 9), Fault(Kind.TOO_MANY, "poll", 9),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.code}",
)  # fmt: skip
def test_a_service_that_is_away_is_asked_later_and_later(
    make: Make, server: FakeServer, tmp_path: Path, fault: Fault
) -> None:
    made = make(server, timeout="200ms")
    handle = handle_of(made, wanted(tmp_path))
    first = made.poll(handle)
    server.faults.plan([fault])
    looks = [made.poll(handle) for _ in range(4)]
    assert all(isinstance(look, Alive) for look in looks)
    assert {look.witness for look in looks} == {first.witness}, "it is no progress"
    pauses = [look.look_again_ms for look in looks]
    assert pauses == sorted(set(pauses))
    assert all(look.needs_input is None for look in looks)


def test_a_retry_after_of_a_look_is_heeded(make: Make, server: FakeServer, tmp_path: Path) -> None:
    made = make(server)
    handle = handle_of(made, wanted(tmp_path))
    server.faults.plan([Fault(Kind.TOO_MANY, "poll", retry_after="90")])
    look = made.poll(handle)
    assert isinstance(look, Alive)
    assert look.look_again_ms == 90_000


@pytest.mark.parametrize(
    "kind", [Kind.MALFORMED, Kind.EMPTY, Kind.HUGE, Kind.NOT_UTF8, Kind.HTML, Kind.REDIRECT]
)
def test_an_answer_nobody_can_read_is_told_to_a_person_and_the_run_is_not_lost(
    make: Make, server: FakeServer, tmp_path: Path, kind: Kind
) -> None:
    made = make(server)
    handle = handle_of(made, wanted(tmp_path))
    server.faults.plan([Fault(kind, "poll", 3)])
    looks = [made.poll(handle) for _ in range(4)]
    asked = [look.needs_input if isinstance(look, Alive) else "?" for look in looks]
    assert (asked[0], asked[1], asked[3]) == (None, None, None)
    assert asked[2], "a person is told"
    server.fake.runs.finish(handle)
    assert ended(made, handle).outcome.failure is None


def test_a_revoked_key_is_told_at_once_and_the_run_goes_on_when_it_works_again(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server)
    handle = handle_of(made, wanted(tmp_path))
    server.faults.plan([Fault(Kind.ERROR, "poll", 1, code=401)])
    refused, again = made.poll(handle), made.poll(handle)
    assert isinstance(refused, Alive)
    assert refused.needs_input
    assert "401" in refused.needs_input
    assert isinstance(again, Alive)
    assert again.needs_input is None


def test_a_run_has_vanished_only_after_several_looks_over_the_settle_delay(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server, settle="100ms")
    server.faults.plan([Fault(Kind.LOST_RUN)])
    handle = handle_of(made, wanted(tmp_path))
    looks = [made.poll(handle) for _ in range(3)]
    assert all(isinstance(look, Alive) for look in looks[:2])
    until(lambda: isinstance(made.poll(handle), Vanished))
    fresh = make(server, settle="1h")
    assert all(isinstance(fresh.poll(handle), Alive) for _ in range(5))


@pytest.mark.parametrize(
    ("scene", "code", "message"),
    [
        (Scene(0, "failed", error="no such site"), "failed", "no such site"),
        (Scene(0, "cancelled"), "cancelled", 'the service says "cancelled"'),
    ],
)
def test_a_bad_end_is_told_in_its_own_words(
    make: Make, tmp_path: Path, scene: Scene, code: str, message: str
) -> None:
    with FakeServer(FakeHttpJobs(scene)) as server:
        made = make(server)
        failure = ended(made, handle_of(made, wanted(tmp_path))).outcome.failure
    assert failure is not None
    assert (failure.kind, failure.code, failure.message) == (
        FailureClass.TRANSIENT, code, message,
    )  # fmt: skip


def test_states_of_other_names_are_mapped_and_unheard_of_ones_go_on(
    make: Make, tmp_path: Path
) -> None:
    for ends, kind in (("SUCCESS", Ended), ("paused", Alive)):
        with FakeServer(FakeHttpJobs(Scene(0, ends))) as server:
            made = make(server, states={"SUCCESS": "succeeded"}, result_path="id")
            seen = made.poll(handle_of(made, wanted(tmp_path)))
        assert isinstance(seen, kind)


def test_a_cancel_is_asked_once_and_proved_by_a_look(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server)
    handle = handle_of(made, wanted(tmp_path))
    assert made.cancel(handle, "timeout").asked
    assert made.cancel(handle, "timeout").asked, "what is over needs no cancel"
    assert ended(made, handle).outcome.failure is not None
    server.faults.plan([Fault(Kind.RESET, "cancel")])
    assert not made.cancel(handle, "timeout").asked


def test_files_of_a_run_are_fetched_into_its_draft(make: Make, tmp_path: Path) -> None:
    with FakeServer(FakeHttpJobs(Scene(0, result="a report"))) as server:
        files = {"out/report.md": {"url": f"{server.url}/jobs/{{{{ remote.id }}}}/output"}}
        made = make(server, files=files)
        assert made.capabilities.collects
        one = wanted(tmp_path)
        handle = handle_of(made, one)
        ended(made, handle)
        assert made.collect(one, handle, str(tmp_path)) is None
        assert (tmp_path / "out/report.md").read_text() == "a report"
        failure = made.collect(one, "run-99", str(tmp_path))
    assert failure is not None
    assert failure.kind is FailureClass.PERMANENT


def test_a_handle_from_the_service_is_one_part_of_a_path(make: Make, server: FakeServer) -> None:
    make(server).poll("../jobs?x=1#y")
    ((verb, asked),) = server.asked
    assert (verb, asked.parts, asked.query) == ("poll", ("..%2Fjobs%3Fx%3D1%23y",), {})


def test_many_threads_share_a_few_connections(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = make(server)
    handles = [handle_of(made, wanted(tmp_path, str(number))) for number in range(20)]
    seen: list[Sighting] = []
    threads = [
        threading.Thread(target=lambda mine=handle: seen.append(made.poll(mine)))
        for handle in handles
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 20
    assert all(isinstance(each, Alive) for each in seen)


def listing(make: Make, server: FakeServer, **more: Any) -> HttpJobs:
    said = {"list": {"url": f"{server.url}/jobs/all"}, "list_path": "jobs"}
    return make(server, **{**said, **more})


def test_one_look_at_the_list_answers_for_all(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = listing(make, server)
    handles = [handle_of(made, wanted(tmp_path, str(number))) for number in range(20)]
    assert all(isinstance(made.poll(handle), Alive) for handle in handles)
    assert (server.count("list"), server.count("poll")) == (1, 0)


def test_what_ends_is_seen_on_the_list_with_all_it_brings(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = listing(make, server)
    handle = handle_of(made, wanted(tmp_path))
    server.fake.runs.finish(handle)
    outcome = ended(made, handle).outcome
    assert (outcome.result, outcome.usage.cost_micros) == ('"done"', 100)
    assert server.count("poll") == 0


def test_a_list_is_not_believed_after_a_cancel(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = listing(make, server)
    handle = handle_of(made, wanted(tmp_path))
    assert isinstance(made.poll(handle), Alive)
    made.cancel(handle, "operator")
    assert isinstance(made.poll(handle), Ended)


@pytest.mark.parametrize(
    "fault", [Kind.ERROR, Kind.HTML, Kind.MALFORMED, Kind.HANG, Kind.DROP, Kind.HUGE]
)
def test_without_a_list_of_use_each_run_is_looked_at_as_before(
    make: Make, server: FakeServer, tmp_path: Path, fault: Kind
) -> None:
    made = listing(make, server, timeout="300ms")
    handles = [handle_of(made, wanted(tmp_path, str(number))) for number in range(3)]
    server.faults.plan([Fault(fault, "list", 9)])
    assert all(isinstance(made.poll(handle), Alive) for handle in handles)
    assert (server.count("list"), server.count("poll")) == (1, 3), "and not asked for again at once"


def test_a_run_that_is_not_on_the_list_is_looked_up_before_it_counts_as_gone(
    make: Make, server: FakeServer, tmp_path: Path
) -> None:
    made = listing(make, server, list_path="none_of_it")
    assert isinstance(made.poll(handle_of(made, wanted(tmp_path))), Alive)
    made = listing(make, server, id_path="key")
    made.poll("run-1")
    assert server.count("poll") == 2


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"list": {"url": "http://x/"}}, "list and list_path belong together"),
        (
            {"list": {"url": "http://x/{{ remote.id }}"}, "list_path": "jobs"},
            "list is one for all jobs",
        ),
    ],
)
def test_a_list_that_cannot_be_one_is_refused(
    make: Make, server: FakeServer, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        make(server, **more)
