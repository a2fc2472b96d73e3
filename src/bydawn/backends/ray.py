"""Commands on a Ray cluster, through its Jobs REST interface; Ray itself is not needed here.

The submission id is the launch key, and Ray refuses a second one, so a launch may be repeated. A
repeat is answered with 500, so every 500 means: look. The plan's folder goes along, and what a
command leaves in its draft comes back, so a plan moves between a machine and a cluster by one word.
"""

from __future__ import annotations

import base64
import binascii
import json
import shlex
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bydawn.backends.answers import classified_launch, needs_a_person, retry_after_ms
from bydawn.backends.backend import Backend, Surroundings
from bydawn.backends.local import refusal
from bydawn.backends.parcels import Parcel, TooLarge, parcel_of
from bydawn.backends.paths import text_at
from bydawn.backends.ray_runs import MOST_OUTPUT, order_of, outcome_of
from bydawn.backends.readings import Pace
from bydawn.backends.unseen import Unseen
from bydawn.backends.wire import (
    Call,
    Impossible,
    Oversized,
    Reply,
    Unanswered,
    Unsent,
    Untrusted,
    Wire,
)
from bydawn.core.sightings import (
    Absent,
    Alive,
    CancelAnswer,
    Capabilities,
    Ended,
    Failure,
    FailureClass,
    FindAnswer,
    Found,
    Guarantee,
    LaunchAnswer,
    Launched,
    LaunchRefused,
    LaunchUnclear,
    Readiness,
    Request,
    Sighting,
)
from bydawn.processes import aboard
from bydawn.processes.environment import request_environment
from bydawn.processes.outcomes import printable

_LOCAL = "http://127.0.0.1:8265"
_TIMEOUT_MS = 60_000
_PACE_MS = (1_000, 30_000)
_SETTLE_MS = 5_000
_LATE_MS = 200


