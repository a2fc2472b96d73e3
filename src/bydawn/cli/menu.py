"""Which verbs there are, where each lives, and what it says of itself. Loads nothing."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One verb: its name, its module in this package, its line of help, the part of the menu."""

    name: str
    module: str
    says: str
    part: str


_NIGHT, _MORNING, _HANDS, _PLACE = "The night", "The morning", "By hand", "The place"
HIDDEN = "hidden"

ENTRIES = (
    Entry("init", "init", "write a first plan that runs at once", _NIGHT),
    Entry("check", "check", "validate a plan and say what would start; changes nothing", _NIGHT),
    Entry("rehearse", "rehearse", "play a whole plan without doing anything", _NIGHT),
    Entry("run", "run", "run a plan, or one command; the same again goes on", _NIGHT),
    Entry("wait", "wait", "until a batch or jobs are over, with their exit code", _NIGHT),
    Entry("watch", "watch", "the live screen of a batch", _NIGHT),
    Entry("status", "status", "recent batches, or where one stands", _MORNING),
    Entry("report", "report", "what happened, what it cost, what needs you", _MORNING),
    Entry("show", "show", "one job with all its attempts", _MORNING),
    Entry("logs", "logs", "what a job printed", _MORNING),
    Entry("results", "results", "what the jobs answered, in input order", _MORNING),
    Entry("events", "events", "the journal, one line per event", _MORNING),
    Entry("serve", "serve", "the dashboard, in a browser", _MORNING),
    Entry("cost", "cost", "what was spent by job, tag, model, day; what models cost", _MORNING),
    Entry("audit", "audit", "whether the journal is what was written", _MORNING),
    Entry("jobs", "jobs", "get, list or cancel jobs", _MORNING),
    Entry("retry", "retry", "start finished jobs again", _HANDS),
    Entry("resolve", "resolve", "decide about a parked job", _HANDS),
    Entry("cancel", "cancel", "end jobs, or a whole batch", _HANDS),
    Entry("pause", "pause", "start nothing new in a batch", _HANDS),
    Entry("unpause", "unpause", "go on with a paused batch", _HANDS),
    Entry("lease", "lease", "named leases with fencing tokens, for any program", _HANDS),
    Entry("gate", "gate", "publish so that an older claim cannot overwrite", _HANDS),
    Entry("stop", "stop", "start nothing anywhere, end everything", _HANDS),
    Entry("doctor", "doctor", "what would go wrong tonight, found out now", _PLACE),
    Entry("schedule", "schedule", "begin a plan's nights by themselves", _PLACE),
    Entry("demo", "demo", "a 12-job night on built-in fake agents", _PLACE),
    Entry("backends", "backends", "where jobs can run, and whether they could now", _PLACE),
    Entry("notify", "notify", "whether people can be reached", _PLACE),
    Entry("export", "export", "traces and metrics for other tools", _PLACE),
    Entry("config", "config", "which settings hold, and who said so", _PLACE),
    Entry("db", "db", "look at the store, back it up, export it, make room", _PLACE),
    Entry("completion", "completion", "make a shell complete verbs, batches and jobs", _PLACE),
    Entry("sender", "sender", "the process that tells people what they asked for", HIDDEN),
    Entry("background", "background", "the runner that --detach leaves behind", HIDDEN),
)

SHARED = (
    ("-C, --directory DIR", "act as if called there"),
    ("--store URL", "sqlite:///PATH; else BYDAWN_STORE or .bydawn/"),
    ("--json", "one JSON document on stdout"),
    ("-q, --quiet", "no talk on stderr"),
    ("-v, --verbose", "more of it, and whole traces"),
    ("--color WHEN", "auto, always or never; NO_COLOR is honoured"),
    ("--no-input", "never ask"),
    ("--version", "the version"),
    ("-h, --help", "this, or a verb's own help"),
)

EXAMPLES = (
    "bydawn check nightly.toml            # what would start, and why",
    "bydawn run nightly.toml              # do it; the same command again goes on",
    "bydawn run --detach -- ./job.sh 42   # one command, in the background",
    "bydawn report                        # in the morning",
)


def find(name: str) -> Entry | None:
    return next((entry for entry in ENTRIES if entry.name == name), None)


def menu() -> str:
    """All of it on one page: examples first."""
    lines = ["Runs a batch of long agent jobs through the night and has it joined by dawn.", ""]
    lines += ["Examples:", *(f"  {example}" for example in EXAMPLES), ""]
    for part in (_NIGHT, _MORNING, _HANDS, _PLACE):
        lines.append(f"{part}:")
        lines += [f"  {entry.name:<12}{entry.says}" for entry in ENTRIES if entry.part == part]
        lines.append("")
    lines += ["Anywhere:", *(f"  {names:<24}{says}" for names, says in SHARED), ""]
    return "\n".join(lines)
