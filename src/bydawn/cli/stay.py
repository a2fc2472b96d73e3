"""``bydawn run PLAN… --stay``: lend this machine to plans until it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bydawn.cli.faces import face_for
from bydawn.cli.opening import opened, reading_of
from bydawn.cli.overriding import take_overriding
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.core.errors import UsageError
from bydawn.watch.documents import batches_document

# What is said of one run, and not of a machine that joins in whatever is open.
_OF_ONE_RUN = (
    "retry_failed", "changed", "adopt", "detach", "dry_run", "unattended", "report", "junit",
    "annotate", "events", "key", "timeout", "model",
)  # fmt: skip


def stay(settings: Settings, talk: Talk, plans: tuple[Path, ...], options: dict[str, Any]) -> int:
    """Until a signal or a stop; the batches that were served are the answer."""
    from bydawn.app.runs.lending import Loan
    from bydawn.plan import plan_name

    _refuse_flags_of_one_run(options)
    paths = [settings.directory / path for path in plans]
    folders = {plan_name(path): str(path.resolve().parent) for path in paths}
    with opened(settings, plans[0]) as app:
        loan = Loan(folders, options["own"], options["on_interrupt"] == "cancel")
        ran = app.lend(loan, face_for(talk, "none"))
        if settings.json:
            batches = [app.store.batch(number) for number in ran.served]
            talk.document(batches_document(reading_of(app), batches))
        return ran.exit_code


def _refuse_flags_of_one_run(options: dict[str, Any]) -> None:
    said = {**take_overriding(options), **{name: options[name] for name in _OF_ONE_RUN}}
    for name, value in said.items():
        if value:
            flag = "--" + name.replace("_", "-")
            raise UsageError(
                f"{flag} and --stay do not go together", "--stay opens nothing: say it to a run"
            )