class Ray(Backend):
    """``argv`` or ``shell`` as for commands, with the plan's folder at hand. The table may say
    address, headers, runtime_env, resources (entrypoint_num_cpus, …) and upload = false."""

    name = "ray"
    capabilities = Capabilities(Guarantee.KEYED, settle_ms=_SETTLE_MS, collects=True)

    def __init__(self, around: Surroundings) -> None:
        self._options, self._environment = dict(around.options), around.environment
        self._clock = around.clock
        self._wire = Wire(_TIMEOUT_MS, most_bytes=4 * MOST_OUTPUT)
        self._unseen = Unseen(around.clock, _SETTLE_MS)
        self._pace = Pace(*_PACE_MS)
        self._parcels: dict[str, str] = {}
        self._packing = threading.Lock()

    def launch(self, request: Request) -> LaunchAnswer:
        within_ms = request.send_by - self._clock.boot_ms() if request.send_by else None
        if within_ms is not None and within_ms < _LATE_MS:
            return refusal("late", "its lease was about to end")
        try:
            call = self._call("POST", "/api/jobs/", self._submission(request))
            reply = self._wire.send(call, within_ms)
        except (TooLarge, Impossible) as error:
            return refusal("request", str(error))
        except Untrusted as error:
            return LaunchRefused(Failure(FailureClass.AUTH, "tls", str(error)))
        except Unsent as error:
            return LaunchRefused(Failure(FailureClass.TRANSIENT, "unreachable", str(error)))
        except Unanswered as error:
            return LaunchUnclear(str(error))
        if reply.is_good:
            return Launched(request.launch_key, self._pace.paced(request.launch_key, Alive()))
        after = retry_after_ms(reply.retry_after, self._clock.utc_ms())
        return classified_launch(reply.code, reply.words, after)

    def find(self, request: Request) -> FindAnswer:
        reply = self._wire.send(self._call("GET", f"/api/jobs/{request.launch_key}"))
        if reply.is_good:
            return Found(request.launch_key)
        if reply.code == 404:
            return Absent()
        raise Unanswered(f"HTTP {reply.code}: {reply.words}")

    def poll(self, handle: str) -> Sighting:
        try:
            reply = self._wire.send(self._call("GET", f"/api/jobs/{handle}"))
            if not reply.is_good:
                return self._not_shown(handle, reply)
            document = reply.document()
            state = text_at(document, "status")
            if not state:
                return self._unseen.useless(handle, 'its answer has no "status"')
            sighting = self._shown(handle, state, document)
        except (Untrusted, Oversized) as error:
            return self._unseen.useless(handle, str(error))
        except (Unsent, Unanswered) as error:
            return self._unseen.away(handle, str(error))
        return self._unseen.seen(handle, self._pace.paced(handle, sighting))

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        del reason
        try:
            reply = self._wire.send(self._call("POST", f"/api/jobs/{handle}/stop"))
        except (Unsent, Unanswered) as error:
            return CancelAnswer(False, str(error))
        return CancelAnswer(reply.is_good or reply.code == 404, reply.words)

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        del request
        told = self._told(handle)
        if told is None:
            return Failure(FailureClass.PERMANENT, "not_collected", "its log has no output of ours")
        if told["left_out"]:
            names = printable(", ".join(map(str, told["left_out"][:5])))
            words = f"more than {MOST_OUTPUT} bytes do not come back this way: {names}"
            return Failure(FailureClass.PERMANENT, "not_collected", words)
        for name, content in told["files"].items():
            target = Path(folder, name)
            if not target.resolve().is_relative_to(Path(folder).resolve()):
                return Failure(FailureClass.PERMANENT, "not_collected", "a file outside its draft")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(content))
        return None

    def readiness(self) -> Readiness:
        address = self._address()
        try:
            reply = self._wire.send(self._call("GET", "/api/version"), within_ms=10_000)
            if not reply.is_good:
                return Readiness(why_not=f"{address} answers HTTP {reply.code}: is it a Ray head?")
            return Readiness(version=f"Ray {text_at(reply.document(), 'ray_version') or '?'}")
        except (Unsent, Unanswered) as error:
            # What follows the first colon is read as the remedy.
            reason = str(error).rpartition(": ")[2]
            remedy = "start one, or set RAY_API_SERVER_ADDRESS"
            return Readiness(why_not=f"no Ray head answers at {address} ({reason}): {remedy}")

    def close(self) -> None:
        self._wire.close()

    def _address(self) -> str:
        """From the table, else as Ray's own client finds it."""
        said = self._options.get("address") or self._environment.get("RAY_API_SERVER_ADDRESS")
        if not said:
            named = self._environment.get("RAY_ADDRESS", "")
            said = named if named.startswith(("http://", "https://")) else _LOCAL
        return str(said).rstrip("/")

    def _call(self, method: str, path: str, said: Any = None) -> Call:
        headers = self._filled_headers()
        if said is None:
            return Call(method, self._address() + path, headers)
        body = json.dumps(said).encode()
        headers["Content-Type"] = "application/json"
        return Call(method, self._address() + path, headers, body)

    def _filled_headers(self) -> dict[str, str]:
        from bydawn.backends.filled import Filler

        said = self._options.get("headers") or {}
        filled: Mapping[str, str] = Filler(said, self._environment).for_run(said, "")
        return dict(filled)

    def _submission(self, request: Request) -> dict[str, Any]:
        runtime = dict(self._options.get("runtime_env") or {})
        variables = {**self._variables(request), "BYDAWN_ORDER": json.dumps(order_of(request))}
        runtime["env_vars"] = {**(runtime.get("env_vars") or {}), **variables}
        if self._options.get("upload", True) and request.plan_folder:
            runtime.setdefault("working_dir", self._uploaded(request.plan_folder))
        source = Path(aboard.__file__).read_text("utf-8")
        return {
            "entrypoint": f"python3 -c {shlex.quote(source)}",
            "submission_id": request.launch_key,
            "runtime_env": runtime,
            "metadata": {"bydawn_batch": request.batch, "bydawn_job": request.job},
            **(self._options.get("resources") or {}),
        }

    def _variables(self, request: Request) -> dict[str, str]:
        """What the plan passes on, and the BYDAWN_ names; the draft is made over there."""
        payload = request.payload
        named = payload.get("pass_env") or ()
        passed = {name: self._environment[name] for name in named if name in self._environment}
        said = {name: str(value) for name, value in (payload.get("env") or {}).items()}
        return {**passed, **said, **request_environment(request)}

    def _uploaded(self, folder: str) -> str:
        """The plan's folder on the cluster, sent once as long as this process lives."""
        with self._packing:
            if folder not in self._parcels:
                self._parcels[folder] = self._sent(parcel_of(folder))
            return self._parcels[folder]

    def _sent(self, parcel: Parcel) -> str:
        name = f"_ray_pkg_{parcel.name}.zip"
        path = f"/api/packages/gcs/{name}"
        if not self._wire.send(self._call("GET", path)).is_good:
            call = Call("PUT", self._address() + path, self._filled_headers(), parcel.content)
            reply = self._wire.send(call)
            if not reply.is_good:
                raise Unsent(f"the plan's folder was not taken: HTTP {reply.code}: {reply.words}")
        return f"gcs://{name}"

    def _not_shown(self, handle: str, reply: Reply) -> Sighting:
        why = f"HTTP {reply.code}: {reply.words}"
        if reply.code == 404:
            return self._unseen.unknown(handle, why)
        if needs_a_person(reply.code):
            return self._unseen.useless(handle, why, at_once=True)
        return self._unseen.away(handle, why)

    def _shown(self, handle: str, state: str, document: Any) -> Sighting:
        if state not in ("SUCCEEDED", "FAILED", "STOPPED"):
            return Alive(witness=f"{state} {self._printed(handle)}", raw=state)
        return Ended(outcome_of(state, document, self._told(handle)))

    def _printed(self, handle: str) -> int:
        """How much it has printed: the only sign of progress Ray gives."""
        try:
            return len(self._wire.send(self._call("GET", f"/api/jobs/{handle}/logs")).body)
        except Oversized as error:
            return error.size
        except (Unsent, Unanswered):
            return -1

    def _told(self, handle: str) -> dict[str, Any] | None:
        """What the run said of its own end, as the last line of its log."""
        reply = self._wire.send(self._call("GET", f"/api/jobs/{handle}/logs"))
        if not reply.is_good:
            raise Unanswered(f"its log: HTTP {reply.code}: {reply.words}")
        _, mark, packed = text_at(reply.document(), "logs").rpartition(aboard.MARK)
        try:
            told = (
                json.loads(zlib.decompress(base64.b64decode(packed.split()[0]))) if mark else None
            )
        except (ValueError, IndexError, binascii.Error, zlib.error):
            return None
        return told if isinstance(told, dict) else None
