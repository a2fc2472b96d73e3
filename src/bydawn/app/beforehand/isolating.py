"""Isolation that this machine cannot give is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bydawn.core.errors import BackendMissing
from bydawn.core.model import JobSpec
from bydawn.processes.isolation import why_not


def refuse_unavailable(
    specs: Iterable[JobSpec], environment: Mapping[str, str], state_folder: Path
) -> None:
    """Raise BackendMissing for the first kind of isolation that is not to be had here."""
    first: dict[str, str] = {}
    for spec in specs:
        first.setdefault(spec.isolate, spec.id)
    for kind, job in sorted(first.items()):
        why = why_not(kind, environment, state_folder)
        if why:
            raise BackendMissing(
                f'{job}: isolate = "{kind}" is not possible here: {why}',
                'make it possible, or say isolate = "none"',
            )
