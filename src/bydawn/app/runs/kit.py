"""The one place where everything is put together: clock, chance, backends, runs, dispatcher."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bydawn.app.makers import Makers
from bydawn.app.names import RUNNERS, STOP
from bydawn.app.place import Place
from bydawn.backends.backend import Surroundings
from bydawn.backends.checks import CheckRuns
from bydawn.core.model import JobSpec, Listing, PlannedJob
from bydawn.core.prices import Price, PriceOf
from bydawn.processes.presence import Presence, is_gone, machine_id
from bydawn.processes.runs import LocalRuns
from bydawn.runner.chance import SystemChance
from bydawn.runner.clock import SystemClock
from bydawn.runner.dispatch import Threads
from bydawn.runner.tools import Tools
from bydawn.store.runners import Registered
from bydawn.store.store import Batch


@dataclass(slots=True)
class Kit:
    """What one runner of this process works with, and what must be let go of at the end."""

    name: str
    tools: Tools
    runs: LocalRuns
    rung: deque[str] = field(default_factory=deque)


@contextlib.contextmanager
def runner_kit(place: Place, environment: Mapping[str, str]) -> Iterator[Kit]:
    """Everything for one runner, under a name that is random for every process start."""
    name = f"r_{secrets.token_hex(6)}"
    names: list[Presence] = []
    runs = LocalRuns(place.state_folder, name)
    dispatcher = Threads()
    rung: deque[str] = deque()
    machine = machine_id(place.state_folder)
    tools = Tools(
        clock=SystemClock(),
        chance=SystemChance(),
        dispatcher=dispatcher,
        backends=Makers(partial(Surroundings, environment, SystemClock(), runs)),
        state_folder=place.state_folder,
        machine=machine,
        pid=os.getpid(),
        environment=environment,
        checks=CheckRuns(runs, environment),
        expand=_expand,
        appear=lambda taken: _appear(place, taken, names),
        is_dead_here=_death(place, machine),
        is_stopped=(place.state_folder / STOP).exists,
        price_of=_price_of(environment),
    )
    runs.listen(_ringing(rung, dispatcher))
    try:
        yield Kit(name, tools, runs, rung)
    finally:
        _let_go(tools, runs, names)


def _price_of(environment: Mapping[str, str]) -> PriceOf:
    """The lists of prices, opened when a meter first leaves the dollars out."""
    finders: list[PriceOf] = []

    def price_of(model: str) -> Price | None:
        if not finders:
            from bydawn.app.prices import price_finder

            finders.append(price_finder(environment))
        return finders[0](model)

    return price_of


def _appear(place: Place, name: str, names: list[Presence]) -> None:
    presence = Presence(place.state_folder / RUNNERS, name)
    presence.take()
    names.append(presence)


def _let_go(tools: Tools, runs: LocalRuns, names: list[Presence]) -> None:
    tools.dispatcher.close()
    for backend in tools.opened.values():
        backend.close()
    runs.close()
    for presence in names:
        presence.forget()


def _ringing(rung: deque[str], dispatcher: Threads) -> Callable[[str], None]:
    def ring(handle: str) -> None:
        rung.append(handle)
        dispatcher.wake()

    return ring


def _death(place: Place, machine: str) -> Callable[[Registered], bool]:
    """A runner of this machine is dead when nobody holds its name; never judged by pid."""

    def is_dead(runner: Registered) -> bool:
        return runner.machine == machine and is_gone(place.state_folder / RUNNERS, runner.id)

    return is_dead


def _expand(spec: JobSpec, batch: Batch, path: Path) -> Iterable[PlannedJob]:
    from bydawn.plan import expand_items

    return Listing(lambda: expand_items(spec, batch.plan, batch.edition, path))
