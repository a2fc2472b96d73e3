"""What must not leave this process: the values of secrets, taken out of every fact that comes in.

Secret is what a plan names in ``pass_env``, and whatever in this process's own environment is
called as if it were.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from bydawn.core.later import Later
from bydawn.core.model import JobSpec
from bydawn.core.redaction import Redactor, redactor_of
from bydawn.core.searching import NOT_BY_CHANCE, Search, looks_secret, search_of
from bydawn.processes.environment import secret_names

_CALLED_SO = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?|AUTH|DSN|WEBHOOK)(_|$)",
    re.IGNORECASE,
)
# What things are found by must stay what it is.
_IDENTITIES = frozenset({"handle", "witness", "steps", "sha256"})
_NUMBERS = frozenset({"int", "int | None", "float", "float | None", "bool", "bool | None"})
_LISTS = (list, tuple)


class Secrets:
    """Knows values, never shows them."""

    def __init__(self, environment: Mapping[str, str], names: Iterable[str] = ()) -> None:
        self._environment = environment
        self._names = {name for name in environment if is_called_secret(name)} | set(names)
        self._seen: set[tuple[str, ...]] = set()
        self._redactor: Redactor | None = None

    def __repr__(self) -> str:
        return f"Secrets({len(self._names)} names)"

    def guarding(self, names: tuple[str, ...], call: Callable[[], Any]) -> Callable[[], Any]:
        """The call, with every secret taken out of what it returns or raises; ``names`` are the
        variables that are passed on to its job."""
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


def search_for(spec: JobSpec, environment: Mapping[str, str]) -> Search:
    """What finds the secrets in what a job is about to publish: those it was given, and those of
    this process that cannot stand there by chance; ``may_publish`` names the exceptions."""
    own = {name for name, value in environment.items()
           if len(value) >= NOT_BY_CHANCE and is_called_secret(name)}  # fmt: skip
    names = secrets_given(spec, environment) | (own - _public(spec))
    return search_of(tuple((name, environment[name]) for name in sorted(names & {*environment})))


def secrets_given(spec: JobSpec, environment: Mapping[str, str]) -> set[str]:
    """The variables a job is given that are called or look secret and may not be published."""
    given = secret_names(passed_on(spec)) - _public(spec)
    return {name for name in given
            if is_called_secret(name) or looks_secret(environment.get(name, ""))}  # fmt: skip


def _public(spec: JobSpec) -> set[str]:
    return set(spec.payload.get("may_publish") or ())


def passed_on(spec: JobSpec) -> tuple[str, ...]:
    """The variables that a job, or the program of its backend, is given by name."""
    table = spec.payload.get("backend_config") or {}
    return (*(spec.payload.get("pass_env") or ()), *(table.get("pass_env") or ()))


def is_called_secret(name: str) -> bool:
    """Whether a variable is called as secrets are; ours are never secret."""
    return bool(_CALLED_SO.search(name)) and not name.startswith("BYDAWN_")


def _told(call: Callable[[], Any], redactor: Redactor) -> Any:
    try:
        answer = call()
    except Exception as error:
        said = str(error)
        safe = redactor.text(said)
        if safe == said:
            raise
        raise RuntimeError(f"{type(error).__name__}: {safe}") from None
    if isinstance(answer, Later):
        return answer.within(lambda fact: _told(fact, redactor))
    return redacted(answer, redactor)


def redacted(value: Any, redactor: Redactor) -> Any:
    """A fact without secrets; the same object where there were none, which is seen at one look."""
    texts: list[str] = []
    _gather(value, texts)
    together = "\0".join(texts)
    return value if redactor.text(together) is together else _covered(value, redactor)


def _gather(value: Any, texts: list[str]) -> None:
    kind = type(value)
    if kind is str:
        texts.append(value)
    elif kind is dict:
        for name, part in value.items():
            texts.append(str(name))
            _gather(part, texts)
    elif kind in _LISTS:
        for part in value:
            _gather(part, texts)
    else:
        for name in _looked_at(kind):  # type: ignore[arg-type]
            _gather(getattr(value, name), texts)


@lru_cache(maxsize=256)
def _looked_at(kind: type) -> tuple[str, ...]:
    """The fields of a kind of fact that may hold a text."""
    if not dataclasses.is_dataclass(kind):
        return ()
    fields = (field for field in dataclasses.fields(kind) if field.name not in _IDENTITIES)
    return tuple(field.name for field in fields if field.type not in _NUMBERS)


def _covered(value: Any, redactor: Redactor) -> Any:
    kind = type(value)
    if kind is str:
        return redactor.text(value)
    if kind is dict:
        return {_covered(n, redactor): _covered(part, redactor) for n, part in value.items()}
    if kind in _LISTS:
        return kind(_covered(part, redactor) for part in value)
    names = _looked_at(kind)  # type: ignore[arg-type]
    changed = {name: _covered(getattr(value, name), redactor) for name in names}
    return dataclasses.replace(value, **changed) if changed else value
