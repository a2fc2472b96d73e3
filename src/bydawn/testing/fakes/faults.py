"""What goes wrong on purpose, and how often. A fault says whether the service acted before it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bydawn.core.values import value

HUGE_BYTES = 10_000_000


class Kind(StrEnum):
    """Those in the first group befall a request that the service has carried out."""

    DROP = "drop"
    HANG = "hang"
    ERROR_AFTER = "error-after"
    MALFORMED = "malformed"
    EMPTY = "empty"
    HUGE = "huge"
    NOT_UTF8 = "not-utf8"
    HTML = "html"
    DUPLICATE = "duplicate"
    LOST_RUN = "lost-run"
    LATE_USAGE = "late-usage"

    RESET = "reset"
    ERROR = "error"
    TOO_MANY = "too-many"
    REDIRECT = "redirect"


NOT_CARRIED_OUT = frozenset({Kind.RESET, Kind.ERROR, Kind.TOO_MANY, Kind.REDIRECT})


@value
class Fault:
    """Befalls ``times`` requests of one verb (launch, poll, find, cancel, …), after the first
    ``after`` of them, where their body or address contains ``match``. ``code`` is what ``error``
    and ``error-after`` answer, ``retry_after`` what goes with it and with ``too-many``."""

    kind: Kind
    verb: str = "launch"
    times: int = 1
    after: int = 0
    match: str = ""
    code: int = 500
    retry_after: str | None = None


def read_fault(text: str) -> Fault:
    """``kind[:verb[:times[:after]]]``, as the command line takes it; ValueError for anything else.
    ``error=401:launch:1`` says the code, too."""
    named, *rest = text.split(":")
    kind, _, code = named.partition("=")
    verb = rest[0] if rest else "launch"
    times, after = (int(rest[place]) if len(rest) > place else default
                    for place, default in ((1, 1), (2, 0)))  # fmt: skip
    return Fault(Kind(kind), verb, times, after, code=int(code or 500))


@dataclass(slots=True)
class Faults:
    """The faults still to come, in the order they were given."""

    planned: list[Fault] = field(default_factory=list)
    _seen: dict[int, int] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, faults: Iterable[Fault]) -> None:
        with self._turn:
            self.planned.extend(faults)

    def take(self, verb: str, text: str) -> Fault | None:
        """The fault that befalls this request, if one does."""
        with self._turn:
            for number, fault in enumerate(self.planned):
                if fault.verb != verb or fault.match not in text:
                    continue
                seen = self._seen[number] = self._seen.get(number, 0) + 1
                if fault.after < seen <= fault.after + fault.times:
                    return fault
        return None
