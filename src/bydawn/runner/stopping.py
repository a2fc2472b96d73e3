"""Why a driving ends, and how a signal says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stop(StrEnum):
    """Why the driving ended."""

    JOINED = "joined"
    INTERRUPTED = "interrupted"
    TIMEOUT = "timeout"
    DONE = "done"
    HALTED = "halted"


@dataclass(slots=True)
class Interrupt:
    """Set from a signal: let go of everything, or end it first."""

    signal: int | None = None
    cancels: bool = False
