"""What the faces ask for and get back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bydawn.core.errors import Complaint
from bydawn.core.values import value

if TYPE_CHECKING:
    from bydawn.core.overshoot import Overshoot
    from bydawn.core.trust import Autonomy
    from bydawn.plan import Overrides, Plan
    from bydawn.store.store import Batch, Store


@value
class Invocation:
    """Where a command was typed, and what was said there."""

    directory: Path
    store_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunWanted:
    """``bydawn run PLAN`` with its flags."""

    overrides: Overrides
    retry_failed: bool = False
    changed: bool = False
    detach: bool = False
    adopt: bool = False
    cancel_on_interrupt: bool = False
    unattended: bool = False


@dataclass(slots=True)
class AdhocWanted:
    """``bydawn run -- CMD`` or ``--task PROMPT``. Without a key every call is a new job."""

    argv: tuple[str, ...] = ()
    prompt: str | None = None
    backend: str = "command"
    model: str | None = None
    key: str | None = None
    timeout_ms: int | None = None
    detach: bool = False
    cwd: Path = Path()


class Face(Protocol):
    """What a running command tells its person. Every method must return quickly."""

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        """The batch is there and about to be worked on."""

    def hear(self, wake: Callable[[], None]) -> None:
        """``wake``, from any thread, has ``turned`` called soon."""

    def turned(self) -> None:
        """After every turn of the loop."""

    def note(self, text: str) -> None:
        """One line of talk."""


class Silent:
    """A face that says nothing."""

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        """Nothing to say."""

    def hear(self, wake: Callable[[], None]) -> None:
        """Nobody to be woken for."""

    def turned(self) -> None:
        """Nothing to say."""

    def note(self, text: str) -> None:
        """Nothing to say."""


@dataclass(slots=True)
class Ran:
    """How a command that drives work came out."""

    exit_code: int
    outcome: str
    reasons: tuple[str, ...] = ()
    batch: Batch | None = None
    already_done: int = 0
    signal: int | None = None
    notes: list[str] = field(default_factory=list)
    store: Store | None = None
    served: tuple[int, ...] = ()


@value
class CheckRow:
    """What would become of one job. ``is_held_to_bound``: it cannot spend beyond its bound."""

    job: str
    action: str
    why: str
    backend: str
    guarantee: str
    effects: str
    key: str
    job_id: str
    bound_usd_micros: int | None = None
    is_held_to_bound: bool = False


@value
class Checked:
    """A valid plan, and what running it now would do."""

    plan: Plan
    rows: list[CheckRow]
    warnings: tuple[Complaint, ...]
    bound_usd_micros: int | None
    overshoot: Overshoot | None
    autonomy: Autonomy | None = None
