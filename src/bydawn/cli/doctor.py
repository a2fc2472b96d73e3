"""``bydawn doctor``: what would go wrong tonight, found out now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.errors import UsageError
from bydawn.watch.sanitise import inert
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.app.doctor.findings import Finding

_FAILED = 69
_WORDS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
_COLOURS = {"warn": "parked", "fail": "failed"}


@verb(
    "bydawn doctor",
    "bydawn doctor nightly.toml",
    "bydawn doctor nightly.toml --as-scheduled    # in the environment the scheduler will give",
)
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@click.option("--as-scheduled", is_flag=True, help="In the environment the scheduler will give.")
def doctor(settings: Settings, talk: Talk, plan: Path | None, as_scheduled: bool) -> int:
    """Look at the store, the machine and what a plan needs; changes nothing. Exit 69 when
    something would fail."""
    if as_scheduled and plan is None:
        raise UsageError("--as-scheduled: of which plan?", "name the plan")
    findings = _findings(settings, plan, as_scheduled)
    is_well = all(each.level != "fail" for each in findings)
    document = {
        "schema": "bydawn/doctor/1",
        "ok": is_well,
        "checks": [_document(each) for each in findings],
    }
    talk.answer(document, [line for each in findings for line in _lines(talk, each)])
    if plan and is_well:
        talk.tell(f"nothing stands in its way: bydawn run {plan}")
    return 0 if is_well else _FAILED


def _findings(settings: Settings, plan: Path | None, as_scheduled: bool) -> list[Finding]:
    from bydawn.app.doctor import doctoring

    with opened(settings, plan) as app:
        if not as_scheduled or plan is None:
            return doctoring.examine(app, plan)
        there, told = doctoring.as_scheduled(app.invocation, plan)
        try:
            return [*told, *doctoring.examine(there, plan)]
        finally:
            there.close()


def _document(found: Finding) -> dict[str, object]:
    return {
        "name": found.name,
        "ok": found.level != "fail",
        "level": found.level,
        "message": found.message,
        "hint": found.remedy or None,
    }


def _lines(talk: Talk, found: Finding) -> list[str]:
    word = _WORDS[found.level].ljust(4)
    colour = _COLOURS.get(found.level)
    (line,) = table([(inert(found.name).ljust(14), inert(found.message))])
    head = f"{talk.painted(word, colour) if colour else word}  {line}"
    return [head, f"      fix: {inert(found.remedy)}"] if found.remedy else [head]
