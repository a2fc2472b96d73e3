"""A night that meets trouble, and what must hold once the trouble is over."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any

import hasty
from nightly import Night
from ready import Forked

ITEMS, PAGE = 5, "hello"
PLAN = """
schema = 1
name = "troubled"
[run]
parallel = 4
lease = "{lease}"
[defaults]
backoff = {{ initial = "{pause}", max = "{pause}" }}
[[job]]
id = "work"
items = "records.jsonl"
key = ["site", "slug"]
shell = 'echo {{{{ item.slug }}}} >> {recorder}; sleep {takes}'
[[job]]
id = "page"
shell = 'echo page >> {recorder}; echo {page} > page.html'
expect = {{ files = ["page.html"] }}
publish = [ {{ from = "page.html", file = "public/page.html" }} ]
"""
# 0 all is well, 1 some failed, 8 some wait for a person, 75 try again. 70 would be a bug of ours.
EXPLAINED = (0, 1, 8, 75)
_TERMINATED = 143
_SETTLED = {"succeeded": 0, "failed": 1, "parked": 8}


@dataclass(frozen=True, slots=True)
class Told:
    """How a command ended, in the middle of the trouble or after it."""

    code: int
    errors: str

    @property
    def harm(self) -> list[str]:
        found = [] if self.code in EXPLAINED else [f"exit code {self.code}"]
        words = ("Traceback", "bug in bydawn")
        return found + [f"said {self.errors[-700:]}" for word in words if word in self.errors]


def prepared(night: Night, takes: str = "0.03", pause: str = "200ms") -> Night:
    night.items(ITEMS)
    night.program = hasty.PROGRAM
    words = {"recorder": night.recorder, "page": PAGE, "takes": takes, "pause": pause}
    night.plan(PLAN.format(lease=hasty.LEASE, **words))
    return night


def troubled(night: Night) -> Told:
    """The night while the trouble lasts; half a minute of it where it lasts for ever."""
    return ends(night.start("run", "plan.toml"), 30)


def ends(started: subprocess.Popen[str] | Forked, patience_s: float) -> Told:
    """How it ends; told to leave where it waits for better times."""
    try:
        _, errors = started.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        started.terminate()
        _, errors = started.communicate(timeout=30)
        assert "asks to wait" in errors, f"it did not say what it waits for: {errors[-700:]}"
        return Told(0 if started.returncode == _TERMINATED else started.returncode, errors)
    return Told(started.returncode, errors)


def harm_after(night: Night, *store: str) -> list[str]:
    """The same command again, all being well: whatever is lost, done twice or told wrongly."""
    code, batch = night.json(*store, "run", "plan.toml")
    return harm_told(night, code, batch, *store)


def undone_after(night: Night, *store: str) -> list[str]:
    """The same where nothing but time was lost: all of it must be done."""
    code, batch = night.json(*store, "run", "plan.toml")
    left = [one for one in batch["jobs"] if one["state"] != "succeeded"]
    told = [f"{one['job']} {one['state']} {one['reason']} {one['error']}" for one in left]
    return told + harm_told(night, code, batch, *store)


def harm_told(night: Night, code: int, batch: dict[str, Any], *store: str) -> list[str]:
    found = _harm_to_jobs(batch, code) + _harm_outside(night, batch)
    verified = night.run(*store, "audit", "verify")
    return found + ([verified.stdout[-700:]] if verified.returncode else [])


def _harm_to_jobs(batch: dict[str, Any], code: int) -> list[str]:
    states = {job["job"]: job["state"] for job in batch["jobs"]}
    found = [f"{job} is {state}" for job, state in states.items() if state not in _SETTLED]
    found += [] if len(states) == ITEMS + 1 else [f"only {len(states)} jobs"]
    expected = max((_SETTLED.get(state, 75) for state in states.values()), default=75)
    return found + ([] if code == expected else [f"exit code {code}, not {expected}"])


def _harm_outside(night: Night, batch: dict[str, Any]) -> list[str]:
    """The recorder, which only the jobs write to, against what is told of them."""
    effects = night.effects()
    found = [f"{name} {count} times" for name, count in effects.items() if count > 1]
    for job in batch["jobs"]:
        name = job["job"].rpartition(":")[2]
        if job["state"] == "succeeded" and effects[name] != 1:
            found.append(f"{name} succeeded, and was done {effects[name]} times")
    page = night.folder / "public" / "page.html"
    shown = page.read_text("utf-8").strip() if page.exists() else None
    is_done = any(job["job"] == "page" and job["state"] == "succeeded" for job in batch["jobs"])
    if shown not in ((PAGE,) if is_done else (PAGE, None)):
        found.append(f"published: {shown!r}")
    return found
