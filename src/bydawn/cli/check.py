"""``bydawn check``: is the plan valid, and what would it start?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bydawn.cli.opening import opened
from bydawn.cli.overriding import overrides_from, overriding_options
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import verb
from bydawn.core.errors import UsageError
from bydawn.watch import amounts
from bydawn.watch.sanitise import inert
from bydawn.watch.telling import table

if TYPE_CHECKING:
    from bydawn.app import Checked
    from bydawn.app.values import CheckRow
    from bydawn.core.overshoot import Overshoot
    from bydawn.plan import Overrides


@verb(
    "bydawn check nightly.toml",
    "bydawn check nightly.toml --only 'article-*' --json",
    "bydawn check --schema > plan.schema.json    # for an editor",
)
@click.argument("plan", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of plan files.")
@overriding_options
def check(settings: Settings, talk: Talk, plan: Path | None, schema: bool, **options: Any) -> int:
    """Validate a plan and say what would start, join and skip, and why. Changes nothing."""
    if schema:
        from bydawn.app.backends import REGISTRY
        from bydawn.plan import json_schema

        talk.document(json_schema(REGISTRY))
        return 0
    if plan is None:
        raise UsageError("check what?", "name a plan, or ask for --schema")
    return show(settings, talk, plan, overrides_from(options, settings.directory))


def show(settings: Settings, talk: Talk, plan: Path, overrides: Overrides) -> int:
    """The answer of check, and of ``run --dry-run``."""
    with opened(settings, plan) as app:
        checked = app.check(plan, overrides)
    talk.tell(*(inert(str(warning)) for warning in checked.warnings))
    if settings.json:
        talk.document(_document(plan, checked))
    else:
        talk.say(*_lines(checked))
        talk.lead_on(f"bydawn run {plan} does it; bydawn rehearse {plan} only plays it")
    return 0


def _document(plan: Path, checked: Checked) -> dict[str, Any]:
    names = ("job", "job_id", "key", "action", "why", "backend", "guarantee", "effects")
    worst, rows = checked.overshoot, checked.rows
    return {
        "schema": "bydawn/check/1",
        "file": str(plan),
        "ok": True,
        "batch": checked.plan.batch.address,
        "totals": _totals(checked),
        "cap_usd": amounts.decimal(checked.bound_usd_micros),
        "overshoot_usd": amounts.decimal(worst.usd_micros) if worst else None,
        "overshoot": _overshoot_document(worst),
        "autonomy": _autonomy_document(checked),
        "warnings": [str(warning) for warning in checked.warnings],
        "jobs": [{**{name: getattr(row, name) for name in names}, **_bound(row)} for row in rows],
    }


def _lines(checked: Checked) -> list[str]:
    head = ("JOB", "ACTION", "WHY", "BACKEND", "GUARANTEE", "EFFECTS", "JOB_ID")
    rows = [
        (row.job, row.action, row.why, row.backend, row.guarantee, row.effects, row.job_id)
        for row in checked.rows
    ]
    totals = ", ".join(f"{number} {action}" for action, number in _totals(checked).items())
    said = f"{checked.plan.batch.address}: {len(rows)} jobs: {totals or 'nothing to do'}."
    return [*table([head, *rows]), said, *_cap(checked), *_autonomy(checked)]


def _cap(checked: Checked) -> list[str]:
    """The cap, and everything that could still pass it."""
    worst = checked.overshoot
    if worst is None:
        return []
    lines = [f"cap {amounts.dollars(checked.bound_usd_micros)}: no launch passes it"]
    if worst.runs:
        each = "1 run may pass its" if worst.runs == 1 else f"{worst.runs} runs may each pass their"
        look = amounts.length(worst.look_ms)
        lines.append(
            f"at worst: {each} own bound by what is spent in the {look} between two looks; no"
            " number bounds that, and while no runner lives only the time limits hold"
        )
    if worst.uncounted:
        lines.append(f"not counted: the dollars of {worst.uncounted} jobs that run on tokens alone")
    return lines


def _overshoot_document(worst: Overshoot | None) -> dict[str, Any] | None:
    if worst is None:
        return None
    return {
        "usd": amounts.decimal(worst.usd_micros),
        "runs": worst.runs,
        "between_looks_s": amounts.seconds(worst.look_ms),
        "uncounted_jobs": worst.uncounted,
    }


def _bound(row: CheckRow) -> dict[str, Any]:
    """What one job may spend, and by how much it could pass that; null is not known."""
    return {
        "bound_usd": amounts.decimal(row.bound_usd_micros),
        "overshoot_usd": "0.00" if row.is_held_to_bound else None,
    }


def _autonomy(checked: Checked) -> list[str]:
    """Where a plan stands on its way to being left alone."""
    stage = checked.autonomy
    if stage is None:
        return []
    if stage.missing:
        return [f"unattended: not yet; {'; '.join(stage.missing)}"]
    return [f"unattended: earned, by {stage.trust.clean_nights} clean watched nights"]


def _autonomy_document(checked: Checked) -> dict[str, Any] | None:
    stage = checked.autonomy
    if stage is None:
        return None
    return {
        "earned": not stage.missing,
        "rehearsed_at": amounts.rfc3339(stage.trust.rehearsed_at),
        "clean_nights": stage.trust.clean_nights,
        "watched_runs": stage.watched_runs,
        "incident_at": amounts.rfc3339(stage.trust.incident_at),
    }


def _totals(checked: Checked) -> dict[str, int]:
    totals: dict[str, int] = {}
    for row in checked.rows:
        totals[row.action] = totals.get(row.action, 0) + 1
    return totals
