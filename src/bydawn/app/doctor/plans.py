"""The part of ``doctor`` that looks at one plan: what its jobs need, and who hears of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bydawn.app.app import App
from bydawn.app.beforehand.isolating import refuse_unavailable
from bydawn.app.beforehand.readying import (
    inquiries,
    model_of,
    readiness_of_each,
    refuse_no_worktree,
)
from bydawn.app.beforehand.retention import retention_warnings
from bydawn.app.doctor.findings import FAIL, OK, WARN, Finding, caught
from bydawn.app.prices import price_finder
from bydawn.app.readings import reading_of
from bydawn.core.model import JobSpec, Publication
from bydawn.core.sightings import FailureClass
from bydawn.core.templates import is_template
from bydawn.core.workspaces import is_address
from bydawn.plan import Overrides, Plan
from bydawn.plan.read import read_toml
from bydawn.processes.tools import ask

_REMOTE_MS = 20_000


def of_plan(app: App, path: Path) -> Iterator[Finding]:
    """Everything the plan will need tonight."""
    yield from caught("plan", lambda: _plan(app, path))


def _plan(app: App, path: Path) -> Iterator[Finding]:
    with app.reading_plan(path, Overrides()) as plan:
        yield Finding("plan", OK, f"{path}: {plan.batch.address}, {len(plan.batch.specs)} jobs")
        yield from (Finding("plan", WARN, str(warning)) for warning in plan.warnings)
        yield from caught("results", lambda: _results(app, plan))
        yield from caught("isolation", lambda: _isolation(app, plan))
        yield from caught("backend", lambda: _backends(app, plan))
        yield from caught("backend", lambda: _vendors(app, plan))
        yield from _workspaces(app, plan)
        yield from _programs(app.invocation.environment, plan.batch.specs)
        yield from _variables(app.invocation.environment, plan.batch.specs)
        yield from _targets(app, plan)
        yield from caught("prices", partial(_prices, app, plan))
    yield from caught("notify", lambda: _heard(app, app.invocation.directory / path))


def _results(app: App, plan: Plan) -> Iterator[Finding]:
    """What services keep only for a while is fetched in time, or lost."""
    reading = reading_of(app) if app.has_store() else None
    for one in retention_warnings(plan, reading, app.clock.utc_ms()):
        yield Finding("results", WARN, f"{one.path}: {one.message}", one.remedy)


def _isolation(app: App, plan: Plan) -> Iterator[Finding]:
    refuse_unavailable(plan.batch.specs, app.invocation.environment, app.state_folder)
    kinds = sorted({spec.isolate for spec in plan.batch.specs} - {"none"})
    if kinds:
        yield Finding("isolation", OK, f"{', '.join(kinds)} work here")


def _backends(app: App, plan: Plan) -> Iterator[Finding]:
    """Every backend the plan uses: there, new enough, and with an account."""
    ready = readiness_of_each(plan.batch.specs, app.invocation.environment, app.state_folder)
    for spec, seen in ready:
        if seen.why_not:
            what, _, remedy = seen.why_not.partition(": ")
            yield Finding("backend", FAIL, f"{spec.backend}: {what}", remedy)
        else:
            yield Finding("backend", OK, f"{spec.backend} {seen.version}".strip() + " is ready")


def _vendors(app: App, plan: Plan) -> Iterator[Finding]:
    """Services are asked themselves, at no cost, whether they would take the jobs on."""
    asked = inquiries(plan.batch.specs, app.invocation.environment, app.state_folder)
    for spec, ready, failure in asked:
        about = f"{spec.backend} {model_of(spec) or ''}".strip()
        if ready.why_not:
            continue  # told above
        if failure is None:
            yield Finding("backend", OK, f"{about} would be taken on")
        else:
            is_passing = failure.kind in (FailureClass.TRANSIENT, FailureClass.HELD)
            yield Finding("backend", WARN if is_passing else FAIL, f"{about}: {failure.message}")


def _workspaces(app: App, plan: Plan) -> Iterator[Finding]:
    for spec in plan.batch.specs:
        yield from caught("workspace", partial(_workspace, app, spec))


def _workspace(app: App, spec: JobSpec) -> Iterator[Finding]:
    refuse_no_worktree(spec, app.invocation.environment)
    wanted = spec.payload.get("workspace")
    if wanted and is_address(wanted["git"]):
        yield _remote(app, Path("/"), wanted["git"])
    elif wanted:
        yield Finding("workspace", OK, f"{spec.id} works in {wanted['ref']} of {wanted['git']}")


def _programs(environment: Mapping[str, str], specs: Iterable[JobSpec]) -> Iterator[Finding]:
    """Programs named without a path are looked for as a job would look for them."""
    for spec in specs:
        # Elsewhere argv are further arguments of the backend's own program.
        own = spec.payload.get("argv") if spec.backend == "command" else ()
        for argv in (own or (), spec.check):
            name = argv[0] if argv else ""
            is_bare = name and "/" not in name and not is_template(name)
            if is_bare and not shutil.which(name, path=environment.get("PATH")):
                told = f"{spec.id} runs {name}, which is not on PATH here"
                yield Finding("program", FAIL, told, "write its whole path, or install it")


def _variables(environment: Mapping[str, str], specs: Iterable[JobSpec]) -> Iterator[Finding]:
    """What jobs want passed must be there."""
    for spec in specs:
        missing = [name for name in spec.payload.get("pass_env", ()) if name not in environment]
        if missing:
            told = f"{spec.id} wants {', '.join(missing)} passed, which is not set here"
            yield Finding("pass_env", FAIL, told, "set it, or put it into the plan's env_file")


def _prices(app: App, plan: Plan) -> Iterator[Finding]:
    """Tokens of a model nobody has a price for cost something, and the morning could not say what.
    A cap in dollars refuses such a plan before this is asked."""
    models = {model for spec in plan.batch.specs if (model := model_of(spec))}
    price_of = price_finder(app.invocation.environment)
    known = {model: price for model in sorted(models) if (price := price_of(model))}
    for model in sorted(models - set(known)):
        remedy = f"bydawn cost prices set {model} --input X --output Y, or the extra prices"
        yield Finding("prices", WARN, f"what {model} costs is not known", remedy)
    for model, price in known.items():
        yield Finding("prices", OK, f"{model} has a price, from {price.snapshot}")


def _targets(app: App, plan: Plan) -> Iterator[Finding]:
    """Where the plan publishes. What a template decides is known when its job ends."""
    seen: set[tuple[str, str, str]] = set()
    for spec in plan.batch.specs:
        repository = _repository(spec, plan)
        for target in spec.publish:
            key = (target.kind, target.target, str(repository))
            if key not in seen and not is_template(f"{target.target} {repository}"):
                seen.add(key)
                yield from caught("target", partial(_target, app, repository, target))


def _repository(spec: JobSpec, plan: Plan) -> Path:
    """The one whose remotes a job's targets are named by."""
    source = (spec.payload.get("workspace") or {}).get("git", "")
    return Path(source if source and not is_address(source) else plan.batch.folder)


