"""Whether a new attempt goes on with the session of the one before it.

A session remembers files. It is gone on with only where those files still are: in a folder that the
plan names. A draft or a worktree begins anew with every attempt, and so does its session.
"""

from __future__ import annotations

import os
from dataclasses import replace

from bydawn.backends.agents.transcript import Transcript
from bydawn.core.sightings import FailureClass, Outcome, Request, Usage

INTERRUPTED = (
    "An earlier attempt at the following was interrupted. See what is done already, and go on from"
    " there.\n\n"
)
_INTERRUPTIONS = frozenset({"interrupt", "interrupted", "deadline"})


def folder_before(request: Request) -> str | None:
    """The run folder of the generation before this one, where this one works in the same place."""
    if request.payload.get("workspace") or not request.payload.get("cwd"):
        return None
    return before(request.folder)


def before(folder: str) -> str | None:
    """The run folder of the generation before the one of ``folder``."""
    parent, name = os.path.split(folder)
    revision, _, generation = name.partition(".")
    if not generation.isdecimal() or int(generation) < 2:
        return None
    return os.path.join(parent, f"{revision}.{int(generation) - 1}")


def session_to_continue(transcript: Transcript, outcome: Outcome) -> str:
    """The session of an attempt that was cut off at its work by no fault of its own."""
    if not transcript.steps or not transcript.session or outcome.failure is None:
        return ""
    if outcome.stopped:
        return transcript.session if outcome.stopped in _INTERRUPTIONS else ""
    is_passing = outcome.failure.kind in (FailureClass.TRANSIENT, FailureClass.HELD)
    is_words = outcome.failure.code in ("no_envelope", "own_timeout", "unreachable", "quota")
    return transcript.session if is_passing and (is_words or _is_http(outcome)) else ""


def less(meter: Usage, counted: Usage) -> Usage:
    """A meter that went on counting, without what it had counted before."""
    tokens = {name: max(0, count - counted.tokens.get(name, 0))
              for name, count in meter.tokens.items()}  # fmt: skip
    return replace(meter, tokens=tokens)


def _is_http(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.code.startswith("http_")
