"""A session around another one, in which some of it goes otherwise."""

from __future__ import annotations

from typing import Any

from bydawn.store.connect import Session

_OFTEN = ("rows", "row", "asking", "change", "change_many", "send_many", "trying")


class Around:
    """What this session does not do itself, the one inside does."""

    def __init__(self, session: Session) -> None:
        self._session = session
        for name in _OFTEN:  # found once, since there is no end of questions
            setattr(self, name, getattr(session, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)
