"""What ``check`` says of the secrets a plan passes on: those nobody can hide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from bydawn.core.errors import Complaint
from bydawn.core.model import JobSpec
from bydawn.core.redaction import SHORTEST, is_hideable
from bydawn.processes.environment import secret_names

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
        if any(_IN_WORDS.search(str(word)) for word in spec.payload.get("argv") or ()):
            yield Complaint(
                source, None, f'job "{spec.id}".argv',
                "everybody on this machine can read a value of env in the list of processes",
                "let the program read the variable itself",
            )  # fmt: skip
