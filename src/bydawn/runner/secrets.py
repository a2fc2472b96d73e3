"""What must not leave this process: the values of secrets, taken out of every fact that comes in.

Secret is what a plan names in ``pass_env``, and whatever in this process's own environment is
called as if it were.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bydawn.core.model import JobSpec
from bydawn.core.redaction import Redactor, redactor_of
from bydawn.processes.environment import secret_names

_CALLED_SO = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?|AUTH|DSN|WEBHOOK)(_|$)",
    re.IGNORECASE,
)
# What things are found by must stay what it is.
_IDENTITIES = frozenset({"handle", "witness", "steps", "sha256"})


class Secrets:
    """Knows values, never shows them."""

    def __init__(self, environment: Mapping[str, str], names: Iterable[str] = ()) -> None:
        self._environment = environment
        self._names = {name for name in environment if is_called_secret(name)} | set(names)
        self._seen: set[tuple[str, ...]] = set()
        self._redactor: Redactor | None = None

    def __repr__(self) -> str:
        return f"Secrets({len(self._names)} names)"

    def guarding(self, spec: JobSpec, call: Callable[[], Any]) -> Callable[[], Any]:
        """The call, with every secret taken out of what it returns or raises."""
        names = tuple(spec.payload.get("pass_env") or ())
        if names not in self._seen:
            self._seen.add(names)
            self._names |= secret_names(names)
            self._redactor = None
        redactor = self.redactor
        if not redactor:
            return call
        return lambda: _told(call, redactor)

    @property
    def redactor(self) -> Redactor:
        """What covers all secrets known by now."""
        if self._redactor is None:
            found = {self._environment.get(name, "") for name in self._names}
            self._redactor = redactor_of(tuple(sorted(found)))
        return self._redactor


def is_called_secret(name: str) -> bool:
    """Whether a variable is called as secrets are; ours are never secret."""
    return bool(_CALLED_SO.search(name)) and not name.startswith("BYDAWN_")


def _told(call: Callable[[], Any], redactor: Redactor) -> Any:
    try:
        fact = call()
    except Exception as error:
        said = str(error)
        safe = redactor.text(said)
        if safe == said:
            raise
        raise RuntimeError(f"{type(error).__name__}: {safe}") from None
    return redacted(fact, redactor)


def redacted(value: Any, redactor: Redactor) -> Any:
    """A fact without secrets; the same object where there were none."""
    if isinstance(value, str):
        return redactor.text(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _redacted_fields(value, redactor)
    if isinstance(value, dict):
        return {redacted(name, redactor): redacted(part, redactor) for name, part in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(redacted(part, redactor) for part in value)
    return value


def _redacted_fields(value: Any, redactor: Redactor) -> Any:
    changed = {}
    for field in dataclasses.fields(value):
        before = getattr(value, field.name)
        if before is None or field.name in _IDENTITIES or isinstance(before, int | float):
            continue
        after = redacted(before, redactor)
        if after != before:
            changed[field.name] = after
    return dataclasses.replace(value, **changed) if changed else value
