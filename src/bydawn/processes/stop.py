"""Asking a run to end, whoever supervises it."""

from __future__ import annotations

import os

from bydawn.core.sightings import CancelAnswer
from bydawn.processes import machine
from bydawn.processes.bell import STOP
from bydawn.processes.folder import RunFolder


def ask_to_stop(folder: RunFolder, reason: str) -> CancelAnswer:
    """Write the wish down and wake the supervisor; call off a run that nobody has claimed."""
    if not folder.is_claimed() and call_off(folder, reason):
        return CancelAnswer(True, "called off before it started")
    if os.path.exists(folder.file("end.json")):
        return CancelAnswer(True, "it has ended")
    if not folder.is_held():
        return CancelAnswer(False, "its supervisor is dead")
    folder.ask_to_stop(reason)
    return CancelAnswer(True, "" if _wake(folder) else "it will read the wish within 15 s")


def call_off(folder: RunFolder, reason: str) -> bool:
    """Claim a run so that nobody ever starts it; False where somebody was first."""
    folder.make()
    claim = folder.claim({"void": reason, "at": machine.wall_ms()})
    if claim is None:
        return False
    os.close(claim)
    return True


def _wake(folder: RunFolder) -> bool:
    who = folder.who()
    pid, ticks = who.get("pid"), who.get("ticks")
    return isinstance(pid, int) and machine.signal_identified(pid, ticks, STOP)
