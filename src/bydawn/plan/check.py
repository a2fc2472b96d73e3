"""What only the whole plan can show: names that meet, circles, backends, pools, bounds, targets."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path as Folder
from typing import Any

from bydawn.core.fields import NONE
from bydawn.core.lengths import parse_length
from bydawn.core.model import Bound
from bydawn.core.offers import Offer
from bydawn.core.templates import is_template
from bydawn.core.values import value
from bydawn.plan.complaints import Complaints, Path, quoted
from bydawn.plan.schema import JobTable, PublishTable
from bydawn.plan.specs import BACKEND_FIELDS, after, resolved
from bydawn.plan.validate import did_you_mean

_FILLED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OUTSIDE = re.compile(r"\b(?:item|results|previous)\b")
_QUOTED = re.compile(r"\|\s*sh\b")
_STATE_FOLDER = ".bydawn"
_SHORTEST_LEASE_MS = 2_000


@value
class Entry:
    """One ``[[job]]``: its place in the file, what it says itself, and with the defaults.

    ``wrong`` names the fields already complained about: nothing is called missing because of them.
    """

    number: int
    own: Mapping[str, Any]
    table: JobTable
    wrong: frozenset[str] = frozenset()

    @property
    def at(self) -> Path:
        return ("job", self.number)

    def where(self, *path: str | int) -> Path:
        """Where a field was written: in the job itself, or else in the defaults."""
        return (*self.at, *path) if path[0] in self.own else ("defaults", *path)


def check_names(entries: Sequence[Entry], told: Complaints) -> None:
    """Each id once; each name in ``after`` an id; no circles."""
    first: dict[str, Entry] = {}
    for entry in entries:
        before = first.setdefault(entry.table.id, entry)
        if before is not entry:
            line = told.line((*before.at, "id"))
            told.add(
                (*entry.at, "id"), f"{quoted(entry.table.id)} is already the job on line {line}"
            )
    for entry in entries:
        _check_after(entry, first, told)
    for circle in _circles(first):
        entry = first[circle[0]]
        at = (*entry.at, "after" if "after" in entry.own else "items")
        told.add(at, f"the jobs wait for each other: {' -> '.join(circle)}")


def _check_after(entry: Entry, known: Mapping[str, Entry], told: Complaints) -> None:
    for number, name in enumerate(entry.table.after):
        if name not in known:
            message = f"there is no job {quoted(name)}"
            told.add(entry.where("after", number), message, did_you_mean(name, list(known)))
    upstream = set(after(entry.table)) - set(entry.table.after)
    for name in upstream:
        if name not in known:
            message = f"there is no job {quoted(name)}"
            told.add((*entry.at, "items", "from"), message, did_you_mean(name, list(known)))
        elif known[name].table.items is not None:
            told.add((*entry.at, "items", "from"), f"{quoted(name)} is many jobs, one an item")


def _circles(known: Mapping[str, Entry]) -> Iterator[list[str]]:
    """The circles, each named in full: every job in it waits for the one after it."""
    waits = {name: set(after(entry.table)) & set(known) for name, entry in known.items()}
    while True:
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            yield circle
            waits.update((name, set()) for name in circle)
        else:
            return


def check_backend(
    entry: Entry, offer: Offer | None, known: Mapping[str, Offer], told: Complaints
) -> None:
    """The backend exists, and the job says what it needs and nothing it does not take."""
    if "backend" in entry.wrong:
        return
    if offer is None:
        _tell_unknown_backend(entry, known, told)
        return
    _check_offer(entry, offer, told)
    if "argv" in offer.takes:
        _check_command(entry, told)
    if not offer.isolates and entry.table.isolate != "none":
        told.add(entry.where("isolate"), "only commands can be isolated")


def _check_offer(entry: Entry, offer: Offer, told: Complaints) -> None:
    name, table = entry.table.backend, entry.table
    if offer.broken:
        told.add(entry.where("backend"), f"the backend {quoted(name)} {offer.broken}")
    if offer.needs_options and offer.name == name:
        message = f"{quoted(name)} is a type of backend and needs a table of its own"
        remedy = f'say [backends.mine] with type = "{name}", and backend = "mine"'
        told.add(entry.where("backend"), message, remedy)
    for field in sorted((set(entry.own) & BACKEND_FIELDS) - offer.takes):
        told.add((*entry.at, field), f"the backend {quoted(name)} does not take it")
    for group in offer.needs:
        if not entry.wrong and all(getattr(table, field) is None for field in group):
            words = " or ".join(group)
            remedy = _EXAMPLES.get(group[0], "")
            told.add(entry.at, f"the backend {quoted(name)} needs {words}", remedy)


_EXAMPLES = {
    "argv": 'argv = ["program", "argument"]',
    "call": 'call = "module:function"',
    "prompt": 'prompt = "What to do"',
}


def _tell_unknown_backend(entry: Entry, known: Mapping[str, Offer], told: Complaints) -> None:
    name = entry.table.backend
    at = entry.where("backend")
    there = ", ".join(sorted(known))
    remedy = did_you_mean(name, list(known)) or f"there are {there}"
    told.add(at, f"there is no backend {quoted(name)}", remedy)


def _check_command(entry: Entry, told: Complaints) -> None:
    table = entry.table
    if table.argv is not None and table.shell is not None:
        told.add(entry.where("shell"), "argv and shell exclude each other")
    if table.argv is not None and not table.argv[0].strip():
        told.add(entry.where("argv", 0), "the program has no name")
    for number, word in enumerate(table.argv or ()):
        if "\0" in word:
            told.add(entry.where("argv", number), "it has a NUL in it")


def check_fields(entry: Entry, told: Complaints, warnings: Complaints) -> None:
    """Fields of one job that exclude or need each other."""
    table = entry.table
    if table.prompt is not None and table.prompt_file is not None:
        told.add(entry.where("prompt_file"), "prompt and prompt_file exclude each other")
    if table.items is not None and not table.key and not entry.wrong:
        told.add(entry.at, "key is missing: items need a natural key", 'key = ["site", "slug"]')
    if table.items is None and "key" in entry.own and not entry.wrong:
        told.add((*entry.at, "key"), "key belongs to items, and the job has none")
    if table.items is None and table.items_expect is not None and not entry.wrong:
        told.add((*entry.at, "items_expect"), "items_expect belongs to items, and the job has none")
    if table.key and len(set(table.key)) < len(table.key):
        told.add(entry.where("key"), "a field of the key is there twice")
    if parse_length(table.backoff.initial) > parse_length(table.backoff.max):
        told.add(entry.where("backoff"), "initial is longer than max")
    if table.workspace is not None:
        _check_workspace(entry, told)
    if table.stall != NONE and parse_length(table.stall) >= parse_length(table.timeout):
        warnings.add(entry.where("stall"), f"it never comes: the timeout is {table.timeout}")
    if table.shell is not None and any(map(_is_unquoted, _FILLED.findall(table.shell))):
        remedy = "write {{ item.name | sh }}, or use argv"
        warnings.add(entry.where("shell"), "data goes into the shell without quotes", remedy)
    if table.expect is not None and table.expect.matches is not None:
        _check_pattern(entry, table.expect.matches, told)


def _check_workspace(entry: Entry, told: Complaints) -> None:
    cwd = entry.table.cwd
    if cwd and (cwd.startswith(("/", "~")) or ".." in Folder(cwd).parts):
        told.add(entry.where("cwd"), "with a workspace it is a folder inside that")
    for number, each in enumerate(entry.table.publish):
        if os.path.normpath(each.source) == "." and each.git is None:
            remedy = 'name a folder of it, or publish it with git = "origin"'
            told.add(
                entry.where("publish", number, "from"), "a whole workspace goes to git", remedy
            )


def _is_unquoted(filled: str) -> bool:
    """Whether what comes from outside the plan gets into a shell's words as it is."""
    return _OUTSIDE.search(filled) is not None and _QUOTED.search(filled) is None


