"""Stands for an agent: works for some "minutes", leaves one file in its draft, says what it took.

    agent.py MINUTES SECONDS_PER_MINUTE FILE

What a real one needs of bydawn is in its environment (BYDAWN_KEY, BYDAWN_DEADLINE, …);
what it wants to tell goes to the file BYDAWN_REPORT as lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time


def report(**line: object) -> None:
    """One line for bydawn: progress, usage, cost or a result."""
    with open(os.environ["BYDAWN_REPORT"], "a") as file:
        file.write(json.dumps(line) + "\n")


def main(minutes: float, second: float, path: str) -> None:
    """Work in ten steps, each of them a sign of progress."""
    for step in range(1, 11):
        time.sleep(minutes * second / 10)
        report(progress=step / 10)
    job, edition = os.environ["BYDAWN_JOB"], os.environ["BYDAWN_EDITION"]
    with open(path, "w") as file:
        file.write(f"{job} of the night {edition}, attempt {os.environ['BYDAWN_ATTEMPT']}\n")
    report(usage={"input_tokens": int(minutes * 1200), "output_tokens": int(minutes * 300)})
    report(cost_usd=f"{minutes * 0.02:.2f}")


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
