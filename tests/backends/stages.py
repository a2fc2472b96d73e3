"""A stage of the contract for every built-in backend that has a fake."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ordered import around, until
from serving import searchable, table

from bydawn.backends.backend import Backend
from bydawn.backends.cli_async import CliAsync
from bydawn.backends.command import CommandBackend
from bydawn.backends.http_jobs import HttpJobs
from bydawn.backends.python import PythonBackend
from bydawn.backends.ray import Ray
from bydawn.processes.runs import LocalRuns
from bydawn.testing.fakes import FakeHttpJobs, FakeRay, FakeServer, Fault, Scene, agy
from bydawn.testing.fakes.faults import Kind
from bydawn.testing.fakes.lives import Life, Lives
from bydawn.testing.stage import Stage
from vendors import KEY
from vendors import Kind as Vendor

_UNTIL_TOLD = """
import os, sys, time
with open(os.environ["BYDAWN_DRAFT"] + "/../../../started", "a") as ledger:
    ledger.write(os.environ["BYDAWN_LAUNCH_KEY"] + "\\n")
while not os.path.exists(os.environ["BYDAWN_DRAFT"] + "/finish"):
    time.sleep(0.02)
"""


class Closing(Stage):
    """A stage that is left behind empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs: list[LocalRuns] = []

    def runs(self) -> LocalRuns:
        self._runs.append(LocalRuns(self.folder, f"r_{len(self._runs)}"))
        return self._runs[-1]

    def close(self) -> None:
        for runs in self._runs:
            runs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Commands(Closing):
    def backend(self) -> Backend:
        return CommandBackend(around(self.runs(), os.environ))

    def payload(self) -> dict[str, Any]:
        return {"argv": ["python3", "-c", _UNTIL_TOLD]}

    def finish(self, handle: str) -> None:
        (self.folder / handle / "draft" / "finish").touch()

    def runs_of(self, launch_key: str) -> int:
        """Every start writes a line; the first look waits for it."""
        ledger = self.folder / "started"
        until(lambda: ledger.exists() and launch_key in ledger.read_text())
        return ledger.read_text().split().count(launch_key)


class Calls(Commands):
    def backend(self) -> Backend:
        return PythonBackend(around(self.runs(), {**os.environ, "PYTHONPATH": str(self.folder)}))

    def payload(self) -> dict[str, Any]:
        (self.folder / "called.py").write_text(f"def until_told():\n    exec({_UNTIL_TOLD!r})\n")
        return {"call": "called:until_told"}


class JobServices(Closing):
    """``more`` is what the table says beyond how to speak to the fake service."""

    def __init__(self, folder: Path, is_keyed: bool = False, is_searchable: bool = False) -> None:
        super().__init__(folder)
        self._is_keyed, self._is_searchable = is_keyed, is_searchable
        fake = FakeHttpJobs(Scene(takes_ms=None), is_keyed)
        self.server = FakeServer(fake).start()

    def backend(self) -> Backend:
        url = self.server.url
        more: dict[str, Any] = searchable(url) if self._is_searchable else {}
        if self._is_keyed:
            more["key_header"] = "Idempotency-Key"
        files = {"out.txt": {"url": f"{url}/jobs/{{{{ remote.id }}}}/output"}}
        said = table(url, files=files, settle="100ms", **more)
        return HttpJobs(around(self.runs(), {}, **said))

    def payload(self) -> dict[str, Any]:
        return {"prompt": "go on"}

    def finish(self, handle: str) -> None:
        self.server.fake.runs.finish(handle)

    def runs_of(self, launch_key: str) -> int:
        return self.server.fake.runs.started().get(launch_key, 0)

    def lose_next_answer(self) -> bool:
        self.server.faults.plan([Fault(Kind.DROP)])
        return True

    def refuse_next(self) -> bool:
        self.server.faults.plan([Fault(Kind.TOO_MANY, retry_after="1")])
        return True

    def blind_next_look(self, verb: str) -> bool:
        if verb == "find" and not self._is_searchable:
            return False
        self.server.faults.plan([Fault(Kind.HTML, verb)])
        return True

    def close(self) -> None:
        self.server.close()
        super().close()


