"""Huey on SQLite with fsync: enqueue no-op jobs, consume them with 4 threads, tell the rate."""

from __future__ import annotations

import json
import sys
import threading
import time

from huey import SqliteHuey  # type: ignore[import-untyped]

_THREADS = 4


def main(path: str, count: int) -> None:
    """Enqueueing and consuming are both timed, as a batch pays for both."""
    huey = SqliteHuey("bench", filename=path, fsync=True)
    left = threading.Semaphore(0)

    @huey.task()  # type: ignore[untyped-decorator]
    def noop(_: int) -> None:
        left.release()

    consumer = huey.create_consumer(
        workers=_THREADS, periodic=False, initial_delay=0.001, max_delay=0.01
    )
    began = time.perf_counter()
    for number in range(count):
        noop(number)
    consumer.start()
    for _ in range(count):
        left.acquire()
    wall_s = time.perf_counter() - began
    consumer.stop(graceful=True)
    sys.stdout.write(json.dumps({"jobs_per_s": count / wall_s}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
