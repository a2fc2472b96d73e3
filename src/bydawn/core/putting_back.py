"""A store put back to an older state: what was launched since, it does not know."""

from __future__ import annotations

from bydawn.core.lengths import parse_length
from bydawn.core.model import JobSpec, OnDoubt
from bydawn.core.sightings import Guarantee
from bydawn.core.verdicts import safe_to_repeat

# More than are ever given out between a backup and its return.
TOKENS_AHEAD = 1 << 32
# How long services that know keys are trusted to know them, where their table does not say less.
_KEYS_LAST_MS = 86_400_000


def may_go_on(spec: JobSpec, guarantee: str | None, is_only_machine: bool, behind_ms: int) -> bool:
    """Whether launching once more meets the run there may be, or the plan says to go on anyway."""
    if guarantee == Guarantee.LOCAL_CLAIM:
        return is_only_machine or safe_to_repeat(spec)
    if guarantee == Guarantee.KEYED and behind_ms < _known_ms(spec):
        return True
    return spec.on_doubt is OnDoubt.RELAUNCH


def _known_ms(spec: JobSpec) -> int:
    said = (spec.payload.get("backend_config") or {}).get("key_keeps")
    return min(_KEYS_LAST_MS, parse_length(said)) if said else _KEYS_LAST_MS
