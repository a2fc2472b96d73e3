"""Runs on this machine: start, find, look, end. The runner's whole view of local processes."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from bydawn.core.later import PATIENCE_MS, Later
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Ended,
    FindAnswer,
    Found,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Sighting,
    Vanished,
)
from bydawn.core.values import value
from bydawn.processes.folder import RunFolder
from bydawn.processes.link import Link, NoNursery, Said
from bydawn.processes.outcomes import NO_SUPERVISOR, failure_told, outcome_of, void_outcome
from bydawn.processes.records import COMMANDS
from bydawn.processes.remains import end_remains
from bydawn.processes.report import Report
from bydawn.processes.stop import ask_to_stop, call_off
from bydawn.processes.wake import Listener

_SILENCE = "the supervisor's answer never came"


@value
class Call:
    """An importable function to call: ``module:function``, with one JSON value or with nothing."""

    function: str
    interpreter: tuple[str, ...]
    path: str = ""
    item: Any = None
    with_item: bool = False


@value
class Order:
    """One run to be started at most once. ``environment`` is complete and is never written down;
    the values of ``secrets`` in it are covered in all that is.
    After ``send_by`` (on the clock that counts sleep; 0 is never) it is too late to start it.

    ``folder`` and ``cwd`` are absolute; an empty ``cwd`` is the run's draft. With ``call`` the run
    is a function in a call host, else the program ``argv``. With ``answers`` its stdout is kept in
    ``answer.log`` too.
    """

    launch_key: str
    folder: str
    environment: dict[str, str]
    timeout_ms: int
    grace_ms: int
    argv: tuple[str, ...] = ()
    cwd: str = ""
    call: Call | None = None
    output_cap_bytes: int = 10_000_000
    send_by: int = 0
    answers: bool = False
    secrets: frozenset[str] = frozenset()


class LocalRuns:
    """The runs below one state folder, whoever started them. Safe to use from many threads."""

    def __init__(self, state_folder: Path, runner_id: str) -> None:
        self._state_folder = str(Path(state_folder).absolute())
        self._runner_id = runner_id
        self._link = Link()
        self._listener: Listener | None = None
        self._reports: dict[str, Report] = {}

    @property
    def state_folder(self) -> Path:
        return Path(self._state_folder)

    def start(self, order: Order) -> LaunchAnswer:
        """Start the run, or find that it was started before: the claim decides, and only once."""
        box: SimpleQueue[LaunchAnswer] = SimpleQueue()
        self._send(order, box.put)
        try:
            return box.get(timeout=PATIENCE_MS / 1000)
        except Empty:
            return LaunchUnclear(_SILENCE)

    def start_later(self, order: Order) -> Later:
        """As ``start``, and nobody waits for the supervisor's answer."""
        return Later(partial(self._send, order))

    def _send(self, order: Order, tell: Callable[[LaunchAnswer], None]) -> None:
        handle = self._handle(order.folder)
        home, body = _encode(order, handle, self._state_folder)
        self._link.ask(home, body, lambda said: tell(self._answered(order.folder, handle, said)))

    def _answered(self, folder: str, handle: str, said: Said) -> LaunchAnswer:
        try:
            return self._answer(folder, handle, said)
        except Exception as error:  # in a thread that others wait for, too
            return LaunchUnclear(f"{type(error).__name__}: {error}")

    def _answer(self, folder: str, handle: str, said: Said) -> LaunchAnswer:
        if isinstance(said, NoNursery):
            return self._without_nursery(folder, said)
        if said is None:
            return LaunchUnclear(_SILENCE)
        word, _, told = said.partition(" ")
        if word == "claimed":
            record = json.loads(told) if told else self._folder(handle).read("end.json")
            return Launched(handle, self._ended(handle, record) if record else None)
        kind, code, message = told.split(" ", 2)
        return LaunchRefused(failure_told(kind, code, message))

    def _without_nursery(self, folder: str, failure: NoNursery) -> LaunchAnswer:
        """Nobody takes orders. Ours may have been read all the same, so its run is called off
        first; only then is it sure that nothing started."""
        try:
            is_ours = call_off(RunFolder(folder), NO_SUPERVISOR)
        except OSError as problem:
            return LaunchUnclear(f"{failure}; {problem}")
        if not is_ours:
            return LaunchUnclear(str(failure))
        return LaunchRefused(failure_told("held", "spawn", str(failure)))

    def find(self, folder: str) -> FindAnswer:
        """Absent: nobody has the claim, and a later start is safe because only one can."""
        if RunFolder(folder).is_claimed():
            return Found(self._handle(folder))
        return Absent()

    def look(self, handle: str) -> Sighting:
        """See the run once. A few small reads; only what was reported since is parsed."""
        folder = self._folder(handle)
        record = folder.read("end.json")
        if record is None and folder.is_held():
            return self._alive(handle, folder)
        return self._gone(handle, folder, record or folder.read("end.json"))

    def end(self, handle: str, reason: str) -> CancelAnswer:
        """Ask for the end of the run; one that was never started never will be."""
        return ask_to_stop(self._folder(handle), reason)

    def listen(self, callback: Callable[[str], None]) -> None:
        """Have ``callback`` told the handle of every run that ends, from a thread of ours."""
        self._listener = Listener(f"{self._state_folder}/wake", self._runner_id, callback)

    def close(self) -> None:
        """Let go; what runs goes on under its supervisors."""
        listener, self._listener = self._listener, None
        if listener:
            listener.close()
        self._link.close()

    def _handle(self, folder: str) -> str:
        below = folder.removeprefix(f"{self._state_folder}/")
        return os.path.relpath(folder, self._state_folder) if os.path.isabs(below) else below

    def _folder(self, handle: str) -> RunFolder:
        return RunFolder(os.path.join(self._state_folder, handle))

    def _alive(self, handle: str, folder: RunFolder) -> Alive:
        report = self._reports.setdefault(handle, Report())
        reported = report.refresh(folder.report)
        printed = f"{_size(folder.file('output.log'))}+{_age(folder.file('output.tail'))}"
        # Who has told of progress once is taken at its word from then on: printing is only living.
        told = report.steps
        return Alive(
            witness=f"{told}+{report.spending}" if told else f"{printed}+{reported}",
            steps=told or f"{printed}+{report.result is not None}",
            usage=report.usage,
            progress=report.progress,
            needs_input=report.needs_input,
        )

    def _gone(self, handle: str, folder: RunFolder, record: dict[str, Any] | None) -> Sighting:
        if record is not None:
            return self._ended(handle, record)
        claim = folder.who()
        if "void" in claim:
            return Ended(void_outcome(claim))
        self._reports.pop(handle, None)
        if not folder.is_claimed():
            return Vanished("it was never started")
        left = end_remains(folder)
        return Vanished(
            "supervisor died" + (f"; {left} of its processes were ended" if left else "")
        )

    def _ended(self, handle: str, record: dict[str, Any]) -> Ended:
        report = self._reports.pop(handle, None) or Report()
        if record.get("reported", True):
            report.refresh(self._folder(handle).report)
        report.finish()
        return Ended(outcome_of(record, report))


