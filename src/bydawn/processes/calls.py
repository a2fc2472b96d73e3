"""Calls of importable functions: a kept interpreter under its supervisor, one call at a time."""

from __future__ import annotations

import json
import marshal
import os
from collections.abc import Callable
from typing import Any

from bydawn.processes import machine
from bydawn.processes.bell import Bell
from bydawn.processes.covering import redactor_for
from bydawn.processes.folder import RunFolder
from bydawn.processes.output import OutputLog
from bydawn.processes.records import SOON_MS, Answer, end_record, exit_facts, spawn_refusal
from bydawn.processes.spawn import SpawnFailed, spawn
from bydawn.processes.tree import Tree
from bydawn.processes.vigil import Vigil

# Importing may take long; after this the start is answered and a refusal becomes an end.
_PATIENCE_MS = 2_000
_LEAVE_MS = 2_000
# From then on somebody else is to be found for the orders that wait; starting takes its time.
_LONG_MS = 50
_LONG_IMPORT_MS = 500
# A form that every Python reads and writes, whichever the interpreter is.
_MARSHAL = 2
_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "callhost.py")


class Interpreter:
    """One child interpreter: orders in, replies and output out. Kept until its tree must end."""

    def __init__(self, order: dict[str, Any], folder: str) -> None:
        theirs_in, self._orders = os.pipe()
        self.replies, theirs_out = os.pipe()
        self.output, output = os.pipe()
        argv = [*order["interpreter"], _PROGRAM, str(theirs_in), str(theirs_out), order["path"]]
        try:
            kept = (theirs_in, theirs_out)
            self.tree = Tree(spawn(argv, folder, order["environment"], output, kept))
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for descriptor in (theirs_in, theirs_out, output):
                os.close(descriptor)
        for descriptor in (self._orders, self.replies, self.output):
            os.set_blocking(descriptor, False)
        self._household = machine.Household(self.tree.main)
        self._unsent = b""
        self._half = b""
        self.imported: set[str] = set()

    def begin(self, call: dict[str, Any]) -> None:
        self._discard_idle_output()
        data = marshal.dumps(call, _MARSHAL)
        self._unsent = len(data).to_bytes(4, "big") + data
        self.feed()

    def feed(self) -> bool:
        """Send what the pipe takes now; True while something is left to send."""
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._orders, self._unsent) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._unsent = b""  # It died; its end says the rest.
        return False

    def take_replies(self) -> list[tuple[bytes, Any]] | None:
        """What it said since, each a word with what belongs to it; None once it can say no more."""
        try:
            data = os.read(self.replies, 1 << 16)
        except BlockingIOError:
            return []
        if not data:
            return None
        *lines, self._half = (self._half + data).split(b"\n")
        said = [line.partition(b" ") for line in lines]
        return [(word, json.loads(more) if more else None) for word, _, more in said]

    def has_company(self) -> bool:
        """Whether anything but the interpreter itself lives below us."""
        return not self._household.is_alone() and self.tree.others()

    def close(self) -> None:
        self._household.close()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for descriptor in (self._orders, self.replies, self.output):
            os.close(descriptor)

    def _discard_idle_output(self) -> None:
        try:
            while os.read(self.output, 65536):
                pass
        except BlockingIOError:
            return


class Caller:
    """Runs claimed calls one after another, in an interpreter that is kept while it stays clean."""

    def __init__(self, bell: Bell, tell_long: Callable[[], None]) -> None:
        self._bell = bell
        self._tell_long = tell_long
        self._interpreter: Interpreter | None = None

    def run(self, order: dict[str, Any], folder: RunFolder, answer: Answer) -> dict[str, Any]:
        """Run a claimed call to its end; what it leaves running is ended with it."""
        log = OutputLog(folder.file("output.log"), order["output_cap_bytes"], redactor_for(order))
        started_at = machine.wall_ms()
        try:
            interpreter = self._ready(order, folder)
        except SpawnFailed as failure:
            log.close()
            return spawn_refusal(failure.kind, failure.message)
        vigil = Vigil(self._bell, folder, interpreter.tree, log, interpreter.output)
        vigil.limit(order["timeout_ms"], order["grace_ms"])
        call = _Call(interpreter, vigil, answer, self._tell_long)
        facts = call.run(order, folder)
        clean = call.was_clean() and not interpreter.has_company()
        if not clean:
            ended = _end(vigil)
            facts = facts or ended
        vigil.close()
        if not clean:
            self._drop()
        facts = {"message": log.last_line(), **facts}
        return end_record(started_at, stopped=vigil.stopped, output_bytes=log.seen, **facts)

    def _ready(self, order: dict[str, Any], folder: RunFolder) -> Interpreter:
        if self._interpreter and self._interpreter.tree.reap():
            self._drop()
        self._interpreter = self._interpreter or Interpreter(order, folder.draft)
        return self._interpreter

    def close(self) -> None:
        """Let the interpreter leave by itself for a moment, then end it."""
        interpreter = self._interpreter
        if interpreter is None:
            return
        self._drop()
        until = machine.sleepless_ms() + _LEAVE_MS
        while not interpreter.tree.reap():
            if machine.sleepless_ms() >= until:
                interpreter.tree.kill()
            self._bell.wait(20)

    def _drop(self) -> None:
        if self._interpreter:
            self._interpreter.close()
        self._interpreter = None