def _check_pattern(entry: Entry, pattern: str, told: Complaints) -> None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        told.add(entry.where("expect", "matches"), f"is no regular expression: {error}")


def check_pools(entries: Sequence[Entry], pools: Mapping[str, Any], told: Complaints) -> None:
    for entry in entries:
        name = entry.table.pool
        if name is not None and name not in pools:
            remedy = did_you_mean(name, list(pools)) or f"say {name} = 4 under [pools]"
            told.add(entry.where("pool"), f"there is no pool {quoted(name)}", remedy)
    for name, pool in pools.items():
        if pool == {}:
            told.add(("pools", name), "it limits nothing", "say parallel or per_minute")


def check_bounds(
    entries: Sequence[Entry], batch: Bound, told: Complaints, unpriced: Collection[str] = ()
) -> None:
    """A capped batch wants the same kind of bound on each job; ``{ usd = 0 }`` is costless.

    The jobs in ``unpriced`` run on a bound in tokens alone.
    """
    for entry in entries:
        own = entry.table.budget
        if own.usd == 0 or "budget" in entry.wrong:
            continue
        by_tokens = entry.table.id in unpriced and own.tokens is not None
        for unit, cap, bound in (
            ("usd", batch.usd_micros, own.usd),
            ("tokens", batch.tokens, own.tokens),
        ):
            if cap is not None and bound is None and not (by_tokens and unit == "usd"):
                remedy = (
                    f"say budget = {{ {unit} = … }}, or budget = {{ usd = 0 }} if it costs nothing"
                )
                told.add(entry.at, f"no budget.{unit}, but the batch is capped in {unit}", remedy)
            elif cap is not None and bound is not None and _more(unit, bound, cap):
                message = f"budget.{unit} is more than the whole batch may use"
                told.add(entry.where("budget", unit), message)


