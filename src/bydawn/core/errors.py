"""Everything that can go wrong for a person, split by whose move is next.

    BydawnError              has a message, a remedy and an exit code
    ├── UsageError            2   the command line is wrong
    ├── PlanInvalid           3   the plan or a configuration file is wrong; nothing was started
    ├── StoreRefused          3   the store is not ours, newer, damaged, or on a disk we must not
    use
    ├── Refused               6   somebody else holds it, or a person stopped or paused it
    ├── Fenced                9   a newer token holds it
    ├── BackendMissing       69   a backend or its credentials are not there; nothing was started
    ├── StoreUnavailable     75   the store is busy or unreachable; safe to try again
    └── NoRoom               75   the disk is nearly full; nothing was started

Anything else that reaches the top is a bug in bydawn (70).
"""

from __future__ import annotations

from bydawn.core.values import value


class BydawnError(Exception):
    """A failure a person can act on."""

    code = "error"
    exit_code = 70

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class UsageError(BydawnError):
    """The command line asks for something that does not exist or does not go together."""

    code = "usage"
    exit_code = 2


@value
class Complaint:
    """One thing wrong with a file a person wrote, with its place and what to do."""

    file: str
    line: int | None
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{self.path}: " if self.path else ""
        tail = f" ({self.remedy})" if self.remedy else ""
        return f"{place}: {subject}{self.message}{tail}"


class PlanInvalid(BydawnError):
    """The plan or a configuration file cannot be accepted; every complaint is listed at once."""

    code = "plan_invalid"
    exit_code = 3

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        count = len(complaints)
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = complaints
        self.summary = f"{count} error{'' if count == 1 else 's'}. Nothing was started."


class StoreRefused(BydawnError):
    """The store must not be used as it is; it was not modified."""

    code = "store_refused"
    exit_code = 3


class Refused(BydawnError):
    """Somebody else holds what was asked for, or a person has stopped it."""

    code = "refused"
    exit_code = 6


class Fenced(BydawnError):
    """A newer token holds this; nothing was changed."""

    code = "fenced"
    exit_code = 9


class BackendMissing(BydawnError):
    """A backend, its program or its credentials are not there; nothing was started."""

    code = "backend_missing"
    exit_code = 69


class StoreUnavailable(BydawnError):
    """The store is busy or unreachable; the same command may be tried again."""

    code = "store_unavailable"
    exit_code = 75


class NoRoom(BydawnError):
    """The disk is too full for a night to begin; nothing was started."""

    code = "no_room"
    exit_code = 75


class TemplateError(Exception):
    """A template that cannot be rendered. ``kind`` is syntax, undefined or failed."""

    def __init__(self, message: str, kind: str = "failed", line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.line = line
