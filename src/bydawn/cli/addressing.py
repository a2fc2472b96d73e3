"""Arguments that name batches and jobs, and what a shell may offer for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem

from bydawn.cli.opening import opened
from bydawn.cli.settings import settings_of
from bydawn.watch.sanitise import inert

_OFFERED = 500
Decorator = Callable[[Any], Any]


def batch_argument(required: bool = False) -> Decorator:
    """One batch: ``nightly`` or ``nightly@2026-11-19``."""
    return click.argument("batch", required=required, shell_complete=_batches)


def job_argument() -> Decorator:
    """One job: ``nightly/article-a`` or a job_id."""
    return click.argument("job", shell_complete=_jobs)


def addresses_argument() -> Decorator:
    """Batches or jobs, at least one."""
    return click.argument(
        "addresses", metavar="BATCH|JOB…", nargs=-1, required=True, shell_complete=_both
    )


def address_argument() -> Decorator:
    """One batch or one job."""
    return click.argument("address", metavar="BATCH|JOB", shell_complete=_both)


def _batches(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    del option
    return _offered(ctx, begun, _batch_names)


def _jobs(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    del option
    return _offered(ctx, begun, _names_within)


def _both(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    del option
    return _offered(ctx, begun, _names_within if "/" in begun else _batch_names)


def _offered(
    ctx: click.Context, begun: str, names: Callable[[Any, str], Iterator[str]]
) -> list[CompletionItem]:
    """What begins so. A shell that completes is never shown an error."""
    try:
        with opened(settings_of(ctx)) as app:
            if not app.has_store():
                return []
            found = (name for name in names(app, begun) if name.startswith(begun))
            return [CompletionItem(inert(name)) for name in itertools.islice(found, _OFFERED)]
    except Exception:
        return []


def _batch_names(app: Any, begun: str) -> Iterator[str]:
    del begun
    batches = app.store.batches()
    yield from dict.fromkeys(batch.plan for batch in batches)
    yield from (batch.address for batch in batches if batch.edition)


def _names_within(app: Any, begun: str) -> Iterator[str]:
    """Jobs of the batch before the slash; before there is one, the batches to choose from."""
    batch, slash, _ = begun.partition("/")
    if not slash:
        yield from (f"{name}/" for name in _batch_names(app, begun))
        return
    for job in app.jobs_at(batch):
        yield f"{batch}/{job.name}"
