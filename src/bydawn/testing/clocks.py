"""The clocks of simulated machines: each runs beside the world's time, off and at its own pace."""

from __future__ import annotations

from bydawn.testing.virtual import HandWoundClock

_WHOLE = 1_000


class MachineClock:
    """One machine's clock. ``pace`` is how many of its milliseconds a thousand of the world take;
    ``ahead_ms`` how far its wall clock was off at first."""

    def __init__(self, world: HandWoundClock, ahead_ms: int = 0, pace: int = _WHOLE) -> None:
        self._world, self._pace = world, pace
        self._since = world.boot_ms()
        self._boot = self._since
        self._utc = world.utc_ms() + ahead_ms
        self._boots = 1

    def utc_ms(self) -> int:
        return self._utc + self._passed()

    def boot_ms(self) -> int:
        return self._boot + self._passed()

    def boot_id(self) -> str:
        return f"boot-{self._boots}"

    def jump(self, ms: int) -> None:
        """Somebody sets the wall clock; the other one does not notice."""
        self._utc += ms

    def reboot(self) -> None:
        """A new boot counts from its own beginning."""
        self._boots += 1
        self._boot = _WHOLE - self._passed()

    def in_world_ms(self, ms: int) -> int:
        """How long the world waits while this clock counts so many."""
        return -(-ms * _WHOLE // self._pace)

    def _passed(self) -> int:
        return (self._world.boot_ms() - self._since) * self._pace // _WHOLE


class ServerClock:
    """What judges leases where several machines share a store: the server's own time."""

    def __init__(self, world: HandWoundClock) -> None:
        self._world = world

    def utc_ms(self) -> int:
        return self._world.utc_ms()

    def boot_ms(self) -> int:
        return self._world.boot_ms()

    def boot_id(self) -> str:
        return "server"
