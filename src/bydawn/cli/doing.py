"""The answer of every command that changes something: what it changed, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence

from bydawn.cli.talk import Talk
from bydawn.watch.sanitise import inert

_LISTED = 20


def say_done(
    talk: Talk, action: str, changed: Sequence[str], unchanged: Sequence[str], follow: str = ""
) -> None:
    """One document, or one sentence each and the next useful command."""
    if talk.settings.json:
        document = {"schema": "bydawn/done/1", "action": action}
        talk.document({**document, "changed": list(changed), "unchanged": list(unchanged)})
        return
    talk.say(*_lines(action, changed), *_lines(f"nothing to {action} at", unchanged))
    if follow and changed:
        talk.lead_on(follow)


def _lines(word: str, names: Sequence[str]) -> list[str]:
    lines = [f"{word}: {inert(name)}" for name in names[:_LISTED]]
    more = len(names) - _LISTED
    return [*lines, f"{word}: {more} more"] if more > 0 else lines
