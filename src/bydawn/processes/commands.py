"""One command under its supervisor: start, watch, end, record."""

from __future__ import annotations

import os
from typing import Any

from bydawn.processes import machine
from bydawn.processes.bell import Bell
from bydawn.processes.covering import redactor_for
from bydawn.processes.folder import ANSWER, RunFolder
from bydawn.processes.output import OutputLog
from bydawn.processes.records import SOON_MS, Answer, end_record, exit_facts, spawn_refusal
from bydawn.processes.spawn import SpawnFailed, spawn
from bydawn.processes.tree import Tree
from bydawn.processes.vigil import Vigil


def run_command(
    order: dict[str, Any], folder: RunFolder, answer: Answer, bell: Bell
) -> dict[str, Any]:
    """Run a claimed command to the proven end of its tree and return the record of it."""
    redactor = redactor_for(order)
    log = OutputLog(folder.file("output.log"), order["output_cap_bytes"], redactor)
    streams = [_Stream(log)]
    if order["answers"]:
        apart = OutputLog(folder.file(ANSWER), order["output_cap_bytes"], redactor, log)
        streams.append(_Stream(apart))
    started_at = machine.wall_ms()
    try:
        main = _spawned(order, folder, streams)
        vigil = Vigil(bell, folder, Tree(main), log, streams[0].pipe)
        for stream in streams[1:]:
            vigil.hear(stream.pipe, stream.log)
        vigil.limit(order["timeout_ms"], order["grace_ms"])
        _watch(vigil, answer)
        return _record(vigil, started_at)
    except SpawnFailed as failure:
        for stream in streams:
            stream.log.close()
        return spawn_refusal(failure.kind, failure.message)
    finally:
        for stream in streams:
            os.close(stream.pipe)


class _Stream:
    """A pipe the program writes into, and the log it goes to."""

    def __init__(self, log: OutputLog) -> None:
        self.log = log
        self.pipe, self.end = os.pipe()
        os.set_blocking(self.pipe, False)


def _spawned(order: dict[str, Any], folder: RunFolder, streams: list[_Stream]) -> int:
    ends = [stream.end for stream in streams]
    cwd = order["cwd"] or folder.draft
    try:
        return spawn(order["argv"], cwd, order["environment"], ends[0], answer=ends[-1])
    finally:
        for end in ends:
            os.close(end)


def _watch(vigil: Vigil, answer: Answer) -> None:
    gone, began = False, machine.sleepless_ms()
    while vigil.tree.main_end is None and not vigil.must_stop():
        if machine.sleepless_ms() - began >= SOON_MS:
            answer.claimed()
        if answer.given:
            vigil.turn()
        else:
            vigil.turn(SOON_MS)
        gone = vigil.tree.reap()
    if not gone:
        answer.claimed()
        vigil.end_tree()
    vigil.close()


def _record(vigil: Vigil, started_at: int) -> dict[str, Any]:
    return end_record(
        started_at,
        **exit_facts(vigil.tree.main_end),
        stopped=vigil.stopped,
        message=vigil.log.last_line(),
        output_bytes=vigil.log.seen,
    )
