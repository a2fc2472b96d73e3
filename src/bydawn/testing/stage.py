"""The world a backend is put to the proof in, and the steps a runner takes there."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from bydawn.backends.backend import Backend, Surroundings
from bydawn.core.later import Later
from bydawn.core.sightings import (
    Ended,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    Repeatable,
    Request,
    Reserved,
    Sighting,
    Unknown,
)
from bydawn.processes.runs import LocalRuns
from bydawn.runner.clock import SystemClock

PATIENCE_S = 20.0


@contextlib.contextmanager
def surroundings(folder: Path, **environment: str) -> Iterator[Surroundings]:
    """What a backend is made from, on this machine: what it starts under supervision lives in
    ``folder``, and ``environment`` is all it sees of ours."""
    runs = LocalRuns(folder, "proof")
    try:
        yield Surroundings(environment, SystemClock(), runs)
    finally:
        runs.close()


class Stage(Protocol):
    """Where a backend is put to the proof. Only the first four must be written."""

    folder: Path

    def backend(self) -> Backend:
        """A backend as another process would make it: nothing remembered."""
        ...

    def payload(self) -> dict[str, Any]:
        """A job whose run goes on until ``finish``."""
        ...

    def finish(self, handle: str) -> None:
        """Let the run end well."""
        ...

    def runs_of(self, launch_key: str) -> int:
        """How many runs were really started under a launch key."""
        ...

    def lose_next_answer(self) -> bool:
        """The next launch starts a run and its answer is lost; False where that cannot be."""
        return False

    def refuse_next(self) -> bool:
        """The next launch is refused, and nothing is started."""
        return False

    def blind_next_look(self, verb: str) -> bool:
        """The next ``poll`` or ``find`` gets no answer of use."""
        del verb
        return False


class Broken(AssertionError):
    """What the backend did that no backend may do."""


def demand(holds: object, story: str) -> None:
    if not holds:
        raise Broken(story)


def request_of(stage: Stage, name: str) -> Request:
    """A request as a runner makes it."""
    return Request(
        launch_key=f"bd-{name}-1-1", effect_key=f"{name}-1", job_id="j_0123456789ab",
        batch="contract", job="contract", edition="", key=name, attempt=1, token=7, nonce="n7",
        folder=str(stage.folder / "runs" / name), payload=stage.payload(), timeout_ms=60_000,
        grace_ms=500, deadline_at=0, plan_folder=str(stage.folder),
    )  # fmt: skip


def launched(backend: Backend, request: Request) -> str:
    """The handle of a launch that goes well, with its reservation where it takes two calls."""
    answer = answer_to(backend, ready(backend, request))
    demand(isinstance(answer, Launched), f"a launch without trouble answered {answer}")
    assert isinstance(answer, Launched)
    demand(answer.handle, "a handle is a text that is not empty")
    return answer.handle


def answer_to(backend: Backend, request: Request) -> LaunchAnswer:
    """Launch, and wait for an answer that comes later."""
    answer = backend.launch(request)
    if not isinstance(answer, Later):
        return answer
    box: SimpleQueue[LaunchAnswer] = SimpleQueue()
    answer.when_known(box.put)
    try:
        return box.get(timeout=answer.patience_ms / 1000)
    except Empty:
        raise Broken("the answer to a launch never came") from None


def ready(backend: Backend, request: Request) -> Request:
    """With the committed reservation a two-phase launch needs."""
    if backend.capabilities.guarantee is not Guarantee.TWO_PHASE:
        return request
    answer = backend.reserve(request)
    demand(isinstance(answer, Reserved), f"a reservation without trouble answered {answer}")
    assert isinstance(answer, Reserved)
    return replace(request, container=answer.container)


def seen(backend: Backend, handle: str, kind: type[Sighting]) -> Sighting:
    """The first look that shows ``kind``; looks may fail meanwhile, as they may for a runner."""
    give_up_at, last = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < give_up_at:
        try:
            sighting = backend.poll(handle)
        except Exception as error:
            last = repr(error)
        else:
            if isinstance(sighting, kind):
                return sighting
            last = repr(sighting)
        threading.Event().wait(0.02)
    raise Broken(f"no look showed {kind.__name__}; the last one: {last}")


def outcome_of(backend: Backend, handle: str) -> Ended:
    ended = seen(backend, handle, Ended)
    assert isinstance(ended, Ended)
    return ended


def found(backend: Backend, request: Request) -> FindAnswer:
    """What ``find`` comes to once the settle delay is over and the listing can be read."""
    give_up_at = time.monotonic() + PATIENCE_S + backend.capabilities.settle_ms / 1000
    settled_at = time.monotonic() + backend.capabilities.settle_ms / 1000
    while time.monotonic() < give_up_at:
        try:
            answer = backend.find(request)
        except Exception:
            answer = None
        if isinstance(answer, Found | Repeatable | Unknown):
            return answer
        if answer is not None and time.monotonic() >= settled_at:
            return answer
        threading.Event().wait(0.05)
    raise Broken("find never came to an answer")
