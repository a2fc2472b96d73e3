"""A service that knows launch keys and can show nothing by them: what a look may say there."""

from __future__ import annotations

from bydawn.core.sightings import Repeatable, Request, Unknown


def by_key_alone(request: Request, now: int, sure_ms: int) -> Repeatable | Unknown:
    """Launching again under the same key is what a keyed service is for, while it is sure to know
    it: ``sure_ms`` long, from the moment the launch was intended."""
    intended_at = request.deadline_at - request.timeout_ms
    if request.deadline_at and now - intended_at >= sure_ms:
        return Unknown("the service may have forgotten this launch's key by now")
    return Repeatable()
