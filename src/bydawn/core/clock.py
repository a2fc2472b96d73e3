"""What time it is, as an argument: the shape every clock has, the system's and the hand-wound
one."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall time for people and deadlines; a clock that counts sleep for leases and limits."""

    def utc_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...

    def boot_ms(self) -> int:
        """Milliseconds on a clock that also runs while the machine sleeps."""
        ...

    def boot_id(self) -> str:
        """Names this boot: instants of ``boot_ms`` are comparable only within one."""
        ...
