"""DBOS on PostgreSQL: enqueue no-op workflows, run them from its queue, tell the rate."""

from __future__ import annotations

import json
import sys
import time

import psycopg
from dbos import DBOS  # type: ignore[import-not-found]

_AT_ONCE = 100
_DONE = b"SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"


def main(url: str, count: int) -> None:
    """Enqueueing and running are both timed, as a batch pays for both."""
    driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
    DBOS(config={"name": "bench", "system_database_url": driver, "run_admin_server": False})

    @DBOS.workflow()  # type: ignore[untyped-decorator]
    def noop(_: int) -> None:
        return None

    DBOS.launch()
    DBOS.register_queue("bench", worker_concurrency=_AT_ONCE, polling_interval_sec=0.1)
    with psycopg.connect(url, autocommit=True) as link:
        began = time.perf_counter()
        for number in range(count):
            DBOS.enqueue_workflow("bench", noop, number)
        while (link.execute(_DONE).fetchone() or (0,))[0] < count:
            time.sleep(0.1)
        wall_s = time.perf_counter() - began
    sys.stdout.write(json.dumps({"jobs_per_s": count / wall_s}))
    sys.stdout.flush()
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
