"""``bydawn cost``: what models cost."""

from __future__ import annotations

import click

from bydawn.cli.prices import prices
from bydawn.cli.verb import Family


@click.group(cls=Family)
def cost() -> None:
    """What models cost."""


cost.add_command(prices)
