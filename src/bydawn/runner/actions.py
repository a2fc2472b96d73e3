"""What each act does, as a call that returns one fact. Every call first asks whether it still
may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bydawn.core.believing import believed
from bydawn.core.budgets import reservation
from bydawn.core.decide import Act, Fact
from bydawn.core.decide.running import spent
from bydawn.core.decide.step import (
    Broken,
    CheckEnded,
    CheckPending,
    Collected,
    CollectTrouble,
)
from bydawn.core.errors import TemplateError
from bydawn.core.keys import effect_key, launch_key
from bydawn.core.later import Later, once_known
from bydawn.core.model import Bound, Job, JobSpec
from bydawn.core.sightings import (
    Absent,
    Alive,
    Ended,
    Failure,
    FailureClass,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Request,
    ReserveAnswer,
    Unknown,
    Vanished,
)
from bydawn.gates.gate import PublishError
from bydawn.runner.belief import Belief
from bydawn.runner.dispatch import Call
from bydawn.runner.evidence import draft_digest, missing
from bydawn.runner.held import Held
from bydawn.runner.pricing import priced_fact
from bydawn.runner.publishing import Publisher
from bydawn.runner.rendering import (
    Beside,
    Earlier,
    Place,
    plain_payload,
    render_words,
    rendered_payload,
)
from bydawn.runner.secrets import Secrets
from bydawn.runner.tools import Tools

_CHECK_TRIES = 3
_POLL, _LAUNCH, _REPEAT = Act.POLL, Act.LAUNCH, Act.REPEAT
_TWO_PHASE = Guarantee.TWO_PHASE


@dataclass(slots=True)
class Actor:
    """Makes the calls of one runner under one lease."""

    tools: Tools
    belief: Belief
    publisher: Publisher
    runs_folder: str = field(init=False)
    secrets: Secrets = field(init=False)

    def __post_init__(self) -> None:
        self.runs_folder = str(self.tools.state_folder / "runs")
        self.secrets = Secrets(self.tools.environment)

    def call(self, held: Held, place: Place, earlier: Earlier) -> Call:
        """The call for a held job's act, to be carried out by a dispatcher."""
        call = self._call(held, place, earlier)
        guarded = self.secrets.guarding(held.nature.passed_on, call)
        return lambda: once_known(guarded(), believed)

    def _call(self, held: Held, place: Place, earlier: Earlier) -> Call:
        act, argument = held.act, held.argument
        if act is _POLL:
            return lambda: self._priced(held.backend.poll(held.job.handle or ""), held, place)
        if act is _LAUNCH or act is _REPEAT:
            request = partial(self._request, held, place, earlier)
            launch = self._launch if act is _LAUNCH else self._repeat
            return lambda: once_known(
                launch(held, request), lambda fact: self._priced(fact, held, place)
            )
        if act is Act.CANCEL:
            return lambda: self._cancel(held, argument)
        if act is Act.PUBLISH:
            return self.publisher.call(held, place, int(argument), self.folder(held))
        request = partial(self._request, held, place, earlier)
        if act is Act.COLLECT:
            return lambda: self._collect(held, place, request)
        if act is Act.RESERVE:
            return lambda: self._reserve(held, request)
        if act is Act.CHECK:
            return lambda: self._check(held, place, request())
        return lambda: self._find(held, request)

    def folder(self, held: Held) -> str:
        """Where a local run of this generation lives."""
        job = held.job
        return f"{self.runs_folder}/{job.job_id}/{job.revision}.{job.generation}"

    def _priced(self, fact: Fact, held: Held, place: Place) -> Fact:
        return priced_fact(fact, held, place, self.tools.price_of, self.tools.environment)

    def _request(self, held: Held, place: Place, earlier: Earlier) -> Request:
        job, spec = held.job, held.spec
        folder = self.folder(held)
        deadline = (job.intended_at or 0) + spec.limits.timeout_ms
        if held.nature.has_templates:
            beside = Beside(f"{folder}/draft", self.tools.environment, earlier)
            payload = rendered_payload(job, spec, place, beside)
        else:
            payload = plain_payload(job, spec)
        usd_micros, tokens = _left_of(spec.bound, job)
        # In the order of its fields: made for every launch, by name it would take thrice as long.
        return Request(
            launch_key(job.key, job.revision, job.generation), effect_key(job.key, job.revision),
            job.job_id, place.batch, job.name, place.edition, job.key, job.attempts, job.token,
            job.nonce, folder, payload, spec.limits.timeout_ms, spec.limits.grace_ms, deadline,
            usd_micros, tokens, spec.isolate, place.plan_folder, self.publisher.store_id,
            self.belief.until, job.container or "",
        )  # fmt: skip

    def _reserve(self, held: Held, request: Callable[[], Request]) -> Fact | Later:
        return self._start(held.backend.reserve, request)

    def _launch(self, held: Held, request: Callable[[], Request]) -> Fact | Later:
        is_two_phase = held.backend.capabilities.guarantee is _TWO_PHASE
        assert held.job.container or not is_two_phase, "no reservation was committed"
        return self._start(held.backend.launch, request)

    def _repeat(self, held: Held, request: Callable[[], Request]) -> Fact | Later:
        return once_known(self._launch(held, request), _of_a_repeated)

    def _start(
        self,
        verb: Callable[[Request], LaunchAnswer | ReserveAnswer | Later],
        request: Callable[[], Request],
    ) -> Fact | Later:
        """One of the two calls that lead to a run; neither is made once the lease may be over."""
        if not self.belief.may_act():
            return Absent()
        try:
            ready = request()
        except TemplateError as error:
            return LaunchRefused(Failure(FailureClass.PERMANENT, "template", str(error)))
        try:
            answer = verb(ready)
        except Exception as error:
            return LaunchUnclear(f"{type(error).__name__}: {error}")
        return once_known(answer, _of_a_start)

    def _find(self, held: Held, request: Callable[[], Request]) -> Fact:
        try:
            ready = request()
        except TemplateError as error:
            return Unknown(str(error))
        return held.backend.find(ready)

    def _cancel(self, held: Held, reason: str) -> Fact:
        return held.backend.cancel(held.job.handle or "", reason)

    def _collect(self, held: Held, place: Place, request: Callable[[], Request]) -> Fact:
        draft = Path(self.folder(held), "draft")
        if held.backend.capabilities.collects:
            fetched = _fetched(held, request, draft)
            if fetched is not None:
                return fetched
        try:
            return self._looked_at(held, place, draft)
        except (OSError, PublishError) as error:
            return CollectTrouble(str(error))

    def _looked_at(self, held: Held, place: Place, draft: Path) -> Fact:
        """What the draft shows of a good end."""
        spec, can = held.spec, held.backend.capabilities
        if spec.expect:
            beside = Beside(str(draft), self.tools.environment)
            files = render_words(spec.expect.files, held.job, spec, place, beside)
            failure = missing(replace(spec.expect, files=files), draft, held.job.result)
            if failure:
                return Collected(failure)
        secret = self._before_approval(held, place) if not spec.check else None
        here = self.tools.machine if can.collects and not can.local else None
        digest = draft_digest(draft) if spec.approve or spec.publish else None
        return Collected(secret, digest, here)

    def _approvable(self, fact: Fact, held: Held, place: Place) -> Fact:
        """What a check accepted, unless it may not leave."""
        is_accepted = isinstance(fact, CheckEnded) and fact.failure is None
        secret = self._before_approval(held, place) if is_accepted else None
        return CheckEnded(secret) if secret else fact

    def _before_approval(self, held: Held, place: Place) -> Failure | None:
        """Nobody is to approve what cannot be published."""
        if not (held.spec.approve and held.spec.publish):
            return None
        return self.publisher.held_back(held, place, self.folder(held))

    def _check(self, held: Held, place: Place, request: Request) -> Fact:
        """Start the check once and look at it; one whose supervisor was killed is run again."""
        checks = self.tools.checks
        if checks is None:
            return Broken("this runner has no way to run a check")
        beside = Beside(f"{request.folder}/draft", self.tools.environment)
        argv = render_words(held.spec.check, held.job, held.spec, place, beside)
        for number in range(1, _CHECK_TRIES + 1):
            started = checks.start(request, number, argv, held.spec.limits.check_timeout_ms)
            if not isinstance(started, Launched):
                return _check_not_started(started)
            sighting = started.sighting or checks.look(started.handle)
            if not isinstance(sighting, Vanished):
                fact = _check_fact(held.spec, sighting, Path(request.folder, "draft"))
                return self._approvable(fact, held, place)
        return CheckEnded(_refused_by_check("its supervisor was killed, three times over"))


