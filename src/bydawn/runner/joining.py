"""Whether a batch is joined, asked cheaply and often; and items that come from an upstream job."""

from __future__ import annotations

from pathlib import Path

from bydawn.core.errors import PlanInvalid
from bydawn.core.states import State
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Served
from bydawn.runner.tools import Tools
from bydawn.store import read
from bydawn.store.dependencies import Template
from bydawn.store.due import next_timer
from bydawn.store.store import Store


def are_all_joined(runner: Runner, now: int) -> bool:
    """Nothing of what this runner serves is left to it, once the last wishes are heeded."""
    runner.heed_wishes()
    return all(
        is_joined(runner.store, served, now)
        and not awaits_elsewhere(runner.store, served, runner.tools)
        for served in runner.scope.served.values()
    )


def tell_kept_back(runner: Runner) -> None:
    """Say of what is left in joined batches what keeps it back."""
    for number, served in runner.scope.served.items():
        why = kept_for_good(served)
        if why:
            runner.store.keep_back(number, why)


def is_joined(store: Store, served: Served, now: int) -> bool:
    """Nothing in flight anywhere, and nothing that could start now or by timer."""
    batch = served.batch
    if batch.paused or read.is_in_flight(store.session, batch.number):
        return False
    if batch.deadline_at is not None and now >= batch.deadline_at:
        return True
    lanes = served.opened.lanes
    earliest = read.earliest(store.session, batch.number, lanes)
    if earliest is None or earliest > now or not kept_for_good(served):
        return earliest is None
    return next_timer(store.session, batch.number, lanes, now) is None


def kept_for_good(served: Served) -> str | None:
    """What keeps the rest of a quiet batch back and will not change by itself."""
    for why in ("budget", "canary"):
        if why in served.kept.why and served.kept.until is None:
            return why
    return None


def ready_to_expand(store: Store, served: Served, tools: Tools) -> list[Template]:
    """The [[job]]s whose items are to come from an upstream output that is there by now. A
    rehearsal reads none."""
    if tools.expand is None:
        return []
    ready = _ready(store, served)
    return [one for one in ready if not _is_elsewhere(store, served, one, tools)]


def awaits_elsewhere(store: Store, served: Served, tools: Tools) -> bool:
    """Whether items are still to come from an output on another machine, whose runner is there."""
    return any(_is_elsewhere(store, served, one, tools) for one in _ready(store, served))


def _ready(store: Store, served: Served) -> list[Template]:
    number, found = served.batch.number, served.templates
    return [one for one in found if one.expands and store.is_met(number, one, found)]


def _is_elsewhere(store: Store, served: Served, template: Template, tools: Tools) -> bool:
    """Drafts are where they were made; only a runner there can read them."""
    items_from = store.spec(template.spec).items_from
    if items_from is None:
        return False
    number, (upstream, file) = served.batch.number, items_from
    if (_output_of(store, number, upstream, tools.state_folder) / file).exists():
        return False
    made_on = {job.machine for job in read.jobs_named(store.session, number, upstream)}
    others = {one.machine for one in store.unlapsed_runners() if number in one.batches}
    return bool(made_on & others - {tools.machine})


def expand(store: Store, served: Served, template: Template, tools: Tools) -> list[str]:
    """Record the items of an upstream output; complaints where they are wrong."""
    spec = store.spec(template.spec)
    assert spec.items_from is not None, "only items of an upstream job are still to come"
    assert tools.expand is not None
    upstream, file = spec.items_from
    path = _output_of(store, served.batch.number, upstream, tools.state_folder) / file
    try:
        store.add_items(served.batch, spec, tools.expand(spec, served.batch, path))
    except PlanInvalid as error:
        return [str(error)]
    return []


def _output_of(store: Store, batch: int, name: str, state_folder: Path) -> Path:
    """The draft of an upstream job's newest good run."""
    for job in read.jobs_named(store.session, batch, name):
        if job.state == State.SUCCEEDED.value:
            folder = f"{job.revision}.{job.generation}"
            return state_folder / "runs" / job.job_id / folder / "draft"
    return state_folder / "runs"
