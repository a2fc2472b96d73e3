"""What is left of a run whose supervisor died without a record."""

from __future__ import annotations

import signal
import time

from bydawn.processes import machine
from bydawn.processes.folder import RunFolder

_ROUNDS = 50


def end_remains(folder: RunFolder) -> int:
    """KILL every living process that carries this run's launch key; how many there were.

    The nursery kills the tree of a dead supervisor; this is the second witness, for what was left
    when both were killed. What cleaned its environment and lost both of them cannot be told from
    any other process.
    """
    order = folder.who().get("order")
    if not isinstance(order, dict) or not order.get("launch_key"):
        return 0
    mark = f"BYDAWN_LAUNCH_KEY={order['launch_key']}"
    ended: set[tuple[int, int | None]] = set()
    for _ in range(_ROUNDS):
        living = [found for found in machine.marked(mark) if not machine.is_zombie(found[0])]
        if not living:
            break
        for pid, ticks in living:
            machine.signal_identified(pid, ticks, signal.SIGKILL)
            ended.add((pid, ticks))
        time.sleep(0.002)
    return len(ended)
