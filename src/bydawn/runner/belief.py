"""What a runner believes of its lease, for as long as one lease lasts."""

from __future__ import annotations

from dataclasses import dataclass

from bydawn.core.clock import Clock
from bydawn.core.leases import may_act


@dataclass(slots=True)
class Belief:
    """Ended for good when the lease was lost: a call that was meant under it is not made under the
    next one, under which the job may be somebody else's."""

    clock: Clock
    until: int = 0

    def may_act(self) -> bool:
        return may_act(self.clock.boot_ms(), self.until)
