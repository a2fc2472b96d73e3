"""``bydawn cost``: what was spent, by whatever it is asked for, and what models cost."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bydawn.cli.opening import opened
from bydawn.cli.prices import prices
from bydawn.cli.settings import settings_of
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family
from bydawn.core.errors import UsageError
from bydawn.core.lengths import LengthError, parse_length
from bydawn.watch.spending import naming, spending_document, spending_table, spent_by

_USUAL = "30d"
_ALL = "all"


@click.group(
    cls=Family,
    invoke_without_command=True,
    examples=("bydawn cost --by tag:site --since 30d",),
)
@click.option(
    "--by", default="job", metavar="WHAT", help="job, tag:NAME, model, backend, plan, day."
)
@click.option("--since", default=_USUAL, metavar="T", help='A day, a length like "30d", or "all".')
@click.pass_context
def cost(ctx: click.Context, by: str, since: str) -> int | None:
    """What was spent, wasted and reserved; with a subcommand, what models cost.

    Wasted is what went into attempts that were thrown away. The last 30 days, if no other time is
    named.
    """
    return None if ctx.invoked_subcommand else _spent(ctx, by, since)


def _spent(ctx: click.Context, by: str, since: str) -> int:
    settings = settings_of(ctx)
    naming(by)
    with opened(settings) as app:
        found = spent_by(app.existing_store(), by, moment_of(since, app.clock.utc_ms()))
    Talk(settings).answer(spending_document(found), spending_table(found))
    return 0


def moment_of(text: str, now: int) -> int:
    """An instant as it is typed: a day, a moment with its offset, a length back from now, all."""
    if text == _ALL:
        return 0
    try:
        return max(0, now - parse_length(text))
    except LengthError:
        pass
    try:
        told = datetime.fromisoformat(text)
        local = told if told.tzinfo else told.astimezone()
        return max(0, int(local.astimezone(UTC).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        remedy = 'write a day like 2026-11-01, a length like "7d", or "all"'
        raise UsageError(f"{text}: is no day and no length", remedy) from None


cost.add_command(prices)
