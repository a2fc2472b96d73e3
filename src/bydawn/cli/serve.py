"""``bydawn serve``: the dashboard."""

from __future__ import annotations

import os

import click

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.errors import BackendMissing

_PORT = 8377
_EXTRA = ("starlette", "uvicorn")


@verb("bydawn serve", "bydawn serve --port 0 --read-only --json")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=_PORT, metavar="PORT", help="0: any free one."
)
@click.option("--host", default="127.0.0.1", help="Elsewhere than this machine: at your own risk.")
@click.option("--read-only", is_flag=True, help="Show everything, change nothing.")
def serve(settings: Settings, talk: Talk, port: int, host: str, read_only: bool) -> int:
    """Serve the dashboard until Ctrl-C, on this machine only.

    The link that is printed holds a key; whoever has it can see and steer. Runs do not notice
    whether anybody looks.
    """
    from bydawn.app import Invocation

    assert settings.dashboard is not None, "every way to start bydawn brings it"

    def say(link: str) -> None:
        talk.answer({"schema": "bydawn/serve/1", "url": link}, [link])

    invocation = Invocation(settings.directory, settings.store, dict(os.environ))
    try:
        settings.dashboard(invocation, host, port, read_only, say)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise BackendMissing(
            f"the dashboard needs {error.name}, which is not installed",
            "pip install 'bydawn[web]'",
        ) from error
    return 0
