"""The process that carries one run at a time and outlives the runner that ordered it.

Forked from the nursery, it leads a session of its own, adopts orphans, claims the run, carries its
limits, writes down its end, tells the runners, and is then free for the next order. When nobody
can order anything any more, it finishes what it carries and exits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from bydawn.processes import machine
from bydawn.processes.bell import Bell
from bydawn.processes.calls import Caller
from bydawn.processes.commands import run_command
from bydawn.processes.covering import cover_file, redactor_for
from bydawn.processes.folder import RunFolder
from bydawn.processes.records import LONG, Answer, parse_order
from bydawn.processes.spawn import SpawnFailed
from bydawn.processes.wake import announce

LATE = "late"
_PATIENCE_S = 300
# The environment may hold secrets; an item is in the store already, and may be long.
_NEVER_STORED = ("environment", "state_folder", "item")


class Supervisor:
    """Takes orders, one after another, from a pipe."""

    def __init__(self, orders: int, free: int) -> None:
        os.setsid()
        machine.adopt_orphans()
        self._orders = orders
        self._free = free
        self._bell = Bell()
        self._caller = Caller(self._bell, partial(self._tell_nursery, LONG))
        self._boot = machine.boot_id()
        self._ticks = machine.start_ticks(os.getpid())

    def serve(self, first: bytes) -> None:
        """Carry out the first order and those that follow, until the pipe is closed."""
        line = first
        with os.fdopen(self._orders, "rb") as stream:
            while line and not self._bell.terminated:
                self._take_up(line)
                line = stream.readline()
        self._caller.close()

    def _take_up(self, line: bytes) -> None:
        answer, _, order = parse_order(line)
        last_word = self._carry_out(order, answer)
        # Free before the answer, or the order that follows it would not find us.
        self._tell_nursery(b"")
        if not last_word():
            # Who was answered before the end, or asked and is gone, learns of the end by this.
            announce(f"{order['state_folder']}/wake", order["handle"])

    def _tell_nursery(self, what: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it is dead, and the run goes on
            os.write(self._free, b"%s%d\n" % (what, os.getpid()))

    def _carry_out(self, order: dict[str, Any], answer: Answer) -> Callable[[], bool]:
        """Carry an order out; what is left to be said about it."""
        folder = RunFolder(order["folder"])
        if _is_too_late(order) and not folder.is_claimed():
            late = "the order came after the lease it was given under"
            return partial(answer.refused, "transient", LATE, late)
        try:
            claim = self._claim(folder, order)
        except OSError as problem:
            failure = SpawnFailed.of(problem, order["folder"])
            return partial(answer.refused, failure.kind, "spawn", failure.message)
        return answer.claimed if claim is None else self._run(order, folder, answer, claim)

    def _claim(self, folder: RunFolder, order: dict[str, Any]) -> int | None:
        if folder.is_claimed():
            return None
        folder.make()
        kept = {name: value for name, value in order.items() if name not in _NEVER_STORED}
        who = {"pid": os.getpid(), "ticks": self._ticks, "boot": self._boot}
        return folder.claim({**who, "order": redactor_for(order).value(kept)})

    def _run(
        self, order: dict[str, Any], folder: RunFolder, answer: Answer, claim: int
    ) -> Callable[[], bool]:
        try:
            if order["kind"] == "call":
                record = self._caller.run(order, folder, answer)
            else:
                record = run_command(order, folder, answer, self._bell)
            redactor = redactor_for(order)
            record = redactor.value(record)
            cover_file(folder.report, redactor)
            record["reported"] = os.access(folder.report, os.F_OK)
            told = _write_end(folder, record)
            if record["refused"]:
                return partial(answer.refused, *record["failure"])
            return partial(answer.claimed, told)
        except BaseException:
            answer.claimed()
            # Exiting without a record is safe: the nursery and the kernel end what is left below.
            _note_fault(folder)
            raise
        finally:
            os.close(claim)


def _is_too_late(order: dict[str, Any]) -> bool:
    """A runner that was stopped between asking and sending must not start what is no longer its
    own."""
    return bool(order["send_by"]) and machine.sleepless_ms() >= order["send_by"]


def _write_end(folder: RunFolder, record: dict[str, Any]) -> bytes:
    """Write the record of an end, and say how; a full disk is given some minutes to get room."""
    for _ in range(_PATIENCE_S):
        try:
            return folder.write_end(record)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(1)
    return folder.write_end(record)


def _note_fault(folder: RunFolder) -> None:
    with (
        contextlib.suppress(OSError),
        open(folder.file("fault.txt"), "a", encoding="utf-8") as stream,
    ):
        traceback.print_exc(file=stream)
