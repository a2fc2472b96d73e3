"""What comes back from a backend, as values: answers to launch, find and cancel, and sightings.

A backend raises only for its own bugs; the caller then treats a launch as ambiguous.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from bydawn.core.traces import trace_parent
from bydawn.core.values import value


class Guarantee(StrEnum):
    """What a backend can promise about starting a run once (see docs/guarantees.md)."""

    KEYED = "keyed"
    TWO_PHASE = "two-phase"
    LOCAL_CLAIM = "local-claim"
    SEARCHABLE = "searchable"
    BLIND = "blind"


class Meter(StrEnum):
    """What a backend's own meter tells of a run."""

    USD = "usd"
    TOKENS = "tokens"
    NONE = "none"


class FailureClass(StrEnum):
    """What kind of trouble it is; ``verdicts`` says what follows."""

    TRANSIENT = "transient"
    HELD = "held"
    PERMANENT = "permanent"
    AMBIGUOUS = "ambiguous"
    AUTH = "auth"


@value
class Failure:
    """One failure, named by the place that saw it. ``retry_after_ms`` is never undercut."""

    kind: FailureClass
    code: str
    message: str = ""
    retry_after_ms: int | None = None


@value
class Usage:
    """What a run has used so far, as its own meter tells it. ``cost_micros`` None is unknown;
    ``prices`` names the list it was worked out from, where the meter counts tokens alone."""

    tokens: dict[str, int] = field(default_factory=dict)
    cost_micros: int | None = None
    prices: str | None = None


@value
class Outcome:
    """How an attempt ended. ``failure`` None is the run's own claim of success.

    ``stopped`` names our own limit when we ended it (timeout, cancel, stall). ``result`` is None
    when none was given; an explicit JSON null is a result of ``("null",)`` in its encoded form.
    """

    failure: Failure | None = None
    exit_code: int | None = None
    result: str | None = None
    usage: Usage = Usage()
    started_at: int | None = None
    ended_at: int | None = None
    stopped: str | None = None


@value
class Alive:
    """The run goes on. ``witness`` changes whenever the run makes progress; ``look_again_ms`` is
    the backend's own idea of when the next look pays. ``steps`` changes with every progress but
    spending; empty where the backend cannot tell the two apart."""

    witness: str = ""
    usage: Usage = Usage()
    progress: float | None = None
    needs_input: str | None = None
    raw: str = "running"
    look_again_ms: int | None = None
    steps: str = ""


@value
class Ended:
    outcome: Outcome


@value
class Vanished:
    """The backend no longer knows a run it once had."""

    detail: str = ""


Sighting = Alive | Ended | Vanished


@value
class Launched:
    """The run exists under ``handle``. ``sighting`` is given when its end is already known."""

    handle: str
    sighting: Sighting | None = None


@value
class LaunchRefused:
    """Definitely not started."""

    failure: Failure


@value
class LaunchUnclear:
    """It may or may not have started; only ``find`` may say, and not before ``retry_after_ms``."""

    detail: str = ""
    retry_after_ms: int | None = None


LaunchAnswer = Launched | LaunchRefused | LaunchUnclear


@value
class Reserved:
    """A free container exists, in which nothing runs and which costs nothing by itself."""

    container: str


ReserveAnswer = Reserved | LaunchRefused | LaunchUnclear


@value
class Found:
    handle: str


@value
class Absent:
    """Proved: nothing was started under this launch key."""


@value
class Unknown:
    """The backend cannot tell."""

    detail: str = ""


@value
class Repeatable:
    """Nobody can tell, but launching again under the same key is answered with the run there may
    be: it is made again at once, under the claim that asked, and never judged by its refusal."""


FindAnswer = Found | Absent | Repeatable | Unknown


@value
class CancelAnswer:
    """``asked`` says the request was delivered; only a later sighting proves the end."""

    asked: bool
    detail: str = ""


@value
class Capabilities:
    """What a backend declares about itself; read by the runner, ``check`` and the report.

    ``default_effects``: what its runs can change where the plan does not say. ``prompt``: its calls
    return at once and need no thread. ``local``: its runs live on one machine. ``wants_result``: a
    good end without a result is ``no_output``. ``settle_ms``: how long a launch that was sent may
    still arrive and stay unlisted, the request's own time limit included; until then ``Absent`` is
    not believed, where keys are known neither: a person may cancel what is absent, and nobody would
    look at the run that arrives then. ``collects``: a good end has output for ``collect``.
    ``reports``: what its meter tells. ``caps``: the bounds, of "usd" and "tokens", at which it ends
    a run by itself. ``keeps_ms``: how long the service keeps a result; None is until it is deleted.
    ``only_sends``: its launch waits for nothing, not for an answer either, and needs no thread.
    """

    guarantee: Guarantee
    default_effects: str = "outside"
    prompt: bool = False
    local: bool = False
    wants_result: bool = False
    settle_ms: int = 0
    collects: bool = False
    reports: Meter = Meter.NONE
    caps: frozenset[str] = frozenset()
    keeps_ms: int | None = None
    only_sends: bool = False


@value
class Readiness:
    """Whether a backend could run something here and now. ``why_not`` is empty when it could, else
    a sentence that ends in what to do; ``version`` is of whatever does the work."""

    version: str = ""
    why_not: str = ""


@value
class Request:
    """All a backend is told about one launch. ``payload`` is rendered; ``send_by`` is the last
    moment, on the clock that counts sleep, at which it may still be started (0: any). ``container``
    is the committed reservation of a two-phase backend; empty before there is one."""

    launch_key: str
    effect_key: str
    job_id: str
    batch: str
    job: str
    edition: str
    key: str
    attempt: int
    token: int
    nonce: str
    folder: str
    payload: dict[str, Any]
    timeout_ms: int
    grace_ms: int
    deadline_at: int
    budget_usd_micros: int | None = None
    budget_tokens: int | None = None
    isolate: str = "none"
    plan_folder: str = ""
    store_id: str = ""
    send_by: int = 0
    container: str = ""

    @property
    def trace_parent(self) -> str:
        """By what others can follow this attempt."""
        return trace_parent(self.key, self.token)
