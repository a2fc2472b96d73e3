"""A night with one job of every kind, and those who witness it from outside: a file that only the
jobs write to, a job service and an address with ledgers of their own, a repository.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nightly import Night

from bydawn.testing.fakes.frame import Answer, Asked, Route
from bydawn.testing.fakes.http_jobs import FakeHttpJobs
from bydawn.testing.fakes.runs import Scene

PLAN = """
schema = 1
name = "witnessed"
[run]
parallel = 8
lease = "{lease}"
breaker = 0
retry_budget = 10
[defaults]
backoff = {{ initial = "50ms", max = "100ms" }}
[backends.keyed]
type = "http-jobs"
key_header = "Idempotency-Key"
{service}
[backends.searched]
type = "http-jobs"
find = {{ url = "{url}/jobs?key={{{{ launch_key }}}}" }}
find_path = "jobs"
{service}
[backends.unending]
type = "http-jobs"
key_header = "Idempotency-Key"
{unending}
[[job]]
id = "line"
items = "records.jsonl"
key = ["site", "slug"]
shell = 'echo {{{{ item.slug }}}} >> {recorder}; sleep 0.05'
[[job]]
id = "page"
shell = 'echo page >> {recorder}; echo page $BYDAWN_ATTEMPT > page.html'
check = ["test", "-s", "page.html"]
publish = [
  {{ from = "page.html", file = "public/page.html" }},
  {{ from = "page.html", http = "PUT {url}/page" }},
]
[[job]]
id = "branch"
shell = 'echo branch >> {recorder}; echo leaf > leaf.txt'
publish = [ {{ from = ".", git = "{repository}", branch = "content" }} ]
[[job]]
id = "call"
backend = "python"
call = "effects:one"
[[job]]
id = "after"
after = ["page"]
shell = 'echo after >> {recorder}'
[[job]]
id = "remote"
backend = "keyed"
prompt = "Go"
[[job]]
id = "sought"
backend = "searched"
prompt = "Go"
[[job]]
id = "endless"
backend = "unending"
prompt = "Go"
timeout = "300ms"
retries = 0
"""
_SERVICE = """
launch = {{ method = "POST", url = "{url}/jobs", json = {{ key = "{{{{ launch_key }}}}"{takes} }} }}
id_path = "id"
poll = {{ url = "{url}/jobs/{{{{ remote.id }}}}" }}
cancel = {{ method = "POST", url = "{url}/jobs/{{{{ remote.id }}}}/cancel" }}
state_path = "state"
result_path = "result"
poll_every = {{ initial = "50ms", max = "100ms" }}
settle = "100ms"
timeout = "2s"
"""
_CALL = """
def one():
    with open({recorder!r}, "a") as file:
        file.write("call\\n")
    return "called"
"""
ITEMS = 3
LOCAL = {*(f"item-{n:04}" for n in range(ITEMS)), "page", "branch", "call", "after"}
REMOTE = {"remote", "sought", "endless"}


class Service(FakeHttpJobs):
    """A job service that also keeps one address, and counts what was written there."""

    def __init__(self) -> None:
        super().__init__(Scene(takes_ms=None), is_keyed=True)
        self.written: list[bytes] = []

    def routes(self) -> Iterable[Route]:
        page = (("PUT", "/page", "write", self._write), ("GET", "/page", "read", self._read))
        return (*super().routes(), *page)

    def _tag(self) -> dict[str, str]:
        return {"ETag": f'"{hashlib.sha256(self.written[-1]).hexdigest()[:8]}"'}

    def _write(self, asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == "*" and self.written:
            return Answer(412, {}, self._tag())
        self.written.append(asked.body)
        return Answer(200, {}, self._tag())

    def _read(self, _: Asked) -> Answer:
        return Answer(200, self.written[-1], self._tag()) if self.written else Answer(404, {})


def prepared(night: Night, service: str, lease: str = "2s") -> Night:
    """The plan in the night's folder, with all that it speaks of."""
    night.items(ITEMS)
    recorder = str(night.recorder)
    (night.folder / "effects.py").write_text(_CALL.format(recorder=recorder), "utf-8")
    subprocess.run(["git", "init", "-q", "--bare", repository(night)], check=True)
    words = {"service": ", takes_ms = 50", "unending": ""}
    tables = {name: _SERVICE.format(url=service, takes=takes) for name, takes in words.items()}
    places = {"recorder": recorder, "repository": repository(night), "url": service}
    night.plan(PLAN.format(lease=lease, **tables, **places))
    return night


def repository(night: Night) -> Path:
    return night.folder / "repository"


def harm(
    night: Night, service: Service, code: int, batch: dict[str, Any], doubted: bool = False
) -> list[str]:
    """What the witnesses and the batch say that cannot be. ``doubted``: a supervisor was killed, so
    that its job may wait for a person."""
    jobs = {job["job"].rpartition(":")[2]: job for job in batch["jobs"]}
    found = [] if set(jobs) == LOCAL | REMOTE else [f"jobs: {sorted(jobs)}"]
    for name, job in jobs.items():
        state, reason = job["state"], job["reason"]
        done = [("succeeded", None), ("succeeded", "already_done")]
        wanted = [("failed", "timeout")] if name == "endless" else done
        if doubted and name in LOCAL:
            wanted += [("parked", "lost"), ("queued", "dependency")]
        if (state, reason) not in wanted:
            found.append(f"{name} is {state} ({reason}): {job['error']}")
        if job["attempts"] != 1 and state != "queued":
            found.append(f"{name} has {job['attempts']} attempts")
    is_parked = any(job["state"] == "parked" for job in jobs.values())
    found += [] if code == (8 if is_parked else 1) else [f"exit code {code}"]
    succeeded = {name for name, job in jobs.items() if job["state"] == "succeeded"}
    return found + _outside(night, succeeded, doubted) + _at_service(service, succeeded)


def _outside(night: Night, succeeded: set[str], doubted: bool) -> list[str]:
    """What the jobs themselves wrote, and what was published."""
    seen = night.effects()
    found = [f"{name} {count} times" for name, count in seen.items() if count > 1]
    found += [f"{name} never" for name in (succeeded & LOCAL) - set(seen)]
    found += [] if doubted else [f"{name}?" for name in set(seen) - LOCAL]
    page = night.folder / "public" / "page.html"
    shown = page.read_text("utf-8") if page.exists() else None
    if shown not in (("page 1\n",) if "page" in succeeded else ("page 1\n", None)):
        found.append(f"the page is {shown!r}")
    pushed = _pushed(night)
    if pushed > 1 or (pushed == 0 and "branch" in succeeded):
        found.append(f"pushed {pushed} times")
    return found


def _pushed(night: Night) -> int:
    words = ["git", "-C", repository(night), "rev-list", "--count", "content"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else 0


def _at_service(service: Service, succeeded: set[str]) -> list[str]:
    started = Counter(service.runs.started())
    found = [f"{key} started {count} times" for key, count in started.items() if count > 1]
    found += [] if len(started) == len(REMOTE) else [f"{len(started)} runs at the service"]
    written = len(service.written)
    is_short = written == 0 and "page" in succeeded
    return found + ([f"written {written} times"] if written > 1 or is_short else [])
