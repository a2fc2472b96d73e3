"""All backends there are, in one table: the built-in ones, and those of other packages.

Nothing of a backend is loaded before it is needed; of an outside one, not even whether it is there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bydawn.core.model import JobSpec
from bydawn.core.offers import Offer, kept_ms
from bydawn.core.sightings import Guarantee
from bydawn.core.values import value

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from bydawn.backends.backend import Backend, Surroundings

GROUP = "bydawn.backends"
DAY_MS = 86_400_000
_VERBS = ("launch", "find", "poll", "cancel")


@value
class Row:
    """A backend as it is offered, and what makes it: a class, made from its surroundings."""

    offer: Offer
    load: Callable[[], Callable[[Surroundings], Backend]]
    origin: str = "built in"


def _named(place: str) -> Callable[[], Any]:
    """What ``module:name`` names, imported when it is first asked for."""
    module, _, name = place.partition(":")
    return lambda: getattr(importlib.import_module(module), name)


def _always(guarantee: Guarantee) -> Callable[[Mapping[str, Any]], Guarantee]:
    return lambda _: guarantee


def _declared(place: str) -> Callable[[Mapping[str, Any]], Guarantee]:
    """As the table says; what reads it is imported when it is first asked."""
    load = _named(place)
    return lambda table: Guarantee(load()(table))


_scripted = _named("bydawn.backends.scripted:ScriptedBackend")
_FOR_PROGRAMS = frozenset({"argv", "shell", "cwd", "env", "pass_env", "workspace"})
# What a job may say for a service that is told of it by a table.
_FOR_SERVICES = frozenset({"argv", "shell", "env", "pass_env"})
_AGENTS = {
    "claude-code": "claude_code:ClaudeCodeBackend",
    "codex": "codex:CodexBackend",
    "gemini-cli": "gemini_cli:GeminiCliBackend",
    "agy": "agy:AgyBackend",
}


def _agent(name: str) -> Row:
    """A command-line agent: ``argv`` are further arguments of its program."""
    offer = Offer(
        name,
        _always(Guarantee.LOCAL_CLAIM),
        takes=_FOR_PROGRAMS - {"shell"},
        needs=(("prompt", "prompt_file"),),
    )
    return Row(offer, _named(f"bydawn.backends.agents.{_AGENTS[name]}"))


def _gemini_guarantee(table: Mapping[str, Any]) -> Guarantee:
    return Guarantee.TWO_PHASE if _is_by_trigger(table) else Guarantee.BLIND


def _is_by_trigger(table: Mapping[str, Any]) -> bool:
    return table.get("route") == "trigger"


def _gemini_agent(around: Surroundings) -> Backend:
    route = (
        "gemini_trigger:GeminiTriggered" if _is_by_trigger(around.options) else "gemini:GeminiAgent"
    )
    made: Backend = _named(f"bydawn.backends.managed.{route}")()(around)
    return made


_ROWS: tuple[Row, ...] = (
    Row(
        Offer(
            "command",
            _always(Guarantee.LOCAL_CLAIM),
            takes=_FOR_PROGRAMS,
            needs=(("argv", "shell"),),
            isolates=True,
        ),
        _named("bydawn.backends.command:CommandBackend"),
    ),
    Row(
        Offer(
            "python",
            _always(Guarantee.LOCAL_CLAIM),
            takes=frozenset({"call", "env", "pass_env"}),
            needs=(("call",),),
        ),
        _named("bydawn.backends.python:PythonBackend"),
    ),
    *map(_agent, _AGENTS),
    Row(
        Offer(
            "gemini-agent",
            _gemini_guarantee,
            default_effects="none",
            needs=(("prompt", "prompt_file"),),
            options=_named("bydawn.backends.managed.options:GeminiOptions"),
            caps=frozenset({"tokens"}),
            keeps_ms=DAY_MS,
        ),
        lambda: _gemini_agent,
    ),
    Row(
        Offer(
            "openai-background",
            _always(Guarantee.BLIND),
            needs=(("prompt", "prompt_file"), ("model",)),
            options=_named("bydawn.backends.managed.options:OpenAIBackgroundOptions"),
            keeps_ms=30 * DAY_MS,
        ),
        _named("bydawn.backends.managed.openai_background:OpenAIBackground"),
    ),
    Row(
        Offer(
            "openai-agents",
            _always(Guarantee.TWO_PHASE),
            default_effects="none",
            needs=(("prompt", "prompt_file"),),
            options=_named("bydawn.backends.managed.options:OpenAIAgentsOptions"),
            caps=frozenset({"usd"}),
        ),
        _named("bydawn.backends.managed.openai_agents:OpenAIAgents"),
    ),
    Row(
        Offer(
            "claude-agent",
            _always(Guarantee.TWO_PHASE),
            default_effects="none",
            needs=(("prompt", "prompt_file"),),
            options=_named("bydawn.backends.managed.options:ClaudeOptions"),
            needs_options=True,
            caps=frozenset({"usd"}),
        ),
        _named("bydawn.backends.managed.claude_agent:ClaudeAgent"),
    ),
    Row(
        Offer(
            "cli-async",
            _declared("bydawn.backends.cli_async:guarantee_of"),
            takes=_FOR_SERVICES | {"cwd"},
            options=_named("bydawn.backends.job_tables:CliAsyncTable"),
            varies=True,
            needs_options=True,
        ),
        _named("bydawn.backends.cli_async:CliAsync"),
    ),
    Row(
        Offer(
            "http-jobs",
            _declared("bydawn.backends.http_jobs:guarantee_of"),
            takes=_FOR_SERVICES,
            options=_named("bydawn.backends.job_tables:HttpJobsTable"),
            varies=True,
            needs_options=True,
        ),
        _named("bydawn.backends.http_jobs:HttpJobs"),
    ),
    Row(
        Offer(
            "ray",
            _always(Guarantee.KEYED),
            takes=_FOR_SERVICES | {"cwd"},
            needs=(("argv", "shell"),),
            options=_named("bydawn.backends.job_tables:RayTable"),
        ),
        _named("bydawn.backends.ray:Ray"),
    ),
    Row(
        Offer("scripted", _always(Guarantee.KEYED), takes=frozenset({"script"})),
        lambda: lambda around: _scripted()(around.clock),
    ),
)
BUILT_IN: Mapping[str, Row] = {row.offer.name: row for row in _ROWS}


class Registry(Mapping[str, Offer]):
    """Every backend by type. One of another package never takes the name of a built-in one, and a
    broken one hurts nobody who does not ask for it."""

    def __init__(self) -> None:
        self._outside: dict[str, Row] | None = None

    def __getitem__(self, name: str) -> Offer:
        return self.row(name).offer

    def __iter__(self) -> Iterator[str]:
        return iter({**BUILT_IN, **self._others()})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def row(self, name: str) -> Row:
        """KeyError where there is none of that name."""
        return BUILT_IN[name] if name in BUILT_IN else self._others()[name]

    def refused(self) -> list[tuple[str, str]]:
        """Outside backends that may not have their name, and where they come from."""
        return [(one.name, _package(one)) for one in _points() if one.name in BUILT_IN]

    def guarantee_of(self, spec: JobSpec) -> str | None:
        """What is promised about launching a job; None for a backend that is no longer there."""
        offer = self.get(kind_of(spec))
        return None if offer is None else offer.guarantee_of(table_of(spec)).value

    def is_held_to_usd(self, spec: JobSpec) -> bool:
        """Whether the backend itself ends a run at its bound in dollars."""
        offer = self.get(kind_of(spec))
        return offer is not None and "usd" in offer.caps

    def keeps_ms(self, spec: JobSpec) -> int | None:
        """How long the service of a job keeps a result; None is until it is deleted."""
        offer = self.get(kind_of(spec))
        return None if offer is None else kept_ms(table_of(spec), offer.keeps_ms)

    def _others(self) -> dict[str, Row]:
        if self._outside is None:
            points = [one for one in _points() if one.name not in BUILT_IN]
            self._outside = {one.name: _outside_row(one) for one in points}
        return self._outside


REGISTRY = Registry()


def table_of(spec: JobSpec) -> Mapping[str, Any]:
    """The options a job's backend was given; empty where it has no table."""
    return spec.payload.get("backend_config") or {}


