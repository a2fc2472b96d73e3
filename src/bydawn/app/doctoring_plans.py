"""The part of ``doctor`` that looks at one plan: what its jobs need, and who hears of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bydawn.app.app import App
from bydawn.app.findings import FAIL, OK, WARN, Finding, caught
from bydawn.app.isolating import refuse_unavailable
from bydawn.app.prices import price_finder
from bydawn.core.model import JobSpec, Publication
from bydawn.core.templates import is_template
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
        yield from caught("isolation", lambda: _isolation(app, plan))
        yield from _programs(app.invocation.environment, plan.batch.specs)
        yield from _variables(app.invocation.environment, plan.batch.specs)
        yield from _targets(app, plan)
        yield from caught("prices", partial(_prices, app, plan))
    yield from caught("notify", lambda: _heard(app, app.invocation.directory / path))


def _isolation(app: App, plan: Plan) -> Iterator[Finding]:
    refuse_unavailable(plan.batch.specs, app.invocation.environment, app.state_folder)
    kinds = sorted({spec.isolate for spec in plan.batch.specs} - {"none"})
    if kinds:
        yield Finding("isolation", OK, f"{', '.join(kinds)} work here")


def _programs(environment: Mapping[str, str], specs: Iterable[JobSpec]) -> Iterator[Finding]:
    """Programs named without a path are looked for as a job would look for them."""
    for spec in specs:
        for argv in (spec.payload.get("argv") or (), spec.check):
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
    said = (str(spec.payload.get("model") or "") for spec in plan.batch.specs)
    models = sorted({model for model in said if model and not is_template(model)})
    price_of = price_finder(app.invocation.environment)
    known = {model: price for model in models if (price := price_of(model))}
    for model in sorted(set(models) - set(known)):
        remedy = f"bydawn cost prices set {model} --input X --output Y, or the extra prices"
        yield Finding("prices", WARN, f"what {model} costs is not known", remedy)
    for model, price in known.items():
        yield Finding("prices", OK, f"{model} has a price, from {price.snapshot}")


def _targets(app: App, plan: Plan) -> Iterator[Finding]:
    """Where the plan publishes. What a template decides is known when its job ends."""
    seen: set[tuple[str, str]] = set()
    for spec in plan.batch.specs:
        for target in spec.publish:
            key = (target.kind, target.target)
            if key not in seen and not is_template(target.target):
                seen.add(key)
                yield from caught("target", partial(_target, app, plan, target))


def _target(app: App, plan: Plan, target: Publication) -> Iterator[Finding]:
    if target.kind == "file":
        folder = next(each for each in Path(target.target).parents if each.exists())
        if os.access(folder, os.W_OK):
            yield Finding("target", OK, f"{target.target} can be written")
        else:
            yield Finding("target", FAIL, f"{target.target}: {folder} cannot be written")
    elif target.kind == "git":
        yield _remote(app, Path(plan.batch.folder), target.target)


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
