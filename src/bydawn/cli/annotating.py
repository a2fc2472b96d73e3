"""What needs eyes as annotations, at the lines of the plan as it lies here now."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.cli.filing import morning_of
from bydawn.cli.talk import Talk
from bydawn.core.errors import PlanInvalid
from bydawn.plan import job_lines
from bydawn.watch.annotations import Places, annotation_lines, complaint_annotations
from bydawn.watch.documents import Reading

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import Batch


def batch_annotations(app: App, reading: Reading, batch: Batch) -> list[str]:
    """One line for each job that needs a person or was not as usual."""
    plan = Path(batch.source)
    places = Places(named(plan, app.invocation.environment), job_lines(plan))
    return annotation_lines(morning_of(app, reading, batch), places)


@contextlib.contextmanager
def complaints_annotated(talk: Talk) -> Iterator[None]:
    """What is wrong with a plan stands at its lines, before it is said in words."""
    try:
        yield
    except PlanInvalid as error:
        lines = complaint_annotations(error.complaints, lambda file: named(file, os.environ))
        talk.annotate(lines, sys.stderr)
        raise


def named(file: Path, environment: Mapping[str, str]) -> str:
    """As a forge names a file of its checkout, else as it is found here; empty: there is none."""
    if not file.is_file():
        return ""
    whole = file.resolve()
    for base in (environment.get("GITHUB_WORKSPACE"), Path.cwd()):
        if base and whole.is_relative_to(Path(base).resolve()):
            return str(whole.relative_to(Path(base).resolve()))
    return str(whole)
