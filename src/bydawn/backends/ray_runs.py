"""What is sent to a Ray cluster to be run there, and what is read from how it ended."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from bydawn.backends.paths import text_at
from bydawn.core.sightings import Failure, FailureClass, Outcome, Request, Usage
from bydawn.processes import aboard
from bydawn.processes.outcomes import printable
from bydawn.processes.report import Report

MOST_OUTPUT = 4_000_000
_GIVE_UP = 100
_COMMAND_FAILED = "JOB_ENTRYPOINT_COMMAND_ERROR"


def unpacked(packed: str) -> dict[str, Any] | None:
    """What a run told of its own end; None where it was cut off."""
    try:
        told = json.loads(zlib.decompress(base64.b64decode(packed.split()[0])))
    except (ValueError, IndexError, binascii.Error, zlib.error):
        return None
    return told if isinstance(told, dict) else None


def order_of(request: Request) -> dict[str, Any]:
    payload, plan = request.payload, request.plan_folder
    argv = ["/bin/sh", "-c", str(payload["shell"])] if payload.get("shell") else payload["argv"]
    return {
        "argv": [_over_there(str(word), plan) for word in argv],
        "cwd": _over_there(str(payload.get("cwd") or ""), plan),
        "draft": f"{request.folder}/draft",
        "timeout_s": request.timeout_ms / 1000,
        "grace_s": request.grace_ms / 1000,
        "most_bytes": MOST_OUTPUT,
    }


def _over_there(text: str, plan_folder: str) -> str:
    """The plan's folder is somewhere else on the cluster."""
    return text.replace(plan_folder, aboard.PLAN) if plan_folder else text


def outcome_of(state: str, document: Any, told: dict[str, Any] | None) -> Outcome:
    report = Report()
    report.take(str(told.get("report", "")) if told else "")
    code = told.get("code") if told else None
    code = code if isinstance(code, int) else None
    failure = _failure(state, document, told, code)
    started, ended = (document.get(name) for name in ("start_time", "end_time"))
    return Outcome(
        failure, code, report.result, Usage(report.tokens, report.cost_micros),
        started if isinstance(started, int) else None, ended if isinstance(ended, int) else None,
        stopped="timeout" if told and told.get("stopped") == "timeout" else None,
    )  # fmt: skip


def _failure(
    state: str, document: Any, told: dict[str, Any] | None, code: int | None
) -> Failure | None:
    words = printable(text_at(document, "message"))
    if state == "SUCCEEDED" and not code:
        return None if told else Failure(FailureClass.TRANSIENT, "no_output", "its log is gone")
    if state == "STOPPED":
        return Failure(FailureClass.TRANSIENT, "cancelled", words)
    kind = text_at(document, "error_type")
    if code:
        permanent = code == _GIVE_UP
        return Failure(
            FailureClass.PERMANENT if permanent else FailureClass.TRANSIENT, f"exit_{code}", words
        )
    named = "failed" if kind in ("", _COMMAND_FAILED) else kind.lower()
    return Failure(FailureClass.TRANSIENT, named, words)
