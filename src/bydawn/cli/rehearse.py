"""``bydawn rehearse``: the whole plan, with nothing happening."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.opening import opened
from bydawn.cli.overriding import overrides_from, overriding_options
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.join import fold
from bydawn.watch import report
from bydawn.watch.amounts import length
from bydawn.watch.documents import Reading, batch_document, standing_of

if TYPE_CHECKING:
    from bydawn.app.beforehand.rehearsal import Rehearsed


@verb(
    "bydawn rehearse nightly.toml",
    "bydawn rehearse nightly.toml --faults 7     # with trouble, the same each time",
)
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--faults", type=int, metavar="SEED", help="Inject trouble.")
@overriding_options
def rehearse(settings: Settings, talk: Talk, plan: Path, faults: int | None, **options: Any) -> int:
    """Play a whole plan on scripted agents in a throwaway store. Nothing is started or changed."""
    with (
        opened(settings, plan) as app,
        app.rehearse(plan, overrides_from(options, settings.directory), faults) as rehearsed,
    ):
        code = _say(talk, rehearsed)
    talk.lead_on(f"bydawn run {plan} does it")
    return code


def _say(talk: Talk, rehearsed: Rehearsed) -> int:
    store = rehearsed.store
    batch = store.batch(rehearsed.batch.number)
    reading = Reading(store, store.session.clock.utc_ms())
    joined = fold(standing_of(reading, batch), batch.terms.allow_failures)
    talk.tell(f"rehearsed {batch.address} in {length(rehearsed.virtual_ms)} of played time")
    if talk.settings.json:
        talk.document(batch_document(reading, batch))
    else:
        talk.say_summary(report.summary(report.gather(reading, batch)))
    return joined.exit_code
