"""The same batch as items.toml, from Python.

    python examples/python_batch.py

Run it twice: the second run starts nothing. Run it, press Ctrl-C, run it again: it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import reshape

import bydawn

HERE = Path(__file__).parent


def records() -> Iterator[dict[str, Any]]:
    """One at a time: a batch never holds its items."""
    with (HERE / "records.jsonl").open() as file:
        yield from map(json.loads, file)


def main() -> int:
    """Every record once; what came of it."""
    batch = bydawn.Batch("reshape-python", parallel=16, budget=bydawn.Budget(usd=5))
    batch.add(
        "work",
        items=records(),
        key=["site", "slug"],
        call=reshape.one,
        timeout="2m",
        retries=3,
        budget=bydawn.Budget(usd=0),
    )
    result = bydawn.run(batch)
    print(f"{result.outcome}: {result.counts.succeeded} of {len(result.jobs)}")
    print(f"already done before: {result.counts.already_done}")
    print(f"the first: {result.jobs[0].result}")
    return result.exit_code or 0


if __name__ == "__main__":
    raise SystemExit(main())
