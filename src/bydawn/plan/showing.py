"""The configuration as it comes out, each value with its origin: ``config show --origin``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bydawn.core.editions import deadline_at
from bydawn.core.errors import PlanInvalid
from bydawn.plan.caps import built_in, effective
from bydawn.plan.configuration import Layers, Setting, gather
from bydawn.plan.identity import zone
from bydawn.plan.read import read_toml
from bydawn.plan.schema import ConfigFile, PlanFile
from bydawn.plan.validate import examine
from bydawn.plan.values import Overrides


def settings(
    folder: Path,
    at: int,
    environment: Mapping[str, str],
    overrides: Overrides,
    plan: Path | None,
) -> list[Setting]:
    """Every setting, those nobody spoke about included."""
    source = read_toml(plan) if plan is not None else None
    layers = gather(folder.absolute(), environment, overrides, source)
    _refuse_wrong(layers)
    timezone = zone(str(source.data.get("timezone", "UTC")) if source else "UTC") or zone("UTC")
    assert timezone is not None
    said = effective(layers, overrides.raise_cap, lambda text: deadline_at(text, at, timezone))
    return [*_store(layers, environment), *said.settings, *built_in(said)]


def _refuse_wrong(layers: Layers) -> None:
    found = [complaint for unread in layers.unread for complaint in unread.complaints]
    for layer in layers.layers:
        examine(PlanFile if layer.is_plan else ConfigFile, layer.data, layer.complaints)
        found.extend(layer.complaints.found)
    if found:
        raise PlanInvalid(tuple(found))


def _store(layers: Layers, environment: Mapping[str, str]) -> list[Setting]:
    """Where the store is said to be, if anywhere."""
    if environment.get("BYDAWN_STORE"):
        return [Setting("store", environment["BYDAWN_STORE"], "BYDAWN_STORE")]
    named = [layer for layer in layers.layers if "store" in layer.data]
    return [Setting("store", layer.data["store"], layer.origin) for layer in named[:1]]
