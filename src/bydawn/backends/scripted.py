"""Plays what the plan says: rehearsal, demonstration and tests. Nothing outside the process
happens.

A job's ``script`` is a list with one entry per generation (the last repeats):
``{takes_ms, ends, result, usage, cost_usd}`` where ``ends`` is "ok", "exit N", "error CODE",
"held", "hang", "vanish" or "refuse". The run's whole fate is in its handle, so a successor sees the
same run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bydawn.backends.backend import Backend
from bydawn.core.clock import Clock
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
    Outcome,
    Request,
    Sighting,
    Usage,
    Vanished,
)

_INSTANT: dict[str, Any] = {"takes_ms": 0, "ends": "ok"}
_NEVER = 1 << 60
_TRANSIENT = FailureClass.TRANSIENT


class ScriptedBackend(Backend):
    """Runs exist as handles that say when and how they end. ``ledger`` hears of every launch."""

    name = "scripted"
    capabilities = Capabilities(guarantee=Guarantee.KEYED, prompt=True)

    def __init__(self, clock: Clock, ledger: Callable[[str], None] = lambda _: None) -> None:
        self._clock = clock
        self._ledger = ledger
        self._cancelled: dict[str, tuple[str, int]] = {}
        # Runs with one script that begin in the same millisecond have the same fate.
        self._last: tuple[dict[str, Any], int, Launched] | None = None

    def launch(self, request: Request) -> LaunchAnswer:
        scene = scene_of(request.payload, _generation(request.launch_key))
        if scene["ends"] == "refuse":
            return LaunchRefused(Failure(_TRANSIENT, "refused", "the script refuses this launch"))
        self._ledger(request.launch_key)
        now = self._clock.utc_ms()
        if self._last is None or self._last[:2] != (scene, now):
            self._last = (scene, now, _begun(scene, now))
        return self._last[2]

    def find(self, request: Request) -> FindAnswer:
        """The script starts a run for a launch key exactly when it is told to: nothing is lost."""
        scene = scene_of(request.payload, _generation(request.launch_key))
        if scene.get("found"):
            return Found(json.dumps(_fate(scene, self._clock.utc_ms())))
        return Absent()

    def poll(self, handle: str) -> Sighting:
        fate: dict[str, Any] = json.loads(handle)
        now = self._clock.utc_ms()
        if handle in self._cancelled:
            reason, at = self._cancelled[handle]
            failure = Failure(_TRANSIENT, reason, "ended by its script")
            return Ended(Outcome(failure, started_at=fate["from"], ended_at=at, stopped=reason))
        if now < fate["until"]:
            return Alive(witness=fate.get("witness", ""), look_again_ms=fate["until"] - now)
        return _end(fate)

    def cancel(self, handle: str, reason: str) -> CancelAnswer:
        fate = json.loads(handle)
        if self._clock.utc_ms() < fate["until"] and fate["ends"] != "stubborn":
            self._cancelled.setdefault(handle, (reason, self._clock.utc_ms()))
        return CancelAnswer(True)


def scene_of(payload: dict[str, Any], generation: int) -> dict[str, Any]:
    """What the script says about a generation, counted from 1; the last entry repeats."""
    script = payload.get("script") or [_INSTANT]
    return {**_INSTANT, **script[min(generation, len(script)) - 1]}


def _generation(launch_key: str) -> int:
    return int(launch_key.rpartition("-")[2])


def _begun(scene: dict[str, Any], now: int) -> Launched:
    fate = _fate(scene, now)
    is_over = fate["until"] <= fate["from"]
    return Launched(json.dumps(fate), _end(fate) if is_over else None)


def _fate(scene: dict[str, Any], now: int) -> dict[str, Any]:
    """When and how a run ends; as JSON it is the run's handle."""
    until = _NEVER if scene["ends"] in ("hang", "stubborn") else now + int(scene["takes_ms"])
    fate: dict[str, Any] = {"from": now, "until": until}
    for name in ("ends", "result", "usage", "cost_usd"):
        if name in scene:
            fate[name] = scene[name]
    return fate


def _end(fate: dict[str, Any]) -> Sighting:
    ends, _, detail = str(fate["ends"]).partition(" ")
    if ends == "vanish":
        return Vanished("the script lost it")
    result = json.dumps(fate["result"]) if "result" in fate else None
    cost = fate.get("cost_usd")
    usage = Usage(fate.get("usage", {}), None if cost is None else round(float(cost) * 1_000_000))
    code = int(detail) if ends == "exit" else 0 if ends == "ok" else None
    failure = _failure(ends, detail)
    return Ended(Outcome(failure, code, result, usage, fate["from"], fate["until"]))


def _failure(ends: str, detail: str) -> Failure | None:
    if ends == "ok" or (ends == "exit" and detail == "0"):
        return None
    if ends == "exit":
        return Failure(_TRANSIENT, f"exit_{detail}", f"the script ends with exit {detail}")
    if ends == "held":
        return Failure(FailureClass.HELD, "held", "the script says quota", int(detail or 60_000))
    kind = FailureClass.PERMANENT if detail.startswith("4") else _TRANSIENT
    return Failure(kind, detail or ends, f"the script ends with {ends} {detail}".strip())