def _more(unit: str, bound: float, cap: int) -> bool:
    return bound * (1_000_000 if unit == "usd" else 1) > cap


def check_targets(
    entries: Sequence[Entry], folder: Folder, plan_file: str, told: Complaints
) -> None:
    """Every published file has a sane place, and no two publications have the same target."""
    taken: dict[str, str] = {}
    for entry in entries:
        for number, publication in enumerate(entry.table.publish):
            kind, what, target = _target(publication, folder)
            at = entry.where("publish", number, kind)
            if kind == "file":
                _check_file(target, plan_file, at, told)
            if entry.table.items is not None and not is_template(target):
                remedy = "name the item in it: {{ item.slug }}"
                told.add(at, f"every item would publish to the same {what}", remedy)
            elif target in taken:
                told.add(at, f"the job {quoted(taken[target])} publishes to the same {what}")
            taken.setdefault(target, entry.table.id)


def _target(publication: PublishTable, folder: Folder) -> tuple[str, str, str]:
    """Its key in the plan, what it is, and the name no other publication may have."""
    if publication.git is not None:
        return "git", "branch", f"{publication.git}#{publication.branch}"
    if publication.http is not None:
        return "http", "address", publication.http
    return "file", "file", os.path.normpath(resolved(publication.file or "", folder))


def _check_file(target: str, plan_file: str, at: Path, told: Complaints) -> None:
    if "\0" in target:
        told.add(at, "it has a NUL in it")
    elif target == plan_file:
        told.add(at, "it would overwrite the plan")
    elif _STATE_FOLDER in target.split("/"):
        told.add(at, f"it lies in {_STATE_FOLDER}, which belongs to bydawn")


def check_autonomy(data: Mapping[str, Any], warnings: Complaints) -> None:
    """A plan of one edition has one night in which to be watched."""
    autonomy = data.get("autonomy", {})
    nights = autonomy.get("watched_runs", 3)
    if autonomy.get("required") and data.get("per", "once") == "once" and nights > 1:
        remedy = 'say per = "day", or watched_runs = 1'
        warnings.add(("autonomy", "required"), "a plan without editions has only one night", remedy)


def check_lease(lease: str, told: Complaints) -> None:
    if parse_length(lease) < _SHORTEST_LEASE_MS:
        told.add(("run", "lease"), "a lease of less than 2s is lost by every pause")
