"""What an ending means for the job. Failures are judged here, once, and nowhere else."""

from __future__ import annotations

from enum import StrEnum

from bydawn.core.model import Effects, JobSpec, OnDoubt
from bydawn.core.sightings import Failure, FailureClass
from bydawn.core.states import Reason
from bydawn.core.values import value


class Verdict(StrEnum):
    RETRY = "retry"
    GIVE_UP = "give_up"
    HOLD = "hold"
    PARK = "park"


@value
class Judgement:
    """The verdict, its public reason, and whether it uses up one of the job's retries."""

    verdict: Verdict
    reason: Reason
    counts: bool = False


_EXIT_TRANSIENT = frozenset({"exit_75", "exit_111"})
_EXIT_GIVE_UP = "exit_100"
_OWN_LIMITS = {
    "timeout": Reason.TIMEOUT,
    "stalled": Reason.STALLED,
    "spending": Reason.STALLED,
    "budget": Reason.BUDGET,
    "deadline": Reason.DEADLINE,
    "interrupt": Reason.INTERRUPTED,
}
_EVIDENCE = {"no_output": Reason.NO_OUTPUT, "unmet": Reason.UNMET}


def safe_to_repeat(spec: JobSpec) -> bool:
    """Whether a second run may be started while nobody knows what the first one did."""
    return spec.effects is not Effects.OUTSIDE or spec.on_doubt is OnDoubt.RELAUNCH


def judge(failure: Failure, spec: JobSpec, faults: int) -> Judgement:
    """A run ended by its own statement, or a launch was refused; ``faults`` were counted before."""
    if failure.kind is FailureClass.HELD:
        return Judgement(Verdict.HOLD, Reason.HELD)
    if failure.kind is FailureClass.AUTH:
        return Judgement(Verdict.PARK, Reason.AUTH)
    if _is_permanent(failure, spec):
        return Judgement(Verdict.GIVE_UP, _EVIDENCE.get(failure.code, Reason.PERMANENT))
    if faults >= spec.retries:
        return Judgement(Verdict.GIVE_UP, _exhausted(failure, spec))
    return Judgement(Verdict.RETRY, Reason.BACKOFF, counts=True)


def judge_stopped(stopped: str, spec: JobSpec, faults: int) -> Judgement:
    """We ended the run. Outside effects may be half done, so only a declared-safe job goes
    again."""
    reason = _OWN_LIMITS.get(stopped, Reason.INTERRUPTED)
    # A job's own budget is gone for good; another generation could only overrun it further.
    if reason is Reason.BUDGET or not safe_to_repeat(spec):
        return Judgement(Verdict.GIVE_UP, reason)
    if reason in (Reason.DEADLINE, Reason.INTERRUPTED):
        return Judgement(Verdict.HOLD, reason)
    if faults >= spec.retries:
        return Judgement(Verdict.GIVE_UP, reason)
    return Judgement(Verdict.RETRY, Reason.BACKOFF, counts=True)


def judge_lost(spec: JobSpec, faults: int) -> Judgement:
    """The backend no longer knows the run: safe jobs go again, the others wait for a person."""
    return _judge_unknown(spec, faults, Reason.LOST)


def judge_in_doubt(spec: JobSpec, faults: int, is_local: bool) -> Judgement:
    """Nobody can say whether the launch took place. A remote run that did would be paid for twice,
    even where it has no effects: only the plan's own word lets it go again."""
    if not is_local and spec.on_doubt is OnDoubt.PARK:
        return Judgement(Verdict.PARK, Reason.IN_DOUBT)
    return _judge_unknown(spec, faults, Reason.IN_DOUBT)


def _judge_unknown(spec: JobSpec, faults: int, reason: Reason) -> Judgement:
    if spec.on_doubt is OnDoubt.FAIL:
        return Judgement(Verdict.GIVE_UP, reason)
    if not safe_to_repeat(spec):
        return Judgement(Verdict.PARK, reason)
    if faults >= spec.retries:
        return Judgement(Verdict.GIVE_UP, reason)
    return Judgement(Verdict.RETRY, Reason.BACKOFF, counts=True)


def _is_permanent(failure: Failure, spec: JobSpec) -> bool:
    if failure.code in _EXIT_TRANSIENT:
        return False
    if failure.code == _EXIT_GIVE_UP or failure.kind is FailureClass.PERMANENT:
        return True
    return failure.code in {f"exit_{code}" for code in spec.permanent_exit}


def _exhausted(failure: Failure, spec: JobSpec) -> Reason:
    if failure.code in _EVIDENCE:
        return _EVIDENCE[failure.code]
    return Reason.EXHAUSTED if spec.retries else Reason.PERMANENT
