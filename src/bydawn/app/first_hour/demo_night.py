"""The night the demonstration plays: its plan, its fake agents, and the recorder they write to."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bydawn.core.values import value

FLAKY, HOPELESS, FRONT = "mediation-report", "embed-refresh", "front-page"
FAILURES = 2
# How long each job takes, in units; 214 in all, the longest 79.
LENGTHS = {
    "article-c": 79,
    "article-a": 24,
    "article-b": 22,
    "seo-review": 16,
    FLAKY: 14,
    "screens-en": 11,
    "screens-ja": 11,
    "link-audit-a": 9,
    "link-audit-b": 9,
    HOPELESS: 8,
    "release-notes": 7,
    FRONT: 4,
}

_HEAD = """name = "nightly"
[run]
parallel = 12
[defaults]
timeout = "5m"
retries = {failures}
backoff = {{ initial = "{backoff_ms}ms", max = "{backoff_ms}ms" }}
"""
_JOB = """
[[job]]
id = "{name}"
argv = {argv}
"""
_FRONT = """after = ["article-a", "article-b"]
expect = { files = ["index.html"], min_bytes = 10 }
check = ["grep", "-q", "</html>", "index.html"]
publish = [ { from = "index.html", file = "public/index.html" } ]
"""

_AGENT = '''"""A fake agent: tells the recorder that it was launched, works, says what it cost."""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NAME, FATE = sys.argv[1:3]
LENGTH, UNIT, FAILURES = float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
SECONDS = LENGTH * UNIT
ATTEMPT = int(os.environ["BYDAWN_ATTEMPT"])


def record(what, **more):
    line = json.dumps({"what": what, "job": NAME, "pid": os.getpid(), **more}) + "\\n"
    file = os.open(os.path.join(HERE, "recorder.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


def report(**line):
    with open(os.environ["BYDAWN_REPORT"], "a") as file:
        file.write(json.dumps(line) + "\\n")


def work(seconds):
    time.sleep(seconds)
    tokens = int(LENGTH * 1000) + 9_000
    report(usage={"input_tokens": tokens, "output_tokens": tokens // 7})
    report(cost_usd=f"{tokens * 3 / 1e6:.4f}")


def give_up(why, code):
    record("failed")
    print(why)
    sys.exit(code)


record("launched", attempt=ATTEMPT)
if FATE == "hopeless":
    work(SECONDS / 2)
    give_up("400: there is no such embedding model", 100)
if FATE == "flaky" and ATTEMPT <= FAILURES:
    work(SECONDS / 4)
    give_up("503: the provider is overloaded", 75)
work(SECONDS)
if FATE == "front":
    page = f"<html><h1>Tonight</h1><!-- agent {os.getpid()} --></html>\\n"
    with open("index.html", "w") as file:
        file.write(page)
    record("wrote", page=page)
record("done")
print(NAME, "is done")
'''


@value
class Night:
    """One night in a folder of its own."""

    folder: Path
    unit_s: float

    def write(self) -> None:
        """Write down the plan and the agents."""
        (self.folder / "agent.py").write_text(_AGENT, "utf-8")
        head = _HEAD.format(failures=FAILURES, backoff_ms=max(1, int(4000 * self.unit_s)))
        jobs = "".join(self._job(name) for name in LENGTHS)
        (self.folder / "nightly.toml").write_text(head + jobs, "utf-8")

    @property
    def page(self) -> Path:
        return self.folder / "public" / "index.html"

    def record(self) -> Record:
        """What the agents themselves have said so far."""
        path = self.folder / "recorder.jsonl"
        text = path.read_text("utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        return Record([json.loads(line) for line in whole.splitlines()])

    def _job(self, name: str) -> str:
        fate = {FLAKY: "flaky", HOPELESS: "hopeless", FRONT: "front"}.get(name, "good")
        agent = str(self.folder / "agent.py")
        said = [name, fate, str(LENGTHS[name]), str(self.unit_s), str(FAILURES)]
        argv = [sys.executable, "-I", "-S", agent, *said]
        return _JOB.format(name=name, argv=json.dumps(argv)) + (_FRONT if name == FRONT else "")


@value
class Record:
    """The recorder's lines; no part of bydawn writes them."""

    lines: list[dict[str, Any]]

    def said(self, what: str) -> Counter[str]:
        """How often each job has said this."""
        return Counter(line["job"] for line in self.lines if line["what"] == what)

    @property
    def launches(self) -> Counter[str]:
        return self.said("launched")

    def working(self) -> list[str]:
        """The jobs whose newest agent has neither finished nor failed."""
        over = {line["pid"] for line in self.lines if line["what"] in ("done", "failed")}
        alive = (line for line in self.lines if line["what"] == "launched")
        return [line["job"] for line in alive if line["pid"] not in over]

    def pages(self) -> list[str]:
        return [line["page"] for line in self.lines if line["what"] == "wrote"]
