"""Traces and metrics for other tools: off unless asked for, and never in a runner's way."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bydawn.app.runs.beside import says_yes
from bydawn.app.runs.outcomes import joined_of
from bydawn.core.errors import BackendMissing, StoreUnavailable, UsageError
from bydawn.core.redaction import Redactor
from bydawn.runner.secrets import Secrets
from bydawn.store.store import Batch, Store
from bydawn.version import __version__
from bydawn.watch import genai
from bydawn.watch.sanitise import inert
from bydawn.watch.spans import Span, SpanId, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_AT_ONCE = 512
_MS = 1_000_000


def export_spans(store: Store, batch: Batch, environment: Mapping[str, str]) -> int:
    """Send all spans of a batch where the OTEL_ variables say; how many. BackendMissing without
    the extra, StoreUnavailable where nobody takes them."""
    shows = says_yes(environment, genai.CAPTURE)
    spans = Tracer(store, batch, shows).spans(joined_of(store, batch), store.session.clock.utc_ms())
    return send_spans(spans, environment)


def send_spans(spans: Iterable[Span], environment: Mapping[str, str]) -> int:
    """The same for some spans."""
    send = _sender()
    redactor = Secrets(environment).redactor
    count = 0
    for some in _chunks(spans):
        if not send([_readable(span, redactor) for span in some]):
            raise StoreUnavailable(
                "the collector did not take the spans", "see OTEL_EXPORTER_OTLP_ENDPOINT"
            )
        count += len(some)
    return count


def write_metrics(text: str, path: Path) -> None:
    """For the textfile collector: whole or not at all."""
    private = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        private.write_text(text, "utf-8")
        private.chmod(0o644)
        private.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name a file that can be written") from error


def _chunks(spans: Iterable[Span]) -> Iterator[list[Span]]:
    left = iter(spans)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _sender() -> Callable[[list[ReadableSpan]], bool]:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ModuleNotFoundError as error:
        raise BackendMissing(
            f"traces need {error.name}, which is not installed", "pip install 'bydawn[otel]'"
        ) from error
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we say it ourselves, once
    exporter = OTLPSpanExporter()

    def send(spans: list[ReadableSpan]) -> bool:
        return bool(exporter.export(spans) is SpanExportResult.SUCCESS)

    return send


def _readable(span: Span, redactor: Redactor) -> ReadableSpan:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link
    from opentelemetry.trace.status import Status, StatusCode

    name = os.environ.get("OTEL_SERVICE_NAME", "bydawn")
    said = redactor.text(inert(span.error)) if span.error else None
    return ReadableSpan(
        redactor.text(inert(span.name)),
        context=_place_of(span.id),
        parent=_place_of(span.parent) if span.parent else None,
        resource=Resource.create({"service.name": name, "service.version": __version__}),
        attributes=redactor.value(span.attributes),
        links=[Link(_place_of(link)) for link in span.links],
        status=Status(StatusCode.ERROR, said) if said else Status(StatusCode.OK),
        start_time=span.started_at * _MS,
        end_time=max(span.started_at, span.ended_at) * _MS,
        instrumentation_scope=InstrumentationScope("bydawn", __version__),
    )


def _place_of(id_: SpanId) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(id_.trace, 16), int(id_.span, 16), is_remote=False, trace_flags=flags)