def _left_of(bound: Bound, job: Job) -> tuple[int | None, int | None]:
    """What is left of a job's own bounds, in millionths and in tokens; None where it has none."""
    if bound.usd_micros is None and bound.tokens is None:
        return None, None
    left = reservation(bound, spent(job))
    return (
        None if bound.usd_micros is None else left.usd_micros,
        None if bound.tokens is None else left.tokens,
    )


def _fetched(held: Held, request: Callable[[], Request], draft: Path) -> Fact | None:
    """Have the backend put a remote run's output into the draft; None when it is all there."""
    try:
        draft.mkdir(mode=0o700, parents=True, exist_ok=True)
        failure = held.backend.collect(request(), held.job.handle or "", str(draft))
    except Exception as error:
        return CollectTrouble(f"{type(error).__name__}: {error}")
    if failure is None:
        return None
    if failure.kind is FailureClass.TRANSIENT:
        return CollectTrouble(failure.message or failure.code)
    return Collected(failure)


def _check_fact(spec: JobSpec, sighting: Alive | Ended | Vanished, draft: Path) -> Fact:
    if not isinstance(sighting, Ended):
        return CheckPending()
    failure = sighting.outcome.failure
    if failure:
        return CheckEnded(_refused_by_check(failure.message or failure.code))
    # A check may leave files of its own; what is approved and published is the draft after it.
    return CheckEnded(None, draft_digest(draft) if spec.approve or spec.publish else None)


def _of_a_start(answer: LaunchAnswer | ReserveAnswer) -> Fact:
    return Absent() if _was_late(answer) else answer


def _of_a_repeated(fact: Fact) -> Fact:
    """The same launch again. That this one was not made or not accepted says nothing of the one
    before."""
    if isinstance(fact, LaunchRefused):
        failure = fact.failure
        return LaunchUnclear(failure.message or failure.code, failure.retry_after_ms)
    return LaunchUnclear("it was not sent again") if isinstance(fact, Absent) else fact


def _was_late(answer: LaunchAnswer | ReserveAnswer) -> bool:
    """Refused because our lease was over by then: nothing was started, and nothing is to be
    judged."""
    return isinstance(answer, LaunchRefused) and answer.failure.code == "late"


def _may_start_later(answer: LaunchRefused) -> bool:
    """Our lease was over, or the machine has no room: neither says anything of the run."""
    return _was_late(answer) or answer.failure.kind is FailureClass.HELD


def _check_not_started(answer: LaunchRefused | LaunchUnclear) -> Fact:
    if isinstance(answer, LaunchRefused) and not _may_start_later(answer):
        return CheckEnded(_refused_by_check(f"could not be started: {answer.failure.message}"))
    return CheckPending()


def _refused_by_check(message: str) -> Failure:
    return Failure(FailureClass.TRANSIENT, "unmet", f"check: {message}")
