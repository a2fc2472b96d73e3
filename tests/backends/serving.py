"""Tables for the fake job service, and backends made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ordered import around

from bydawn.backends.http_jobs import HttpJobs
from bydawn.processes.runs import LocalRuns
from bydawn.testing.fakes import FakeServer

JOBS = "/jobs/{{ remote.id }}"


def table(url: str, **more: Any) -> dict[str, Any]:
    """How the fake service is spoken to; ``find`` is left out, so it is blind."""
    return {
        "type": "http-jobs",
        "launch": {
            "method": "POST",
            "url": f"{url}/jobs",
            "json": {"prompt": "{{ job.prompt }}", "key": "{{ launch_key }}"},
        },
        "id_path": "id",
        "poll": {"url": f"{url}{JOBS}"},
        "state_path": "state",
        "result_path": "result",
        "error_path": "error",
        "usage_paths": {"input_tokens": "usage.input_tokens", "cost_usd": "cost"},
        "cancel": {"method": "POST", "url": f"{url}{JOBS}/cancel"},
        "poll_every": {"initial": "20ms", "max": "100ms"},
        "timeout": "2s",
        "settle": "300ms",
        **more,
    }


def searchable(url: str) -> dict[str, Any]:
    return {"find": {"url": f"{url}/jobs?key={{{{ launch_key }}}}"}, "find_path": "jobs"}


def backend(
    server: FakeServer, folder: Path, environment: Mapping[str, str] | None = None, **more: Any
) -> HttpJobs:
    runs = LocalRuns(folder, "r_1")
    return HttpJobs(around(runs, environment or {}, **table(server.url, **more)))
