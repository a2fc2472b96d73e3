"""Spans leave as jobs end: once, in one trace a job, whoever is killed, and nobody waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from receiving import Received
from scene import HOUR, Scene, ok, scripted
from test_real_runs import Place, until

from bydawn.app.sending import tracing
from bydawn.app.sending.sender import Outlets, Sender
from bydawn.core.model import JobSpec, Limits
from bydawn.store import notices
from bydawn.store.sqlite import forgo_durability
from bydawn.watch.notices import unsent_lines
from bydawn.watch.spans import Span, batch_id

MINUTE = 60_000
TROUBLE = {"takes_ms": MINUTE, "ends": "error 503"}


@pytest.fixture(autouse=True)
def in_a_hurry(scene: Scene) -> None:
    """No test here loses power."""
    forgo_durability(scene.store.session)


@dataclass
class Collector:
    """Where the spans go; ``answer`` is what went wrong there."""

    parcels: list[list[Span]] = field(default_factory=list)
    answer: str = ""

    def take(self, spans: list[Span]) -> str:
        if not self.answer:
            self.parcels.append(list(spans))
        return self.answer

    def spans(self) -> list[Span]:
        return [span for parcel in self.parcels for span in parcel]

    def names(self) -> list[str]:
        return [span.name for span in self.spans()]


def sender_of(scene: Scene, collector: Collector, alive: bool = True) -> Sender:
    return Sender(scene.store, {}, lambda _: alive, lambda batch: (batch.address, []),
                  Outlets(trace=collector.take))  # fmt: skip


def night(*lengths: int) -> list[JobSpec]:
    """Jobs that are tried twice, and take so many minutes at the second try."""
    limits = Limits(timeout_ms=12 * HOUR)
    return [
        scripted(f"j{n}", TROUBLE, ok(minutes * MINUTE), limits=limits)
        for n, minutes in enumerate(lengths)
    ]


def is_told_once(collector: Collector) -> bool:
    ids = [span.id for span in collector.spans()]
    return len(ids) == len(set(ids))


def test_a_job_that_ended_is_told_while_the_night_goes_on(scene: Scene) -> None:
    batch = scene.submit(*night(10, 600))
    scene.drive(batch, hours=1)
    collector = Collector()
    sender_of(scene, collector).turn()
    assert {"j0", "attempt 2", "run"} <= set(collector.names())
    assert not {"j1", batch.address} & set(collector.names())


def test_a_night_that_was_killed_and_goes_on_is_told_once_in_one_trace(scene: Scene) -> None:
    """The runner and the sender die several times, each time between two looks."""
    batch = scene.submit(*night(10, 50, 90, 150))
    collector = Collector()
    for hours in (0.05, 0.3, 0.7, 1, 24):
        scene.drive(batch, hours=hours)
        sender_of(scene, collector).turn()
        sender_of(scene, collector, alive=False).turn()
    assert is_told_once(collector)
    names = collector.names()
    assert [names.count(f"j{n}") for n in range(4)] == [1] * 4
    assert names.count("attempt 1") == names.count("attempt 2") == 4
    assert names[-1] == batch.address
    for number in range(4):
        (job,) = (span for span in collector.spans() if span.name == f"j{number}")
        assert job.id.trace == scene.job(batch, f"j{number}").key[:32]
        below = [span for span in collector.spans() if span.parent == job.id]
        assert [span.name for span in below] == ["attempt 1", "attempt 2"]
        assert {span.id.trace for span in below} == {job.id.trace}


def test_one_sender_for_the_whole_night_tells_the_same(scene: Scene) -> None:
    batch = scene.submit(*night(10, 50, 90))
    piecemeal, whole = Collector(), Collector()
    sender = sender_of(scene, piecemeal)

    def turned() -> None:
        sender.turn()

    scene.drive(batch, turned=turned)
    sender.turn()
    assert is_told_once(piecemeal)
    assert len(piecemeal.parcels) > 5
    told = notices.told(scene.store.session, batch.number)
    assert sum(map(notices.is_parcel, told)) == 1, "rows do not pile up"
    scene.store.session.transact(lambda: scene.store.session.change("DELETE FROM notice", ()))
    sender_of(scene, whole).turn()
    assert {span.id for span in whole.spans()} == {span.id for span in piecemeal.spans()}


def test_a_sender_that_died_while_sending_is_followed_under_the_same_ids(scene: Scene) -> None:
    batch = scene.submit(*night(10))
    scene.drive(batch)

    def die(spans: list[Span]) -> str:
        collector.take(spans)
        raise KeyboardInterrupt

    collector = Collector()
    dying = Sender(scene.store, {}, lambda _: True, lambda b: (b.address, []), Outlets(trace=die))
    with pytest.raises(KeyboardInterrupt):
        dying.turn()
    sender_of(scene, collector).turn()
    assert len(collector.parcels) == 1, "it may still be at it"
    scene.clock.wind(HOUR)
    sender_of(scene, collector).turn()
    first, again, end = collector.parcels
    assert first == again
    assert [span.name for span in end] == [batch.address]


def test_two_senders_never_take_the_same(scene: Scene) -> None:
    batch = scene.submit(*night(10, 50))
    scene.drive(batch, hours=0.5)
    session = scene.store.session
    assert notices.claim_parcel(session, batch.number, 0, 17)
    assert not notices.claim_parcel(session, batch.number, 0, 17)
    assert not notices.claim_parcel(session, batch.number, 0, 23), "another one is under way"
    collector = Collector()
    sender_of(scene, collector).turn()
    assert collector.parcels == []
    notices.note_sent(session, notices.parcel_address(batch.number, 17))
    assert not notices.claim_parcel(session, batch.number, 0, 23), "a part of it has been sent"
    assert notices.claim_parcel(session, batch.number, 17, 23)


def test_a_collector_that_is_gone_for_hours_gets_everything_when_it_is_back(scene: Scene) -> None:
    batch = scene.submit(*night(10, 20, 50, 70))
    collector = Collector(answer="nobody there")
    sender = sender_of(scene, collector)

    def turned() -> None:
        collector.answer = "nobody there" if scene.clock.utc_ms() < began + 45 * MINUTE else ""
        sender.turn()

    began = scene.clock.utc_ms()
    scene.drive(batch, turned=turned)
    assert collector.parcels
    scene.clock.wind(HOUR)
    sender.turn()
    assert is_told_once(collector)
    assert [collector.names().count(f"j{n}") for n in range(4)] == [1] * 4
    assert collector.names()[-1] == batch.address


def test_a_collector_that_stays_away_is_left_after_the_night_and_the_report_says_so(
    scene: Scene,
) -> None:
    batch = scene.submit(*night(10))
    scene.drive(batch)
    collector = Collector(answer="nobody there")
    sender, turns = sender_of(scene, collector, alive=False), 1
    while sender.turn():
        scene.clock.wind(15 * MINUTE)
        turns += 1
    assert turns == notices.MOST_TRIES
    assert unsent_lines(notices.told(scene.store.session, batch.number)) == [
        "not told: traces: nobody there (given up; bydawn export spans sends them)"
    ]
    collector.answer = ""
    scene.clock.wind(HOUR)
    sender_of(scene, collector, alive=True).turn()
    assert "j0" in collector.names(), "a night that goes on tries again"


def test_a_later_end_is_a_span_of_its_own_and_repeats_nothing(scene: Scene) -> None:
    batch = scene.submit(scripted("a", {"takes_ms": 9, "ends": "exit 3"}, retries=0))
    collector = Collector()
    for _ in range(2):
        scene.drive(batch)
        sender_of(scene, collector).turn()
        scene.clock.wind(HOUR)
        scene.store.retry(scene.job(batch, "a").number, scene.chance.nonce)
    assert is_told_once(collector)
    first, later = (span for span in collector.spans() if span.name == batch.address)
    assert (first.id, later.parent) == (batch_id(batch), first.id)
    assert collector.names().count("a") == 2


def test_a_long_night_leaves_in_many_parcels(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "AT_ONCE", 20)
    batch = scene.submit(*night(*range(1, 31)), parallel=30, retry_budget=1.0)
    scene.drive(batch)
    collector = Collector()
    sender_of(scene, collector).turn()
    assert is_told_once(collector)
    assert max(map(len, collector.parcels)) < 20 + 10
    assert len(collector.parcels) > 9
    assert collector.names().count("attempt 2") == 30


PLAN = """
schema = 1
name = "night"
[[job]]
id = "quick"
argv = ["true"]
[[job]]
id = "long"
shell = "while [ ! -e {gate} ]; do sleep 0.05; done"
"""


def spans_in(received: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Name and id of every span that came over the wire, in the order they came."""
    asked = [ExportTraceServiceRequest.FromString(body) for _, body in list(received)]
    return [
        (span.name, (span.trace_id + span.span_id).hex())
        for one in asked for span in one.resource_spans[0].scope_spans[0].spans
    ]  # fmt: skip


@pytest.mark.wide
def test_a_real_night_killed_in_the_middle_is_told_once(tmp_path: Path, receiver: Received) -> None:
    url, received = receiver
    place = Place(tmp_path)
    place.environment |= {"BYDAWN_OTEL": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    plan = place.plan(PLAN.format(gate=tmp_path / "go"))
    running = place.start("run", plan)
    until(lambda: "quick" in dict(spans_in(received)))
    running.kill()
    running.communicate()
    assert "long" not in dict(spans_in(received))
    (tmp_path / "go").touch()
    assert place.run("run", plan)[0] == 0
    until(lambda: "night" in dict(spans_in(received)))
    ids = [one for _, one in spans_in(received)]
    assert len(ids) == len(set(ids))
    assert {"quick", "long", "attempt 1", "night"} <= dict(spans_in(received)).keys()
