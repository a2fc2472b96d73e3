"""From a file to a valid batch: read, expand, check.

Importing this package is cheap: the schema, and with it pydantic, is loaded by ``read_plan``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.core.offers import Offer
from bydawn.plan.configuration import Setting
from bydawn.plan.expand import expand_items
from bydawn.plan.identity import identify, plan_name
from bydawn.plan.items import spool
from bydawn.plan.read import job_lines
from bydawn.plan.values import Identity, Overrides, Plan, all_priced

__all__ = [
    "Identity",
    "Overrides",
    "Plan",
    "Setting",
    "expand_items",
    "from_data",
    "identify",
    "job_lines",
    "json_schema",
    "plan_name",
    "read_plan",
    "settings",
    "spool",
]


def read_plan(
    path: Path,
    *,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    backends: Mapping[str, Offer],
    stdin: BinaryIO | None = None,
    is_priced: Callable[[str], bool] = all_priced,
) -> Plan:
    """The valid plan; PlanInvalid with all complaints. ``backends``: what there is to run on.

    ``stdin`` must be seekable (see ``spool``); it is read for ``items = "-"``. ``is_priced`` says
    whether the price of a model is known; it is asked where dollars are capped.
    """
    from bydawn.plan import reading

    return reading.read_plan(
        path, at=at, overrides=overrides, environment=environment, backends=backends, stdin=stdin,
        is_priced=is_priced,
    )  # fmt: skip


def from_data(
    data: Mapping[str, Any],
    *,
    path: Path,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    backends: Mapping[str, Offer],
    is_priced: Callable[[str], bool] = all_priced,
) -> Plan:
    """As ``read_plan`` for a plan no file holds; ``path`` is where one would lie, and its name."""
    from bydawn.plan import reading

    return reading.from_data(
        data, path=path, at=at, overrides=overrides, environment=environment, backends=backends,
        is_priced=is_priced,
    )  # fmt: skip


def settings(
    folder: Path,
    *,
    at: int,
    environment: Mapping[str, str],
    overrides: Overrides,
    plan: Path | None = None,
) -> list[Setting]:
    """Every setting with the place that decided it; PlanInvalid when a file of them is wrong."""
    from bydawn.plan import showing

    return showing.settings(folder, at, environment, overrides, plan)


def json_schema(backends: Mapping[str, Offer]) -> dict[str, Any]:
    """The JSON Schema of a plan file, for editors, with the tables of these backends."""
    from bydawn.plan import configured, schema

    return schema.json_schema(list(configured.schemas(backends)))
