"""A fake ``agy`` on PATH: ``agy run --detach --json``, ``agy jobs get|list|cancel``.

``install(folder, state)`` writes the program; its jobs, its ledger and its faults live in
``state``, one file each. A fault is a file there that holds its kind: ``fault-run``,
``fault-get`` or ``fault-list`` with fail, crash-after, hang, hang-after, garbage or wordy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python} -P
import json, os, sys, time, uuid
STATE = {state!r}
OPTIONS = ("--task", "--model", "--key", "--timeout")


def fault(verb):
    try:
        path = os.path.join(STATE, "fault-" + verb)
        kind = open(path).read().strip()
        os.unlink(path)
        return kind
    except FileNotFoundError:
        return ""


def show(document):
    print(json.dumps(document), flush=True)


def shown(name):
    job = json.load(open(os.path.join(STATE, "jobs", name)))
    over = job["ends_at"] is not None and time.time() >= job["ends_at"]
    if not over and os.path.exists(os.path.join(STATE, "cancelled", name)):
        return {{**job, "state": "cancelled", "exit_code": 130}}
    ended = {{"state": job["ends"], "exit_code": 0 if job["ends"] == "succeeded" else 1}}
    return {{**job, **(ended if over else {{"state": "running", "exit_code": None}})}}


def started(words):
    said = {{words[n][2:]: words[n + 1] for n in range(len(words)) if words[n] in OPTIONS}}
    scene = json.load(open(os.path.join(STATE, "scene")))
    takes = scene["takes_s"]
    name = "j_" + uuid.uuid4().hex[:12]
    job = {{"job_id": name, **said, "ends": scene["ends"],
            "ends_at": None if takes is None else time.time() + takes}}
    path = os.path.join(STATE, "jobs", name)
    open(path + ".new", "w").write(json.dumps(job))
    os.rename(path + ".new", path)
    return job


def run(words):
    kind = fault("run")
    if kind == "fail":
        sys.exit("agy: no such model")
    if kind == "hang":
        time.sleep(3600)
    job = started(words)
    if kind == "hang-after":
        time.sleep(3600)
    if kind == "crash-after":
        os.kill(os.getpid(), 9)
    if kind == "garbage":
        print("Welcome to agy!")
        return
    if kind == "wordy":
        print("Welcome to agy!", file=sys.stderr, flush=True)
    show({{"job_id": job["job_id"], "state": "queued"}})


def jobs(verb, *names):
    kind = fault(verb)
    if kind == "fail":
        sys.exit("agy: cannot reach the service")
    if kind == "hang":
        time.sleep(3600)
    if kind == "garbage":
        print("<html>")
        return
    if verb == "list":
        names = sorted(os.listdir(os.path.join(STATE, "jobs")))
        show({{"jobs": [shown(name) for name in names if not name.endswith(".new")]}})
    elif not os.path.exists(os.path.join(STATE, "jobs", names[0])):
        sys.exit("agy: no such job")
    elif verb == "get":
        show(shown(names[0]))
    else:
        open(os.path.join(STATE, "cancelled", names[0]), "w").close()
        show({{"cancelled": True}})


run(sys.argv[2:]) if sys.argv[1] == "run" else jobs(*sys.argv[2:4])
"""


def install(
    folder: Path, state: Path, takes_s: float | None = 0.0, ends: str = "succeeded"
) -> Path:
    """Put ``agy`` into ``folder``; its path. ``takes_s`` None: until ``finish``."""
    for name in ("jobs", "cancelled"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "scene").write_text(json.dumps({"takes_s": takes_s, "ends": ends}))
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "agy"
    program.write_text(_PROGRAM.format(python=sys.executable, state=str(state)))
    program.chmod(0o755)
    return program


def plan_fault(state: Path, verb: str, kind: str) -> None:
    """Have the next ``agy run``, ``jobs get`` or ``jobs list`` go wrong."""
    (state / f"fault-{verb}").write_text(kind)


def jobs(state: Path) -> list[dict[str, Any]]:
    """Every job that was really started."""
    found = sorted(path for path in (state / "jobs").iterdir() if path.suffix != ".new")
    return [json.loads(path.read_text()) for path in found]


def finish(state: Path, job_id: str) -> None:
    """End a job that waits for this."""
    path = state / "jobs" / job_id
    path.write_text(json.dumps({**json.loads(path.read_text()), "ends_at": 0}))
