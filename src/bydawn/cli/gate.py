"""``bydawn gate``: write to a target so that an older claim cannot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.core.errors import UsageError
from bydawn.watch.sanitise import inert

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.app.leases.publishing import Receipt
    from bydawn.core.fencing import Claim, FenceRecord

_NAME = click.option("--name", help="The lease to write under; else BYDAWN_* of the environment.")
_TOKEN = click.option("--token", type=click.IntRange(1), metavar="N", help="Its token.")
_NONCE = click.option("--nonce", help="Its nonce, to be sure.")
_DEST = click.argument("dest")


@click.group(cls=Family)
def gate() -> None:
    """Publish so that a newer token at the target is never overwritten."""


@verb("bydawn gate publish draft.html public/index.html --name site-a --token 42")
@click.argument("src", type=click.Path(path_type=Path))
@_DEST
@_NAME
@_TOKEN
@_NONCE
def publish(
    settings: Settings, talk: Talk, src: Path, dest: str,
    name: str | None, token: int | None, nonce: str | None,
) -> int:  # fmt: skip
    """Install a file or folder. Exit 9, and nothing touched, when a newer token was seen there."""
    from bydawn.app.leases.publishing import publish as install

    with _opened(settings) as app:
        claim = _claim(app, name, token, nonce)
        _say(talk, install(app, src, dest, claim, settings.directory.resolve()))
    return 0


@verb("bydawn gate push origin content --name site-a --token 42")
@click.argument("remote")
@click.argument("branch")
@click.option("--from", "revision", default="HEAD", help="The commit to bring there (HEAD).")
@_NAME
@_TOKEN
@_NONCE
def push(
    settings: Settings, talk: Talk, remote: str, branch: str, revision: str,
    name: str | None, token: int | None, nonce: str | None,
) -> int:  # fmt: skip
    """Move a remote branch and its fence in one atomic push. Exit 9, and nothing moved, if late."""
    from bydawn.app.leases.publishing import push as move

    with _opened(settings) as app:
        claim = _claim(app, name, token, nonce)
        _say(talk, move(app, remote, branch, revision, claim, settings.directory.resolve()))
    return 0


@verb("bydawn gate check public/index.html", "bydawn gate check origin#content")
@_DEST
def check(settings: Settings, talk: Talk, dest: str) -> int:
    """Which claim wrote there last."""
    from bydawn.app.leases.publishing import check as look

    with _opened(settings) as app:
        state, record = look(app, dest, settings.directory.resolve())
    said = f": {inert(str(record.claim))}" if record else ""
    talk.answer(_document(dest, state, record), [f"{inert(dest)}  {state}{said}"])
    return 0


@verb("bydawn gate adopt public/index.html --reason 'the backup was restored on purpose'")
@_DEST
@click.option("--reason", default="", help="Why; it is kept in the journal.")
def adopt(settings: Settings, talk: Talk, dest: str, reason: str) -> int:
    """Say that this store may go on at a target whose record is missing, damaged or another's."""
    from bydawn.app.leases.publishing import adopt as go_on

    with _opened(settings) as app:
        record = go_on(app, dest, reason, settings.directory.resolve())
    said = f"{inert(dest)}  adopted under token {record.claim.token}"
    remedy = "acquire a lease anew, or resolve the job, to write there"
    talk.answer(_document(dest, "applied", record), [f"{said}; {remedy}"])
    return 0


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[App]:
    from bydawn.app import Invocation, open_app
    from bydawn.app.leases.publishing import at_home

    said = Invocation(settings.directory, settings.store, dict(os.environ))
    with contextlib.closing(open_app(at_home(said))) as app:
        yield app


def _claim(app: App, name: str | None, token: int | None, nonce: str | None) -> Claim:
    from bydawn.app.leases.publishing import claim_by_name, claim_from_environment

    if name is None and token is None:
        return claim_from_environment(app, app.invocation.environment)
    if name is None or token is None:
        raise UsageError("--name and --token go together", "give both, or neither")
    return claim_by_name(app, name, token, nonce)


def _say(talk: Talk, receipt: Receipt) -> None:
    document = {"schema": "bydawn/published/1", **asdict(receipt)}
    what = "published" if receipt.written else "was there already"
    talk.answer(document, [f"{inert(receipt.target)}  {what}  sha256 {receipt.sha256[:16]}"])


def _document(dest: str, state: str, record: FenceRecord | None) -> dict[str, Any]:
    told = asdict(record) if record else {"claim": None}
    return {"schema": "bydawn/gate/1", "target": dest, "state": state, **told}


for _made in (publish, push, check, adopt):
    gate.add_command(_made)
