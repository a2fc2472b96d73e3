"""The record a supervisor leaves of an end, and the answer it gives about a start."""

from __future__ import annotations

import json
import os
import select
from typing import Any

from bydawn.processes import machine

# What is over this soon is answered once, with its end.
SOON_MS = 10
# The home of every order for a command; calls name theirs.
COMMANDS = b"command"
# Before the number of a supervisor whose order takes long; the number alone is of a free one.
LONG = b"+"
# Where supervisors answer, each with one write no other can split.
_ANSWERS = 1
_ONE_WRITE = select.PIPE_BUF
# So long a runner may be behind with reading answers before one is lost to it.
_PATIENCE_MS = 1_000
# The answer to an order whose supervisor is dead: what became of it, its claim will tell.
DIED = "died"


class Answer:
    """What the runner is told about one order, once. A runner that is gone is no trouble."""

    def __init__(self, number: str) -> None:
        self._number = number
        self.given = False

    def claimed(self, record: bytes = b"") -> bool:
        """Whether it was this call that told the runner. ``record``, of an end that is on disk by
        now, spares the runner from reading it if it fits into one write."""
        line = f"{self._number} claimed"
        told = f"{line} {record.decode()}"
        return self._give(told if record and len(told) < _ONE_WRITE else line)

    def refused(self, kind: str, code: str, message: str) -> bool:
        text = message.encode("ascii", errors="backslashreplace").decode()[:300]
        return self._give(f"{self._number} refused {kind} {code} " + text.replace("\n", " "))

    def _give(self, line: str) -> bool:
        if self.given:
            return False
        self.given = True
        return _write(line, _PATIENCE_MS)


def tell_of_death(number: bytes) -> None:
    """The supervisor of this order is gone; whoever waits for its answer need not. One that was
    given before stands."""
    _write(f"{number.decode()} {DIED}")


def _write(line: str, patience_ms: int = 0) -> bool:
    data = (line + "\n").encode()
    try:
        os.write(_ANSWERS, data)
    except BlockingIOError:
        return patience_ms > 0 and _has_room(patience_ms) and _write(line)
    except OSError:
        return False
    return True


def _has_room(patience_ms: int) -> bool:
    poll = select.poll()
    poll.register(_ANSWERS, select.POLLOUT)
    return bool(poll.poll(patience_ms))


def end_record(started_at: int | None, **facts: Any) -> dict[str, Any]:
    """How a run ended, with every field there; written only when its tree is proved gone."""
    return {
        "exit_code": None,
        "signal": None,
        "started_at": started_at,
        "ended_at": machine.wall_ms(),
        "refused": False,
        "stopped": None,
        "failure": None,
        "result": None,
        "message": "",
        "output_bytes": 0,
        "tree_left": 0,
        **facts,
    }


def spawn_refusal(kind: str, message: str) -> dict[str, Any]:
    """The record of a claimed run whose program never started."""
    return end_record(None, refused=True, failure=[kind, "spawn", message])


def exit_facts(wait_result: int | None) -> dict[str, int | None]:
    """The exit code of a main process, 128 + n for one a signal ended."""
    if wait_result is None:
        return {"exit_code": None, "signal": None}
    code = os.waitstatus_to_exitcode(wait_result)
    if code < 0:
        return {"exit_code": 128 - code, "signal": -code}
    return {"exit_code": code, "signal": None}


def parse_order(line: bytes) -> tuple[Answer, str, dict[str, Any]]:
    number, home, body = line.split(b" ", 2)
    return Answer(number.decode()), home.decode(), json.loads(body)
