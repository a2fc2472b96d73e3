"""``bydawn db``: look at the store, migrate it, back it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.app import App


@click.group(cls=Family)
def db() -> None:
    """Look at the store, migrate it, back it up."""


@verb("bydawn db status")
def status(settings: Settings, talk: Talk) -> int:
    """Where the store is, how large it is, and who works on it."""
    with opened(settings) as app:
        facts = _facts(app)
    talk.answer(
        {"schema": "bydawn/store/1", **facts}, table((name, str(v)) for name, v in facts.items())
    )
    return 0


@verb("bydawn db migrate")
def migrate(settings: Settings, talk: Talk) -> int:
    """Bring the store to this version's form. Any command does so; this one does nothing else."""
    with opened(settings) as app:
        app.existing_store()
        say_done(talk, "migrate", [app.store_url], [])
    return 0


@verb("bydawn db backup night.db")
@click.argument("target", type=click.Path(path_type=Path))
def backup(settings: Settings, talk: Talk, target: Path) -> int:
    """A consistent copy of the store, taken while it may be in use."""
    with opened(settings) as app:
        app.backup(settings.directory / target)
    say_done(talk, "back up to", [str(target)], [])
    return 0


def _facts(app: App) -> dict[str, Any]:
    exists = app.has_store()
    return {
        "store": app.store_url,
        "exists": exists,
        "size_bytes": app.store.session.size_bytes() if exists else 0,
        "state_folder": str(app.state_folder),
        "batches": len(app.store.batches()) if exists else 0,
        "runners": len(app.runners()) if exists else 0,
        "stopped": app.is_stopped(),
    }


for _made in (status, migrate, backup):
    db.add_command(_made)
