"""A Ray head as far as its Jobs REST interface goes. Entrypoints are really run, here.

As the real one: a second submission of one id is answered with 500, a missing job with 404, and a
package is asked for before it is sent.
"""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bydawn.core.sightings import Alive, Ended, Launched
from bydawn.processes.runs import LocalRuns, Order
from bydawn.testing.fakes.frame import Answer, Asked, Fake, Route
from bydawn.testing.fakes.runs import FakeRun, Scene

_TRACE = "Traceback (most recent call last): … Job with submission_id {} already exists."


class FakeRay(Fake):
    """``folder`` holds packages, working folders and logs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Scene(takes_ms=None))
        self.folder = folder
        self._local = LocalRuns(folder / "state", "fake-ray")
        self._handles: dict[str, str] = {}
        self._turn = threading.Lock()

    def routes(self) -> Iterable[Route]:
        return (
            ("GET", "/api/version", "version", lambda _: Answer(200, {"ray_version": "2.60.0"})),
            ("POST", "/api/jobs/", "launch", self._submit),
            ("GET", "/api/jobs/([^/]+)", "poll", self._show),
            ("GET", "/api/jobs/([^/]+)/logs", "logs", self._logs),
            ("POST", "/api/jobs/([^/]+)/stop", "cancel", self._stop),
            ("GET", "/api/packages/gcs/([^/]+)", "package", self._has),
            ("PUT", "/api/packages/gcs/([^/]+)", "upload", self._keep),
        )

    def close(self) -> None:
        """End what still runs, and let go."""
        for handle in self._handles.values():
            self._local.end(handle, "closed")
        self._local.close()

    def is_over(self, name: str) -> bool:
        """Whether the entrypoint of a submission has come to its end."""
        return self._code(name) is not None

    def _submit(self, asked: Asked) -> Answer:
        said = asked.document()
        name = said["submission_id"]
        with self._turn:
            if name in self._handles:
                return Answer(500, _TRACE.format(name).encode())
            place = self._unpacked(said["runtime_env"].get("working_dir", ""), name)
            run = self.runs.start(name, {**said, "entrypoint": "…"})
            variables = said["runtime_env"].get("env_vars", {})
            self._start(name, said["entrypoint"], place, variables)
        return Answer(200, {"job_id": name, "submission_id": name}, run=run)

    def _start(self, name: str, entrypoint: str, place: Path, variables: dict[str, str]) -> None:
        folder = str(self.folder / "state" / "runs" / name)
        environment = {"PATH": os.environ["PATH"], **variables}
        argv = ("/bin/sh", "-c", entrypoint)
        order = Order(name, folder, environment, 3_600_000, 500, argv, str(place))
        answer = self._local.start(order)
        assert isinstance(answer, Launched), answer
        self._handles[name] = answer.handle

    def _code(self, name: str) -> int | None:
        """The exit code of an entrypoint; None while it goes on."""
        seen = self._local.look(self._handles[name])
        if isinstance(seen, Alive):
            return None
        if not isinstance(seen, Ended):
            return 1
        return seen.outcome.exit_code or (1 if seen.outcome.failure else 0)

    def _unpacked(self, package: str, name: str) -> Path:
        place = self.folder / "jobs" / name
        place.mkdir(parents=True)
        if package:
            content = (self.folder / package.rpartition("/")[2]).read_bytes()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(place)
        return place

    def _show(self, asked: Asked) -> Answer:
        run = self._run(asked)
        if run is None:
            return Answer(404, b"Job does not exist")
        code = self._code(run.key)
        shown: dict[str, Any] = {"submission_id": run.key, "status": "RUNNING", "message": ""}
        if run.cancelled_at is not None and code is not None:
            shown["status"] = "STOPPED"
        elif code == 0:
            shown |= {"status": "SUCCEEDED", "driver_exit_code": 0}
        elif code is not None:
            shown |= {"status": "FAILED", "driver_exit_code": code,
                      "error_type": "JOB_ENTRYPOINT_COMMAND_ERROR",
                      "message": f"entrypoint command failed with exit code {code}"}  # fmt: skip
        return Answer(200, shown, run=run)

    def _logs(self, asked: Asked) -> Answer:
        run = self._run(asked)
        if run is None:
            return Answer(404, b"Job does not exist")
        log = self.folder / "state" / self._handles[run.key] / "output.log"
        printed = log.read_bytes() if log.exists() else b""
        return Answer(200, {"logs": printed.decode("utf-8", "replace")})

    def _stop(self, asked: Asked) -> Answer:
        run = self._run(asked)
        if run is None:
            return Answer(404, b"Job does not exist")
        if self._code(run.key) is None:
            self.runs.cancel(run.id)
            self._local.end(self._handles[run.key], "stopped")
        return Answer(200, {"stopped": True})

    def _run(self, asked: Asked) -> FakeRun | None:
        runs = self.runs.of_key(asked.parts[0])
        return runs[0] if runs and not runs[0].is_lost else None

    def _has(self, asked: Asked) -> Answer:
        is_there = (self.folder / asked.parts[0]).exists()
        return Answer(200 if is_there else 404, {})

    def _keep(self, asked: Asked) -> Answer:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / asked.parts[0]).write_bytes(asked.body)
        return Answer(200, {})
