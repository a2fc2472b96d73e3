"""What a runner remembers about one job it holds, beside the row itself. All of it may be lost."""

from __future__ import annotations

from dataclasses import dataclass

from bydawn.backends.backend import Backend
from bydawn.core.budgets import total_tokens
from bydawn.core.decide import Act, Circumstances
from bydawn.core.model import Job, JobSpec
from bydawn.core.sightings import Alive, Usage
from bydawn.runner.rendering import Nature

_SENT = (Act.LAUNCH, Act.REPEAT)


@dataclass(slots=True)
class Held:
    """A job in flight. Its moments are on the clock that counts sleep; ``due_at`` is None while an
    act is out, ``ends_at`` is the attempt's limit as this process counts it, ``sought_at`` and
    ``seeks_at`` are its first and its newest question after an unclear launch."""

    job: Job
    spec: JobSpec
    backend: Backend
    nature: Nature
    due_at: int | None = None
    act: Act = Act.NONE
    argument: str = ""
    is_out: bool = False
    looks: int = 0
    ends_at: int | None = None
    progress_at: int = 0
    asked_at: int | None = None
    sought_at: int | None = None
    seeks_at: int = 0
    tries: int = 0
    witness: str = ""
    usage: Usage | None = None
    steps: str = ""
    stepped_at: int = 0
    spent_then: tuple[int, int] = (0, 0)
    is_spending: bool = False

    def note_spending(self, seen: Alive, boot: int) -> None:
        """A meter that has risen since anything else moved is spending without progress."""
        meter = (total_tokens(seen.usage.tokens), seen.usage.cost_micros or 0)
        if not seen.steps or seen.steps != self.steps:
            self.steps, self.stepped_at, self.spent_then = seen.steps, boot, meter
        self.is_spending = meter[0] > self.spent_then[0] or meter[1] > self.spent_then[1]

    def needs_no_thread(self) -> bool:
        """Whether its act returns at once. What templates name may have to be read first."""
        can = self.backend.capabilities
        if can.prompt:
            return True
        return can.only_sends and self.act in _SENT and not self.nature.has_templates

    def count_limits(self, now: int, boot: int) -> None:
        """From the stored moments to lengths on the clock that the wall clock cannot move. ``now``
        and ``boot`` are one moment on both clocks."""
        job = self.job
        self.ends_at = None if job.deadline_at is None else boot + job.deadline_at - now
        quiet = 0 if job.progress_at is None else max(0, now - job.progress_at)
        self.progress_at = boot - quiet

    def around(
        self, now: int, boot: int, chance: float, halt: str | None, retries_left: int, machine: str
    ) -> Circumstances:
        """What deciding needs to know beside the job, in the order of its fields: made for every
        fact, by name it would take several times as long."""
        can, is_away = self.backend.capabilities, self.job.machine not in (None, machine)
        return Circumstances(
            self.spec,
            can,
            now,
            chance,
            halt,
            self.looks,
            None if self.ends_at is None else self.ends_at - boot,
            boot - self.progress_at,
            None if self.asked_at is None else boot - self.asked_at,
            self.tries,
            retries_left,
            None if self.sought_at is None else self.seeks_at - self.sought_at,
            is_away and can.local,
            is_away and can.collects and not can.local and bool(self.job.step),
            boot - self.stepped_at if self.is_spending else 0,
        )
