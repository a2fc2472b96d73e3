"""A supervisor that carries one order out and dies, by kill -9, before one of its acts; 0 is none.

It tells each act on stderr. Started as a program: ``one_order.py NUMBER < ORDER``.
"""

from __future__ import annotations

import os
import signal
import sys

from acts import Act, heeding
from bydawn.processes.bell import take_over_signals
from bydawn.processes.supervisor import Supervisor


def main(number: int) -> None:
    acts = 0

    def heed(act: Act) -> None:
        nonlocal acts
        acts += 1
        os.write(2, f"{act.name}\n".encode())
        if acts == number:
            os.kill(os.getpid(), signal.SIGKILL)

    order = sys.stdin.buffer.readline()
    no_more, nobody = os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)
    take_over_signals()
    with heeding(heed):
        Supervisor(no_more, nobody).serve(order)


if __name__ == "__main__":
    main(int(sys.argv[1]))