def _target(app: App, repository: Path, target: Publication) -> Iterator[Finding]:
    if target.kind == "file":
        folder = next(each for each in Path(target.target).parents if each.exists())
        if os.access(folder, os.W_OK):
            yield Finding("target", OK, f"{target.target} can be written")
        else:
            yield Finding("target", FAIL, f"{target.target}: {folder} cannot be written")
    elif target.kind == "git":
        yield _remote(app, repository, target.target)


def _remote(app: App, folder: Path, remote: str) -> Finding:
    """Whether a git remote answers without asking anybody for a password."""
    environment = {**app.invocation.environment, "GIT_TERMINAL_PROMPT": "0"}
    argv = ["git", "ls-remote", "--heads", remote]
    answered = ask(argv, folder, environment, timeout_ms=_REMOTE_MS)
    if answered.code == 0:
        return Finding("target", OK, f"git {remote} answers")
    told = "no answer" if answered.code is None else answered.complaint
    return Finding("target", FAIL, f"git {remote}: {told}", "a night cannot type a password")


def _heard(app: App, path: Path) -> Iterator[Finding]:
    """Silence after a night must not look like success."""
    said = read_toml(path).data.get("notify") or {}
    named = [*said.get("urls", []), *([said["ping"]] if "ping" in said else [])]
    variables = [each.removeprefix("env:") for each in named]
    missing = [name for name in variables if not app.invocation.environment.get(name)]
    for name in missing:
        yield Finding("notify", FAIL, f"{name} is not set here", "or put it into the env_file")
    if not named:
        remedy = '[notify] ping = "env:BYDAWN_PING_URL", or urls with a digest'
        yield Finding("notify", WARN, "nobody is told: silence will look like success", remedy)
    elif not missing:
        yield Finding(
            "notify", OK, f"{', '.join(variables)} are set: bydawn notify test tries them"
        )
