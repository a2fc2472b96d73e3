"""The system's clocks. Time as people read it, and time that also runs while the machine sleeps."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _suspend_counting() -> int:
    """Linux counts sleep on CLOCK_BOOTTIME only; macOS does on CLOCK_MONOTONIC_RAW's mach
    sibling."""
    if sys.platform == "darwin":
        return time.CLOCK_MONOTONIC
    return getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    def __init__(self) -> None:
        self._counting = _suspend_counting()
        self._boot = _read_boot_id()

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(self._counting) // 1_000_000

    def boot_id(self) -> str:
        return self._boot


def _read_boot_id() -> str:
    """Where the platform names no boot, the moment of booting does, to the minute."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        booted = int(time.time() - time.monotonic()) // 60
        return f"booted-{booted}"
