"""Caps: the tightest layer wins. And plain settings: the highest layer wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from bydawn.core.fields import NONE
from bydawn.core.lengths import parse_length
from bydawn.plan.configuration import FLAGS, Layer, Layers, Setting
from bydawn.plan.schema import BudgetTable, JobFields, RunTable
from bydawn.plan.validate import accepted, did_you_mean

Path = tuple[str, ...]
_BUDGET = {("budget", unit) for unit in ("usd", "tokens", "launches", "per_day_usd")}
JOB_CEILINGS: tuple[Path, ...] = (
    ("defaults", "timeout"),
    ("defaults", "budget", "usd"),
    ("defaults", "budget", "tokens"),
    ("defaults", "budget", "launches"),
)
_CAPS: set[Path] = {("run", "parallel"), ("run", "deadline"), *_BUDGET, *JOB_CEILINGS}
Measure = Callable[[Any], float]


@dataclass(slots=True)
class Effective:
    """What the layers come to. ``ceilings`` are the caps other layers put on each single job."""

    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    ceilings: dict[Path, tuple[Any, str]] = field(default_factory=dict)


def effective(layers: Layers, raised: Mapping[str, str], deadline_at: Measure) -> Effective:
    """Every setting decided. ``deadline_at`` says when a deadline falls, to compare them."""
    result = Effective()
    raises = {tuple(name.split(".")): value for name, value in raised.items()}
    leaves = [(layer, dict(_leaves(layer))) for layer in layers.layers]
    for path in sorted({path for _, values in leaves for path in values}):
        said = [(values[path], layer) for layer, values in leaves if path in values]
        if _is_cap(path) and path not in JOB_CEILINGS:
            value, layer = _tightest(path, _lifted(path, said, raises), deadline_at)
            _warn_of_ceiling(path, said, value, layer)
        else:
            value, layer = said[0]
        result.settings.append(Setting(".".join(path), value, layer.origin))
        _put(result.data, path, value)
        _note_ceiling(result, path, _lifted(path, said, raises), deadline_at)
    return result


def built_in(said: Effective) -> list[Setting]:
    """The settings nobody said anything about."""
    known = {setting.name for setting in said.settings}
    models: tuple[tuple[str, type[BaseModel]], ...] = (
        ("run", RunTable), ("budget", BudgetTable), ("defaults", JobFields),
    )  # fmt: skip
    return [
        Setting(f"{section}.{name}", field.default, "built in")
        for section, model in models
        for name, field in model.model_fields.items()
        if f"{section}.{name}" not in known and isinstance(field.default, str | int | float)
    ]


def check_raises(raised: Mapping[str, str], complain: Callable[[str, str], None]) -> None:
    """Complain about each ``--raise-cap`` that names no cap or has no such value."""
    for name, text in raised.items():
        path = tuple(name.split("."))
        if not _is_cap(path):
            known = [".".join(cap) for cap in sorted(_CAPS)]
            complain(f"there is no cap {name}", did_you_mean(name, known) or ", ".join(known))
        elif _raised_value(path, text) is None:
            complain(f"{name} cannot be raised to {text}", "write the value as in the plan")


def _leaves(layer: Layer) -> Iterator[tuple[Path, Any]]:
    for section in ("run", "budget", "pools", "defaults"):
        table = layer.data.get(section)
        for name, value in table.items() if isinstance(table, dict) else ():
            yield from _leaf((section, name), value)


def _leaf(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if path[0] == "pools":
        for part, size in value.items() if isinstance(value, dict) else [("parallel", value)]:
            yield (*path, part), size
    elif path in (("defaults", "budget"), ("defaults", "backoff")) and isinstance(value, dict):
        for part, size in value.items():
            yield (*path, part), size
    else:
        yield path, value


def _is_cap(path: Path) -> bool:
    return path in _CAPS or (path[0] == "pools" and len(path) in (2, 3))


def _measured(path: Path, value: Any, deadline_at: Measure) -> float:
    """How far a cap reaches; what cannot be understood was complained about and reaches far."""
    try:
        if path == ("run", "deadline"):
            return float("inf") if value == NONE else deadline_at(value)
        return float(parse_length(value) if path[-1] == "timeout" else value)
    except (ValueError, TypeError):
        return float("inf")


Said = list[tuple[Any, Layer]]


def _lifted(path: Path, said: Said, raises: Mapping[Path, str]) -> Said:
    """What was said, without the ceilings a person lifted; the lifted value stands for them."""
    text = raises.get(path, raises.get(path[:2]) if path[0] == "pools" else None)
    value = None if text is None else _raised_value(path, text)
    if value is None:
        return said
    lifted = replace(said[0][1], origin=f"{FLAGS}, --raise-cap", is_flags=True, is_plan=False)
    return [*((old, layer) for old, layer in said if layer.is_flags), (value, lifted)]


def _raised_value(path: Path, text: str) -> Any:
    if path == ("run", "deadline"):
        return text if accepted(RunTable, {"deadline": text}) else None
    if path[-1] == "timeout":
        try:
            return text if parse_length(text) > 0 else None
        except ValueError:
            return None
    try:
        value = float(text) if path[-1].endswith("usd") else int(text)
    except ValueError:
        return None
    unit = "usd" if path[-1].endswith("usd") else "tokens"
    return value if accepted(BudgetTable, {unit: value}) else None


def _tightest(path: Path, said: Said, deadline_at: Measure) -> tuple[Any, Layer]:
    return min(said, key=lambda each: _measured(path, each[0], deadline_at))


def _warn_of_ceiling(path: Path, said: Said, value: Any, layer: Layer) -> None:
    wanted, highest = said[0]
    if highest is not layer and wanted != value:
        name = ".".join(path)
        highest.warnings.add(
            path,
            f"{wanted} is beyond the cap {value} of {layer.origin}; {value} is used",
            f"raise it with --raise-cap {name}={wanted}",
        )


def _note_ceiling(result: Effective, path: Path, said: Said, deadline_at: Measure) -> None:
    others = [(value, layer) for value, layer in said if not layer.is_plan]
    if path in JOB_CEILINGS and others:
        value, layer = _tightest(path, others, deadline_at)
        result.ceilings[path] = (value, layer.origin)


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value