def kind_of(spec: JobSpec) -> str:
    """The type of a job's backend."""
    return str(table_of(spec).get("type", spec.backend))


def _points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # with half of the standard library behind it

    return sorted(entry_points(group=GROUP), key=lambda one: one.name)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _outside_row(point: EntryPoint) -> Row:
    """As its class describes itself; broken where it cannot be loaded or lacks a verb."""
    try:
        made_by = point.load()
    except Exception as error:
        return _broken(point, f"cannot be loaded: {type(error).__name__}: {error}")
    lacks = [name for name in (*_VERBS, "capabilities") if not hasattr(made_by, name)]
    if lacks:
        return _broken(point, f"lacks {', '.join(lacks)}")
    declared = made_by.capabilities
    options = getattr(made_by, "options", None)
    offer = Offer(
        point.name,
        getattr(made_by, "guarantee_of", _always(declared.guarantee)),
        default_effects=declared.default_effects,
        takes=frozenset(getattr(made_by, "takes", ())),
        needs=tuple(getattr(made_by, "needs", ())),
        options=(lambda: options) if options is not None else None,
        needs_options=bool(getattr(made_by, "needs_options", False)),
        varies=hasattr(made_by, "guarantee_of"),
        caps=declared.caps,
        keeps_ms=declared.keeps_ms,
    )
    return Row(offer, lambda: made_by, _package(point))


def _broken(point: EntryPoint, why: str) -> Row:
    def fail() -> Callable[[Surroundings], Backend]:
        raise ImportError(f"{point.name} {why}")

    words = f"of the package {_package(point)} {why}"
    return Row(Offer(point.name, _always(Guarantee.BLIND), broken=words), fail, _package(point))
