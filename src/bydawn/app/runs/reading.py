"""Read a plan as it was named on the command line, with standard input where its items come from
it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bydawn.app.backends import REGISTRY
from bydawn.app.values import Invocation
from bydawn.core.errors import PlanInvalid, UsageError

if TYPE_CHECKING:
    from bydawn.plan import Identity, Overrides, Plan

_STDIN = "-"


@contextlib.contextmanager
def plan_input(
    invocation: Invocation, path: Path, overrides: Overrides
) -> Iterator[BinaryIO | None]:
    """Standard input, kept so that it can be read more than once; None when no items come from
    it."""
    from bydawn.plan import spool

    if not _reads_stdin(invocation.directory / path, overrides):
        yield None
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError('items = "-" read standard input', "pipe the items in")
    with contextlib.closing(spool(sys.stdin.buffer)) as stream:
        yield stream


def identify(
    invocation: Invocation, path: Path, overrides: Overrides, now: int, stdin: BinaryIO | None
) -> Identity | None:
    """Which batch the plan means, without reading it in full."""
    from bydawn import plan as plans

    return plans.identify(
        as_typed(invocation, path),
        at=now,
        overrides=overrides,
        environment=invocation.environment,
        stdin=stdin,
    )


def read_plan(
    invocation: Invocation, path: Path, overrides: Overrides, now: int, stdin: BinaryIO | None
) -> Plan:
    """The plan file, valid and with every layer of configuration applied."""
    from bydawn import plan as plans

    return plans.read_plan(
        as_typed(invocation, path),
        at=now,
        overrides=overrides,
        environment=invocation.environment,
        backends=REGISTRY,
        stdin=stdin,
        is_priced=is_priced(invocation.environment),
    )


def is_priced(environment: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a model has a price here; no list is opened before the first question."""

    def known(model: str) -> bool:
        from bydawn.app.prices import price_finder

        return price_finder(environment)(model) is not None

    return known


def as_typed(invocation: Invocation, path: Path) -> Path:
    """Complaints name the file as the person did, where that still leads to it."""
    full = invocation.directory / path
    with contextlib.suppress(OSError):
        if not path.is_absolute() and os.path.samefile(invocation.directory, Path.cwd()):
            return path
    return full


def _reads_stdin(path: Path, overrides: Overrides) -> bool:
    """A broken plan is explained by whoever reads it in full."""
    if overrides.items is not None:
        return str(overrides.items) == _STDIN
    from bydawn.plan.read import read_toml

    try:
        data = read_toml(path).data
    except PlanInvalid:
        return False
    jobs = data.get("job")
    jobs = jobs if isinstance(jobs, list) else []
    return any(isinstance(job, dict) and job.get("items") == _STDIN for job in jobs)