class Programs(Closing):
    """cli-async over the fake ``agy``, as the interface page writes it."""

    def __init__(self, folder: Path, is_searchable: bool = False) -> None:
        super().__init__(folder / "state")
        self.folder.mkdir()
        self._is_searchable = is_searchable
        self.service = folder / "service"
        program = agy.install(folder / "bin", self.service, takes_s=None)
        self._environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def backend(self) -> Backend:
        return CliAsync(around(self.runs(), self._environment, **agy_table(self._is_searchable)))

    def payload(self) -> dict[str, Any]:
        return {"prompt": "Write it", "model": "gemini-3.5-flash"}

    def finish(self, handle: str) -> None:
        agy.finish(self.service, handle)

    def runs_of(self, launch_key: str) -> int:
        return sum(1 for job in agy.jobs(self.service) if job.get("key") == launch_key)

    def lose_next_answer(self) -> bool:
        agy.plan_fault(self.service, "run", "crash-after")
        return True

    def blind_next_look(self, verb: str) -> bool:
        if verb == "find" and not self._is_searchable:
            return False
        agy.plan_fault(self.service, "list" if verb == "find" else "get", "garbage")
        return True


class Clusters(Commands):
    """Ray over the fake head: its commands really run, so what ends them is a file they see."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "plan")
        self.folder.mkdir()
        # Outside the plan's folder, which is another one over there.
        self.ends = folder / "ended"
        self.ends.mkdir()
        self.fake = FakeRay(folder / "head")
        self.server = FakeServer(self.fake).start()

    def backend(self) -> Backend:
        said = {"address": self.server.url}
        return Ray(around(self.runs(), os.environ, **said))

    def payload(self) -> dict[str, Any]:
        return {"shell": f"while [ ! -e {self.ends}/$BYDAWN_LAUNCH_KEY ]; do sleep 0.02; done"}

    def finish(self, handle: str) -> None:
        (self.ends / handle).touch()
        until(lambda: self.fake.is_over(handle))

    def runs_of(self, launch_key: str) -> int:
        return self.fake.runs.started().get(launch_key, 0)

    def lose_next_answer(self) -> bool:
        self.server.faults.plan([Fault(Kind.DROP)])
        return True

    def refuse_next(self) -> bool:
        self.server.faults.plan([Fault(Kind.ERROR, code=400)])
        return True

    def blind_next_look(self, verb: str) -> bool:
        del verb  # Ray is asked the same thing for both
        self.server.faults.plan([Fault(Kind.ERROR, "poll", code=500)])
        return True

    def close(self) -> None:
        self.fake.close()
        self.server.close()
        super().close()


def agy_table(is_searchable: bool) -> dict[str, Any]:
    listing = {"list": ["agy", "jobs", "list", "--json"], "list_path": "jobs", "key_path": "key"}
    return {
        "type": "cli-async",
        "submit": [
            "agy", "run", "--detach", "--json", "--task", "{{ job.prompt }}",
            "--model", "{{ job.model }}", "--key", "{{ launch_key }}",
        ],
        "id_path": "job_id",
        "poll": ["agy", "jobs", "get", "{{ remote.id }}", "--json"],
        "state_path": "state",
        "exit_code_path": "exit_code",
        "cancel": ["agy", "jobs", "cancel", "{{ remote.id }}"],
        "poll_every": {"initial": "20ms", "max": "100ms"},
        "timeout": "5s",
        "settle": "100ms",
        **(listing if is_searchable else {}),
    }  # fmt: skip


class Managed(Closing):
    """A vendor's managed agents, behind its real SDK."""

    def __init__(self, folder: Path, kind: Vendor) -> None:
        super().__init__(folder)
        self._kind = kind
        self._lives = Lives(plan=lambda _: Life(takes_ms=1 << 40, files={"a.txt": b"made"}))
        self._fake = kind.fake(self._lives, frozenset({KEY}))
        self.server = FakeServer(self._fake).start()

    def backend(self) -> Backend:
        options = {
            **(self._kind.options or {}),
            "base_url": self.server.url + self._kind.version,
            "timeout": "2s",
            "settle": "100ms",
        }
        known = around(self.runs(), {self._kind.variable: KEY})
        return self._kind.make(replace(known, options=options))

    def payload(self) -> dict[str, Any]:
        return {"prompt": "go on", "model": "model-1"}

    def finish(self, handle: str) -> None:
        """A handle is a run, or a session with one turn, or ends in an interaction."""
        turns = getattr(self._fake, "turns", {}).get(handle)
        last = turns[-1] if isinstance(turns, list) else turns
        self._lives.finish(last.id if last else handle.rpartition("|")[2])

    def runs_of(self, launch_key: str) -> int:
        return self._lives.launches_of(launch_key)

    def lose_next_answer(self) -> bool:
        self.server.faults.plan([Fault(Kind.DROP)])
        return True

    def refuse_next(self) -> bool:
        self.server.faults.plan([Fault(Kind.TOO_MANY, retry_after="1")])
        return True

    def blind_next_look(self, verb: str) -> bool:
        if verb == "find" and not self._kind.reserves:
            return False
        self.server.faults.plan([Fault(Kind.ERROR, verb)])
        return True

    def close(self) -> None:
        self.server.close()
        super().close()
