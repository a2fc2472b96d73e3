"""What other tools are told of a night: spans in their order, metrics in their form."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from receiving import Received
from scene import Scene, ok, scripted
from test_real_runs import Place

from bydawn.app import Invocation, place
from bydawn.app.names import TRACES
from bydawn.app.runs.outcomes import joined_of
from bydawn.app.sending.process import make_sender
from bydawn.app.sending.telemetry import export_spans, write_metrics
from bydawn.core.errors import UsageError
from bydawn.core.model import JobSpec
from bydawn.store.store import Batch
from bydawn.watch import genai
from bydawn.watch.metrics import exposition
from bydawn.watch.spans import Span, Tracer, batch_id

PROMPT = "write about the sea"


def spans_of(scene: Scene, batch: Batch, shows_prompts: bool = False) -> list[Span]:
    tracer = Tracer(scene.store, batch, shows_prompts)
    return list(tracer.spans(joined_of(scene.store, batch), scene.clock.utc_ms()))


def traced(scene: Scene, *specs: JobSpec) -> Batch:
    batch = scene.submit(*specs)
    scene.drive(batch)
    return scene.fresh(batch)


def agent(name: str, *script: dict[str, object]) -> JobSpec:
    payload = {"script": list(script), "prompt": PROMPT, "model": "gemini-3.5-flash"}
    return JobSpec(id=name, backend="scripted", payload=payload, retries=1)


def test_a_job_is_a_trace_with_its_attempts_and_their_actions(scene: Scene) -> None:
    trouble = {"takes_ms": 60_000, "ends": "error 503"}
    batch = traced(scene, agent("a", trouble, ok(300_000, usage={"input_tokens": 9})))
    spans = spans_of(scene, batch)
    by_name = {span.name: span for span in spans}
    job, first, second = by_name["a"], by_name["attempt 1"], by_name["attempt 2"]
    assert {job.id.trace} == {span.id.trace for span in spans if span.name != batch.address}
    assert first.parent == second.parent == job.id
    assert first.error == "503"
    assert second.error is None
    assert second.attributes["gen_ai.usage.input_tokens"] == 9
    assert second.attributes[genai.REQUEST_MODEL] == "gemini-3.5-flash"
    assert job.links == (batch_id(batch),)
    runs = [span for span in spans if span.name == "run"]
    assert [span.parent for span in runs] == [first.id, second.id]
    assert runs[1].ended_at - runs[1].started_at == 300_000
    assert spans[-1].name == batch.address
    assert all(span.started_at <= span.ended_at for span in spans)
    assert len({span.id for span in spans}) == len(spans)


def test_the_ids_are_those_the_run_was_given(scene: Scene) -> None:
    batch = traced(scene, scripted("a", ok()))
    job = scene.job(batch, "a")
    (attempt,) = (span for span in spans_of(scene, batch) if span.name == "attempt 1")
    assert attempt.id.trace == job.key[:32]
    assert int(attempt.id.span, 16) == job.token


def test_a_retried_job_has_a_span_for_each_round(scene: Scene) -> None:
    batch = traced(scene, scripted("a", {"takes_ms": 9, "ends": "exit 3"}, retries=0))
    scene.store.retry(scene.job(batch, "a").number, scene.chance.nonce)
    scene.drive(batch)
    spans = spans_of(scene, scene.fresh(batch))
    assert len([span for span in spans if span.name == "a"]) == 2
    assert len({span.id for span in spans}) == len(spans)


def test_prompts_stay_at_home_unless_asked_for(scene: Scene) -> None:
    batch = traced(scene, agent("a", ok()))
    assert PROMPT not in repr(spans_of(scene, batch))
    assert PROMPT in repr(spans_of(scene, batch, shows_prompts=True))


def test_spans_arrive_where_the_variables_say(
    scene: Scene, receiver: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    url, received = receiver
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    batch = traced(scene, agent("a", ok()), scripted("b", {"takes_ms": 9, "ends": "exit 3"}))
    count = export_spans(scene.store, batch, {"MY_TOKEN": "scripted-and-secret"})
    ((path, body),) = received
    assert path == "/v1/traces"
    found = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert len(found.scope_spans[0].spans) == count
    told = {each.key: each.value.string_value for each in found.resource.attributes}
    assert told["service.name"] == "bydawn"
    assert told["deployment.environment"] == "test"
    assert PROMPT.encode() not in body


def test_a_collector_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """The run ends as ever; the trace is tried by the process beside it."""
    place = Place(tmp_path)
    place.plan('schema = 1\nname = "night"\n[[job]]\nid = "a"\nargv = ["true"]\n')
    assert place.run("run", "night.toml")[0] == 0
    place.environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
                          "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}  # fmt: skip
    code, _, err = place.run("export", "spans")
    assert code == 75
    assert "the collector did not take the spans" in err
    assert "Traceback" not in err


def test_a_collector_that_hangs_is_left_with_words(
    scene: Scene, receiver: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sender beside a night asks: it gets an answer, never an error, and soon."""
    url, seen = receiver
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{url}/hang")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1")
    spans = spans_of(scene, traced(scene, scripted("a", ok())))
    where = place.Place(scene.folder / ".bydawn", scene.path)
    invocation = Invocation(scene.folder, environment={TRACES: "on"})
    send = make_sender(where, invocation, scene.store).outlets.trace
    assert send is not None
    assert send(spans).startswith("the collector did not take the spans")
    assert len(seen) >= 1


LINE = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{\w+="([^"\\\n]|\\.)*"(,\w+="([^"\\\n]|\\.)*")*\})? '
                  r"-?\d+(\.\d+)?)")  # fmt: skip


def test_metrics_are_plain_and_say_what_the_report_says(scene: Scene) -> None:
    batch = scene.night()
    scene.drive(batch)
    text = exposition(scene.reading())
    assert all(LINE.fullmatch(line) for line in text.splitlines())
    assert 'bydawn_batch_jobs{plan="nightly",state="failed"} 1\n' in text
    assert 'bydawn_batch_cost_usd{plan="nightly"} 0.73\n' in text
    assert 'bydawn_batch_exit_code{plan="nightly"} 8\n' in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_a_textfile_is_whole_or_not_there(tmp_path: Path) -> None:
    write_metrics("a 1\n", tmp_path / "m.prom")
    assert (tmp_path / "m.prom").read_text() == "a 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["m.prom"]
    with pytest.raises(UsageError):
        write_metrics("a 1\n", tmp_path / "no" / "m.prom")


def test_metrics_are_served_to_this_machine_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.plan('schema = 1\nname = "night"\n[[job]]\nid = "a"\nargv = ["true"]\n')
    place.run("run", "night.toml")
    server = place.start("export", "metrics", "--port", "0")
    assert server.stderr
    try:
        url = server.stderr.readline().strip()
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert b'bydawn_batch_jobs{plan="night",state="succeeded"} 1' in answer.read()
        foreign = urllib.request.Request(url, headers={"Host": "evil.example"})
        other = urllib.request.Request(url.replace("metrics", "x"))
        for wrong, code in ((foreign, 403), (other, 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(wrong, timeout=30)
            assert refused.value.code == code
            refused.value.close()
    finally:
        server.terminate()
        try:
            server.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
    assert json.loads(place.run("status", "--json")[1])
