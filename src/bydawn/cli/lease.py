"""``bydawn lease``: named leases with fencing tokens, for any program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bydawn.cli.adhoc import length_of
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb
from bydawn.watch.amounts import rfc3339
from bydawn.watch.sanitise import inert

if TYPE_CHECKING:
    from bydawn.app.leases.leasing import Lease

_NAME = click.argument("name")
_TTL = click.option("--ttl", metavar="T", default="60s", help="How long it is held unrenewed.")
_WAIT = click.option("--wait", metavar="T", default="0s", help="Wait for it at most so long.")
_TOKEN = click.option(
    "--token", type=click.IntRange(1), metavar="N", required=True, help="As it was acquired."
)
_NONCE = click.option("--nonce", help="As it was acquired; a restored store cannot repeat it.")


@click.group(cls=Family)
def lease() -> None:
    """Named leases: one holder at a time, and a higher token for every new one."""


@verb("bydawn lease acquire site-a --ttl 60s --json")
@_NAME
@_TTL
@_WAIT
def acquire(settings: Settings, talk: Talk, name: str, ttl: str, wait: str) -> int:
    """Take a lease. Exit 6, naming the holder, while another has it."""
    from bydawn.app.leases.leasing import acquire as take

    with opened(settings) as app:
        lease = take(app, name, _ms("--ttl", ttl), _ms("--wait", wait), _caller()).lease
        _say(talk, lease)
    holding = f"{name} --token {lease.token}"
    talk.lead_on(f"bydawn lease renew {holding} before then; bydawn lease release {holding} after")
    return 0


@verb("bydawn lease renew site-a --token 42")
@_NAME
@_TOKEN
@_NONCE
@_TTL
def renew(
    settings: Settings, talk: Talk, name: str, token: int, nonce: str | None, ttl: str
) -> int:
    """Count the lease from now again. Exit 9 when it was lost."""
    from bydawn.app.leases.leasing import renew as extend

    with opened(settings) as app:
        _say(talk, extend(app, name, token, nonce, _ms("--ttl", ttl)))
    return 0


@verb("bydawn lease release site-a --token 42")
@_NAME
@_TOKEN
@_NONCE
def release(settings: Settings, talk: Talk, name: str, token: int, nonce: str | None) -> int:
    """Give the lease back; again is no harm. Exit 9 when another has held it since."""
    from bydawn.app.leases.leasing import release as give_back
    from bydawn.app.leases.leasing import show as look

    with opened(settings) as app:
        give_back(app, name, token, nonce)
        _say(talk, look(app, name))
    return 0


@verb("bydawn lease show site-a")
@_NAME
def show(settings: Settings, talk: Talk, name: str) -> int:
    """Who holds a lease, and until when."""
    from bydawn.app.leases.leasing import show as look

    with opened(settings) as app:
        _say(talk, look(app, name))
    return 0


@verb("bydawn lease run site-a --ttl 60s --wait 5m -- ./deploy.sh")
@_NAME
@_TTL
@_WAIT
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    settings: Settings, talk: Talk, name: str, ttl: str, wait: str, command: tuple[str, ...]
) -> int:
    """Run a command that holds the lease as long as it lives, and ends when the lease is lost."""
    from bydawn.app.leases.leased import run_leased

    del talk
    with opened(settings) as app:
        return run_leased(app, name, _ms("--ttl", ttl), _ms("--wait", wait), command)


def _ms(flag: str, text: str) -> int:
    return length_of(flag, text) or 0


def _caller() -> str:
    """Who typed it: this process itself is gone in a moment."""
    from bydawn.app.leases.leasing import holder_here

    return holder_here().partition(" pid ")[0]


def _say(talk: Talk, found: Lease) -> None:
    expires_at = rfc3339(found.expires_at) if found.is_held else None
    document = {
        "schema": "bydawn/lease/1",
        "name": found.name,
        "token": found.token,
        "nonce": found.nonce,
        "expires_at": expires_at,
        "holder": found.holder if found.is_held else None,
    }
    who = f"held by {inert(found.holder)} until {expires_at}" if found.is_held else "free"
    talk.answer(document, [f"{found.name}  token {found.token}  {who}"])


for _made in (acquire, renew, release, show, run):
    lease.add_command(_made)
