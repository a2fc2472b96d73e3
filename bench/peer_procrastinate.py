"""Procrastinate on PostgreSQL: defer no-op jobs in batches, run them, tell the rate."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from procrastinate import App, PsycopgConnector  # type: ignore[import-not-found]

_AT_ONCE = 100
_BATCH = 1_000


async def main(url: str, count: int) -> None:
    """Deferring and running are both timed, as a batch pays for both."""
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task  # type: ignore[untyped-decorator]
    async def noop(number: int) -> None:
        del number

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        began = time.perf_counter()
        for start in range(0, count, _BATCH):
            given = [{"number": n} for n in range(start, min(count, start + _BATCH))]
            await noop.batch_defer_async(*given)
        await app.run_worker_async(concurrency=_AT_ONCE, wait=False, delete_jobs="never")
        wall_s = time.perf_counter() - began
    sys.stdout.write(json.dumps({"jobs_per_s": count / wall_s}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
