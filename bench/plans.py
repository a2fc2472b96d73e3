"""Plans written for measuring."""

from __future__ import annotations

import json
from pathlib import Path

# Twelve jobs of one night, in units: 214 in all, the longest 79.
NIGHT = (79, 24, 22, 16, 14, 11, 11, 9, 9, 8, 7, 4)


def item_plan(folder: Path, count: int, parallel: int, job: str) -> None:
    """One ``[[job]]`` with ``count`` items; ``job`` is what it says beside them."""
    with (folder / "items.jsonl").open("w") as file:
        file.writelines(json.dumps({"id": f"n{number:07d}"}) + "\n" for number in range(count))
    _write(folder, parallel, f'[[job]]\nid = "one"\nitems = "items.jsonl"\nkey = ["id"]\n{job}\n')


def scripted(folder: Path, count: int, parallel: int, takes: str) -> None:
    job = f'backend = "scripted"\nscript = [ {{ takes = "{takes}" }} ]'
    item_plan(folder, count, parallel, job)


def commands(folder: Path, count: int, parallel: int) -> None:
    item_plan(folder, count, parallel, 'argv = ["true"]')


def calls(folder: Path, count: int, parallel: int) -> None:
    (folder / "noop.py").write_text("def call(item):\n    return None\n")
    item_plan(folder, count, parallel, 'backend = "python"\ncall = "noop:call"')


def recorded_calls(folder: Path, count: int, parallel: int) -> None:
    """Each call appends its item and the time to the file ``record``."""
    (folder / "noop.py").write_text(
        "import os, time\n"
        f"RECORD = os.open({str(folder / 'record')!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "def call(item):\n"
        "    os.write(RECORD, f\"{item['id']} {time.time()}\\n\".encode())\n"
    )
    item_plan(folder, count, parallel, 'backend = "python"\ncall = "noop:call"')


def services(folder: Path, count: int, url: str, more: str) -> None:
    """Each item is a run at the fake job service at ``url``; ``more`` of its table, as TOML."""
    table = (
        '[backends.jobs]\ntype = "http-jobs"\nkey_header = "Idempotency-Key"\nid_path = "id"\n'
        f'launch = {{ method = "POST", url = "{url}/jobs", json = "{{{{ item }}}}" }}\n'
        f'poll = {{ url = "{url}/jobs/{{{{ remote.id }}}}" }}\nstate_path = "state"\n{more}\n'
    )
    item_plan(folder, count, count, f'backend = "jobs"\n{table}')


def night(folder: Path, unit_s: float) -> None:
    """The reference night as real commands that sleep."""
    jobs = (
        f'[[job]]\nid = "job-{number}"\nargv = ["sleep", "{length * unit_s:.3f}"]\n'
        for number, length in enumerate(NIGHT, 1)
    )
    _write(folder, len(NIGHT), "\n".join(jobs))


def _write(folder: Path, parallel: int, jobs: str) -> None:
    head = f'schema = 1\nname = "bench"\n[run]\nparallel = {parallel}\n'
    (folder / "plan.toml").write_text(f"{head}{jobs}")