def _encode(order: Order, handle: str, state_folder: str) -> tuple[str, str]:
    body: dict[str, Any] = {
        "kind": "call" if order.call else "command",
        "launch_key": order.launch_key,
        "folder": order.folder,
        "handle": handle,
        "state_folder": state_folder,
        "argv": order.argv,
        "cwd": order.cwd,
        "environment": order.environment,
        "timeout_ms": order.timeout_ms,
        "grace_ms": order.grace_ms,
        "output_cap_bytes": order.output_cap_bytes,
        "send_by": order.send_by,
        "answers": order.answers,
        "secrets": sorted(order.secrets),
    }
    home = COMMANDS.decode()
    if order.call:
        body.update(call=order.call.function, interpreter=order.call.interpreter)
        body.update(
            path=order.call.path, **({"item": order.call.item} if order.call.with_item else {})
        )
        python = sorted(name for name in order.environment if name.startswith("PYTHON"))
        values = tuple(f"{name}={order.environment[name]}" for name in python)
        home = _home(order.call.interpreter, order.call.path, values)
    return home, json.dumps(body)


@functools.lru_cache(maxsize=64)
def _home(interpreter: tuple[str, ...], path: str, python: tuple[str, ...]) -> str:
    """Calls with the same home may share an interpreter one after another."""
    text = json.dumps([interpreter, path, python])
    return "call-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _age(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0
