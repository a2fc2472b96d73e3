"""What ``check`` says of variables a plan names: those nobody can hide, those that are not set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from bydawn.core.errors import Complaint
from bydawn.core.model import JobSpec, Notify
from bydawn.core.redaction import SHORTEST, is_hideable
from bydawn.processes.environment import secret_names
from bydawn.runner.secrets import is_called_secret, secrets_given

_IN_WORDS = re.compile(r"\{\{[^}]*\benv\s*[.\[]")


def secret_warnings(
    source: str, specs: Iterable[JobSpec], environment: Mapping[str, str]
) -> Iterator[Complaint]:
    """One warning for each job and name whose value will be seen."""
    for spec in specs:
        for name in sorted(secret_names(spec.payload.get("pass_env") or ())):
            value = environment.get(name)
            if value and not is_hideable(value):
                yield Complaint(
                    source, None, f'job "{spec.id}".pass_env',
                    f"the value of {name} is shorter than {SHORTEST} characters or a common word:"
                    " it is not hidden in logs",
                )  # fmt: skip
        if plain := _perhaps_public(spec, environment):
            yield Complaint(
                source, None, f'job "{spec.id}".publish',
                f"nothing is published that holds the value of {', '.join(sorted(plain))}",
                "where everybody may see one, name it in may_publish",
            )  # fmt: skip
        if any(_IN_WORDS.search(str(word)) for word in spec.payload.get("argv") or ()):
            yield Complaint(
                source, None, f'job "{spec.id}".argv',
                "everybody on this machine can read a value of env in the list of processes",
                "let the program read the variable itself",
            )  # fmt: skip


def _perhaps_public(spec: JobSpec, environment: Mapping[str, str]) -> set[str]:
    """What a publishing job is given that looks secret and is not called so."""
    given = secrets_given(spec, environment) if spec.publish else set()
    return {name for name in given if not is_called_secret(name)}


def unset_warnings(
    source: str, notify: Notify, environment: Mapping[str, str]
) -> Iterator[Complaint]:
    """One warning for each address that is not there: nobody would be told, and nobody knew."""
    for name in (*notify.urls, *filter(None, (notify.ping,))):
        if not environment.get(name):
            yield Complaint(
                source, None, "notify", f"{name} is not set here", "bydawn notify test tries it out"
            )
