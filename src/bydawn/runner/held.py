"""What a runner remembers about one job it holds, beside the row itself. All of it may be lost."""

from __future__ import annotations

from dataclasses import dataclass

from bydawn.backends.backend import Backend
from bydawn.core.decide import Act, Circumstances
from bydawn.core.model import Job, JobSpec
from bydawn.core.sightings import Usage
from bydawn.runner.rendering import Nature


@dataclass(slots=True)
class Held:
    """A job in flight. ``due_at`` is on the clock that counts sleep; None while an act is out."""

    job: Job
    spec: JobSpec
    backend: Backend
    nature: Nature
    due_at: int | None = None
    act: Act = Act.NONE
    argument: str = ""
    is_out: bool = False
    looks: int = 0
    asked_at: int | None = None
    tries: int = 0
    witness: str = ""
    usage: Usage | None = None

    def around(self, now: int, chance: float, halt: str | None) -> Circumstances:
        """What deciding needs to know beside the job."""
        return Circumstances(
            self.spec, self.backend.capabilities, now, chance, halt, self.looks, self.asked_at,
            self.tries,
        )  # fmt: skip
