"""What a person can type next: every way on from where a job is. It can be pasted as it is."""

from __future__ import annotations

import re

from bydawn.core.model import Job
from bydawn.core.searching import SECRET_IN_DRAFT
from bydawn.core.states import Reason, State

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
# What can be decided without looking first; all else begins with looking.
_PLAIN_ANSWERS: dict[str, str] = {
    Reason.AWAITING_APPROVAL: "approve",
    Reason.PUBLISH_FAILED: "retry",
    Reason.AUTH: "retry",
    Reason.NEEDS_INPUT: "retry",
}


def address(batch: str, name: str, job_id: str) -> str:
    """What a person can type to name a job: readable where that is safe in a shell."""
    return f"{batch}/{name}" if _PLAIN_NAME.fullmatch(name) else job_id


def next_command(batch: str, job: Job) -> str:
    """The command that leads on from here. It can be pasted, and does nothing rash when it is."""
    where = address(batch, job.name, job.job_id)
    if job.state == State.FAILED.value:
        return f"bydawn {'show' if _ran_well(job) else 'logs'} {where}"
    answer = _PLAIN_ANSWERS.get(job.reason or "") if job.state == State.PARKED.value else None
    return _resolving(where, answer) if answer else f"bydawn show {where}"


def _ran_well(job: Job) -> bool:
    """What it printed has nothing to do with why it failed."""
    return job.reason == Reason.FENCED or job.error_code == SECRET_IN_DRAFT


def decisions(batch: str, job: Job) -> list[str]:
    """Every way a person can go on with a job that failed or was parked."""
    where = address(batch, job.name, job.job_id)
    if job.state == State.FAILED.value:
        return [f"bydawn logs {where}", f"bydawn retry {where}"]
    if job.state != State.PARKED.value:
        return []
    answer = _PLAIN_ANSWERS.get(job.reason or "")
    answers = dict.fromkeys([*([answer] if answer else []), "succeeded", "failed", "retry"])
    return [f"bydawn logs {where}", *(_resolving(where, one) for one in answers)]


def _resolving(where: str, answer: str) -> str:
    """Left open at its end: the reason is for a person to write."""
    return f"bydawn resolve {where} --as {answer} --reason"
