"""``bydawn export``: traces and metrics for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bydawn.cli.addressing import batch_argument
from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.picking import newest_batch
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb

if TYPE_CHECKING:
    from bydawn.app import App


@click.group(cls=Family)
def export() -> None:
    """Traces and metrics for other tools. Nothing is sent unless you ask for it."""


@verb("bydawn export spans nightly     # to OTEL_EXPORTER_OTLP_ENDPOINT")
@batch_argument()
def spans(settings: Settings, talk: Talk, batch: str | None) -> int:
    """Send a batch as OpenTelemetry spans to where the OTEL_ variables say.

    With BYDAWN_OTEL=on in the environment of a run they leave by themselves as jobs end."""
    from bydawn.app.sending.telemetry import export_spans

    with opened(settings) as app:
        found = newest_batch(app, batch)
        count = export_spans(app.store, found, app.invocation.environment)
    say_done(talk, "export", [f"{found.address}: {count} spans"], [])
    return 0


@verb("bydawn export metrics", "bydawn export metrics --textfile /var/lib/node_exporter/b.prom",
      "bydawn export metrics --port 9464")  # fmt: skip
@click.option("--textfile", type=click.Path(path_type=Path), help="Write them there, whole.")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help="Serve them on 127.0.0.1."
)
def metrics(settings: Settings, talk: Talk, textfile: Path | None, port: int | None) -> int:
    """The newest night of every plan, as Prometheus reads it.

    With BYDAWN_METRICS_FILE in the environment of a run the file is kept fresh by itself."""
    from bydawn.app.sending.telemetry import write_metrics

    with opened(settings) as app:
        app.existing_store()
        if port is not None:
            _serve(app, talk, port)
        elif textfile is not None:
            write_metrics(_text(app), settings.directory / textfile)
            say_done(talk, "write", [str(textfile)], [])
        else:
            talk.say_text(_text(app))
    return 0


def _serve(app: App, talk: Talk, port: int) -> None:
    from bydawn.app.sending.metering import HOST, serve_metrics

    serve_metrics(
        lambda: _text(app), port, lambda bound: talk.tell(f"http://{HOST}:{bound}/metrics")
    )


def _text(app: App) -> str:
    from bydawn.watch.metrics import exposition

    return exposition(reading_of(app))


for _made in (spans, metrics):
    export.add_command(_made)
