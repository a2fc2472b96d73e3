"""Texts of a backend's table, filled in at the call. Secrets are read there and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bydawn.core.sightings import Request
from bydawn.core.templates import render_value

_ENV = re.compile(r"\benv\.([A-Za-z_]\w*)")
_SHORTEST_SECRET = 6


def named_variables(value: Any) -> list[str]:
    """The environment variables a table speaks of, each once."""
    return sorted({name for text in _texts(value) for name in _ENV.findall(text)})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


class Filler:
    """Fills in one table. ``missing`` names the variables that are not set here."""

    def __init__(self, table: Any, environment: Mapping[str, str]) -> None:
        self._variables = named_variables(table)
        self._environment = environment

    @property
    def missing(self) -> list[str]:
        return [name for name in self._variables if not self._environment.get(name)]

    def for_launch(self, text: Any, request: Request) -> Any:
        """What is said about a launch; PlanInvalid has made sure that it renders."""
        return render_value(text, {**_names(request), "env": self._env()})

    def for_run(self, text: Any, handle: str) -> Any:
        """What is said about a run that exists."""
        return render_value(text, {"remote": {"id": handle}, "env": self._env()})

    def without_secrets(self, words: str) -> str:
        """The words with every value of a named variable taken out."""
        for value in self._env().values():
            if len(value) >= _SHORTEST_SECRET:
                words = words.replace(value, "***")
        return words

    def _env(self) -> dict[str, str]:
        return {name: self._environment.get(name, "") for name in self._variables}


def _names(request: Request) -> dict[str, Any]:
    """What a launch may name; TABLE_NAMES in ``core.templates`` is the promise."""
    payload = {name: request.payload[name] for name in request.payload if name != "backend_config"}
    job = {**payload, "id": request.job.partition("/")[0], "name": request.job}
    return {
        "attempt": request.attempt,
        "batch": request.batch,
        "draft": f"{request.folder}/draft",
        "edition": request.edition,
        "effect_key": request.effect_key,
        "item": request.payload.get("item") or {},
        "job": job,
        "key": request.key,
        "launch_key": request.launch_key,
        "plan": {"dir": request.plan_folder},
    }
