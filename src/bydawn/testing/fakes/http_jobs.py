"""A job service of the plainest kind, for the backend ``http-jobs``.

    POST /jobs {"prompt": …, "key": …, "takes_ms": 50, "ends": "failed"}   -> {"id": "run-1", …}
    GET  /jobs/run-1            -> {"id", "key", "state", "usage", "cost", "result", "error"}
    GET  /jobs?key=…            -> {"jobs": [ … ]}
    GET  /jobs/all              -> {"jobs": [ … ]}
    GET  /jobs/run-1/output     the result as a file
    POST /jobs/run-1/cancel

With ``is_keyed`` the header Idempotency-Key is honoured: the same key is the same run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from bydawn.testing.fakes.frame import Answer, Asked, Fake, Route
from bydawn.testing.fakes.runs import FakeRun, Scene

_FROM_BODY = ("takes_ms", "ends", "result", "error")


class FakeHttpJobs(Fake):
    """``secret``: every request must carry it as a bearer token."""

    def __init__(
        self, scene: Scene | None = None, is_keyed: bool = False, secret: str | None = None
    ) -> None:
        super().__init__(scene)
        self.is_keyed, self.secret = is_keyed, secret

    def routes(self) -> Iterable[Route]:
        return (
            ("POST", "/jobs", "launch", self._guarded(self._launch)),
            ("GET", "/jobs", "find", self._guarded(self._find)),
            ("GET", "/jobs/all", "list", self._guarded(self._list)),
            ("GET", "/jobs/([^/]+)", "poll", self._guarded(self._poll)),
            ("GET", "/jobs/([^/]+)/output", "collect", self._guarded(self._output)),
            ("POST", "/jobs/([^/]+)/cancel", "cancel", self._guarded(self._cancel)),
        )

    def _guarded(self, act: Any) -> Any:
        def guarded(asked: Asked) -> Answer:
            told = asked.headers.get("authorization", "")
            if self.secret is not None and told != f"Bearer {self.secret}":
                return Answer(401, self.denial(401, f"the key {told} is not known"))
            answer: Answer = act(asked)
            return answer

        return guarded

    def _launch(self, asked: Asked) -> Answer:
        body = asked.document()
        if not isinstance(body, dict):
            return Answer(400, self.denial(400, "the body is no JSON object"))
        key = asked.headers.get("idempotency-key", "")
        known = self.runs.of_key(key) if self.is_keyed and key else []
        if known:
            self.runs.note_replay(known[0])
            return self._shown(known[0])
        said = {name: body[name] for name in _FROM_BODY if name in body}
        scene = dataclasses.replace(self.runs.scene, **said)
        run = self.runs.start(key or str(body.get("key", "")), body, scene)
        return self._shown(run, 201)

    def _find(self, asked: Asked) -> Answer:
        key = asked.query.get("key", "")
        found = [self._job(run) for run in self.runs.of_key(key) if not run.is_lost]
        return Answer(200, {"jobs": found})

    def _list(self, _: Asked) -> Answer:
        return Answer(200, {"jobs": [self._job(run) for run in self.runs.all() if not run.is_lost]})

    def _poll(self, asked: Asked) -> Answer:
        run = self.runs.get(asked.parts[0])
        if run is None:
            return Answer(404, self.denial(404, f"there is no job {asked.parts[0]}"))
        return self._shown(run)

    def _output(self, asked: Asked) -> Answer:
        run = self.runs.get(asked.parts[0])
        if run is None or not run.is_over():
            return Answer(404, self.denial(404, "there is no output"))
        return Answer(200, str(run.scene.result).encode())

    def _cancel(self, asked: Asked) -> Answer:
        is_done = self.runs.cancel(asked.parts[0])
        return Answer(202 if is_done else 409, {"cancelled": is_done})

    def _shown(self, run: FakeRun, code: int = 200) -> Answer:
        return Answer(code, self._job(run), run=run)

    def _job(self, run: FakeRun) -> dict[str, Any]:
        state = run.state()
        shown: dict[str, Any] = {"id": run.id, "key": run.key, "state": state}
        if run.is_over() and run.shows_usage():
            shown |= {"usage": run.scene.usage, "cost": run.scene.cost_usd}
        if state == "succeeded":
            shown["result"] = run.scene.result
        elif state == "failed":
            shown["error"] = run.scene.error
        return shown
