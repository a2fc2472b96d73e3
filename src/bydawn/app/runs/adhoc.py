"""One job from the command line, in the batch ``adhoc``."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from bydawn.app.backends import REGISTRY
from bydawn.app.values import AdhocWanted
from bydawn.core.errors import Complaint, PlanInvalid, UsageError
from bydawn.core.keys import digest, job_key
from bydawn.core.model import BatchTerms, Job, JobSpec, Limits, PlannedBatch, PlannedJob
from bydawn.store import read
from bydawn.store.rows import to_json
from bydawn.store.store import Store

PLAN = "adhoc"
TEMPLATE = "job"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def record(store: Store, wanted: AdhocWanted, terms: BatchTerms) -> Job:
    """Record the job, or find it again under its key; the same key with other content is
    refused."""
    name = _name(wanted)
    spec = spec_of(wanted)
    key = job_key(PLAN, "", TEMPLATE, [name])
    _refuse_other_content(store, key, spec, wanted)
    batch = PlannedBatch(
        plan=PLAN,
        edition="",
        folder="",
        source="the command line",
        terms=terms,
        specs=(spec,),
        fingerprint="",
    )
    job = PlannedJob(TEMPLATE, name, key, None, "{}", 0, f"--key {name}")
    store.open_batch(batch, [job], background=wanted.detach, adds_only=True)
    (found,) = read.jobs_with_key(store.session, key)
    return found


def _name(wanted: AdhocWanted) -> str:
    if wanted.key is None:
        return secrets.token_hex(6)
    if not _NAME.fullmatch(wanted.key):
        raise UsageError(
            f"--key {wanted.key!r}: is not a usable key", "use letters, digits and . _ : -"
        )
    return wanted.key


def spec_of(wanted: AdhocWanted) -> JobSpec:
    """The job that a command line asks for."""
    if wanted.backend not in REGISTRY:
        raise UsageError(
            f"there is no backend {wanted.backend!r}", f"there are {', '.join(sorted(REGISTRY))}"
        )
    if wanted.backend == "command" and not wanted.argv:
        raise UsageError(
            "the command backend runs a command, not a prompt",
            "write it after --, or name an agent backend with --backend",
        )
    payload: dict[str, object] = {"cwd": str(wanted.cwd)}
    if wanted.argv:
        payload["argv"] = [_as_written(word) for word in wanted.argv]
    if wanted.prompt is not None:
        payload["prompt"] = _as_written(wanted.prompt)
    if wanted.model is not None:
        payload["model"] = wanted.model
    _refuse_lacking(wanted.backend, payload)
    limits = Limits() if wanted.timeout_ms is None else Limits(timeout_ms=wanted.timeout_ms)
    return JobSpec(id=TEMPLATE, backend=wanted.backend, payload=payload, limits=limits)


def _refuse_lacking(name: str, payload: Mapping[str, object]) -> None:
    """A command line has no table to give, and says a prompt or a command and nothing else."""
    offer = REGISTRY[name]
    if offer.broken:
        raise UsageError(f"the backend {name} {offer.broken}", "bydawn backends lists the others")
    if offer.needs_options:
        raise UsageError(
            f"the backend {name} needs a table of options",
            f'write a plan with [backends.mine] and type = "{name}"',
        )
    for group in offer.needs:
        if not any(field in payload for field in group):
            raise UsageError(
                f"the backend {name} needs {' or '.join(group)}",
                "a command comes after --, a prompt after --task; a plan can say more",
            )


def _as_written(word: str) -> str:
    """A word typed in a shell is no template."""
    if "{{" in word or "{%" in word or "{#" in word:
        return "{% raw %}" + word + "{% endraw %}"
    return word


def _refuse_other_content(store: Store, key: str, spec: JobSpec, wanted: AdhocWanted) -> None:
    for job in read.jobs_with_key(store.session, key):
        if digest(to_json(store.spec(job.spec))) != digest(to_json(spec)):
            raise PlanInvalid(
                (
                    Complaint(
                        "the command line",
                        None,
                        f"--key {wanted.key}",
                        f"was used for another command ({job.job_id})",
                        "choose another key",
                    ),
                )
            )