def _end(vigil: Vigil) -> dict[str, Any]:
    if not vigil.tree.reap():
        vigil.end_tree()
    return exit_facts(vigil.tree.main_end)


class _Call:
    """One call as it is seen from outside: what was asked, what was heard."""

    def __init__(
        self, interpreter: Interpreter, vigil: Vigil, answer: Answer, tell_long: Callable[[], None]
    ) -> None:
        self._tell_long = tell_long
        self._interpreter = interpreter
        self._vigil = vigil
        self._answer = answer
        self._facts: dict[str, Any] = {}
        self._threads_left = False
        self._deaf = False
        self._answer_at = 0
        self._long_at: int | None = None

    def run(self, order: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
        """Have the call made: what its end told, how its interpreter died, nothing if stopped."""
        names = ("call", "item", "environment")
        call = {name: order[name] for name in names if name in order}
        is_known = order["call"] in self._interpreter.imported
        self._expect_end(is_known)
        self._interpreter.begin({**call, "folder": folder.draft, "known": is_known})
        self._vigil.bell.hear(self._interpreter.replies)
        while not self._facts and not self._vigil.must_stop():
            self._turn(order["call"])
        if not self._deaf:
            self._vigil.bell.ignore(self._interpreter.replies)
        return self._facts

    def was_clean(self) -> bool:
        """Whether the call told its own end and left nothing working inside its interpreter."""
        told = bool(self._facts) and "signal" not in self._facts
        return told and not self._threads_left and not self._deaf

    def _expect_end(self, is_known: bool) -> None:
        """A function that is known ends soon, or its call takes long."""
        now = machine.sleepless_ms()
        self._answer_at = now + (SOON_MS if is_known else _PATIENCE_MS)
        self._long_at = now + (_LONG_MS if is_known else _LONG_IMPORT_MS)

    def _turn(self, function: str) -> None:
        if self._interpreter.feed():
            ready = self._vigil.turn(20)
        else:
            ready = self._vigil.turn(*self._pause())
        if self._interpreter.replies in ready:
            self._take_replies(function)
        self._vigil.tree.reap()
        if not self._facts and self._vigil.tree.main_end is not None:
            self._facts = exit_facts(self._vigil.tree.main_end)
        # A call that has ended already is answered when its record can be read.
        if not self._facts:
            self._tell_of_lengths(machine.sleepless_ms())

    def _pause(self) -> list[int]:
        """How long nothing is to be told of this call, if anything still is."""
        moments = [] if self._answer.given else [self._answer_at]
        moments += [] if self._long_at is None else [self._long_at]
        return [max(0, min(moments) - machine.sleepless_ms())] if moments else []

    def _tell_of_lengths(self, now: int) -> None:
        if now >= self._answer_at:
            self._answer.claimed()
        if self._long_at is not None and now >= self._long_at:
            self._long_at = None
            self._tell_long()

    def _take_replies(self, function: str) -> None:
        replies = self._interpreter.take_replies()
        if replies is None:
            self._deaf = True
            self._vigil.bell.ignore(self._interpreter.replies)
        for word, more in replies or ():
            if word == b"ended":
                self._facts = more["facts"] if more else {"exit_code": 0}
                self._threads_left = bool(more and more["threads_left"])
            elif word == b"refused":
                self._refuse(more)
            else:
                self._interpreter.imported.add(function)
                self._expect_end(True)

    def _refuse(self, reason: str) -> None:
        failure = ["permanent", "not_importable", reason]
        self._facts = {"refused": True, "failure": failure, "message": reason}
