"""What each key of a plan file says, in a line: for editors (JSON Schema) and for the reference."""

from __future__ import annotations

from typing import Any

_SAYS: dict[str, dict[str, str]] = {
    "PlanFile": {
        "schema": "the form of this file",
        "name": "the plan's name, the first part of every address",
        "per": "how often it is a new batch: the edition is the day, week or month it is for",
        "timezone": "where days begin and times of day are read",
        "day_starts": "before this local time it is still the day before",
        "keep": "how long logs and drafts are kept; keys and receipts are kept for ever",
        "run": "how the batch is run",
        "budget": "caps of the batch; the tightest wins",
        "pools": "named limits that hold over all batches of the store",
        "defaults": "any field of a job, for all jobs",
        "backends": "backends that are configured here",
        "job": "the jobs",
        "notify": "whom to tell of what",
        "schedule": "when nights begin by themselves",
        "autonomy": "what a plan must have shown before it may be left alone",
    },
    "RunTable": {
        "parallel": "so many jobs at a time, over all runners of the batch",
        "deadline": "the next such local time, or a length; fixed when the batch opens",
        "on_deadline": "end what runs, or let it finish and start nothing new",
        "allow_failures": "a count, or a share like 5%, that still counts as success",
        "if_running": "what a second runner, or an edition while another is open, does",
        "canary": "so many must succeed before the rest starts",
        "breaker": "the same failure on so many jobs stops a backend; 0 is off",
        "retry_budget": "retries of the batch, for each job on average",
        "lease": "how long a runner's claims last without a sign of it",
    },
    "TagBudget": {
        "usd": "dollars",
        "tokens": "tokens, in and out",
        "launches": "launches, retries included",
    },
    "BudgetTable": {
        "usd": "dollars",
        "tokens": "tokens, in and out",
        "launches": "launches, retries included",
        "per_day_usd": "dollars a day, over all batches of the store",
        "tags": 'the same for all jobs with a tag, like "site=a"',
        "unknown_price": "whether a model without a price is refused or held to tokens alone",
    },
    "PoolTable": {
        "parallel": "so many at a time",
        "per_minute": "so many launches a minute",
    },
    "JobFields": {
        "backend": "where it runs",
        "model": "which model, for backends that have models",
        "prompt": "what an agent is asked; a template",
        "prompt_file": "the same from a file beside the plan",
        "argv": "the command, one element each; no shell, each rendered alone",
        "shell": "the command as one line for sh",
        "cwd": "where it runs; its private draft if not said",
        "env": "variables it gets, beside the few that everything gets",
        "pass_env": "variables it gets from the runner's environment; their values are covered",
        "may_publish": "those of them whose values may stand in what is published",
        "call": "module:function, for the backend python",
        "script": "what the backend scripted plays",
        "workspace": "run in a private git worktree",
        "pool": "the pool it takes a place in",
        "tags": "cost is added up by them",
        "usual": "how long it takes, before there is history; longest start first",
        "priority": "higher starts first",
        "expect": "evidence a success must show",
        "check": "a command that runs in the draft; exit 0 accepts",
        "check_timeout": "its limit",
        "publish": "what goes where once everything was accepted",
        "approve": "wait for a person before publishing",
        "permanent_exit": "exit codes that are not retried",
        "key": "the fields of an item that say which job it is",
        "after": "jobs that come first",
        "when": "what those must have come to",
        "timeout": "wall clock for each attempt, kept from outside",
        "grace": "between the request to end and the kill of the whole tree",
        "stall": "so long without a sign of progress ends it",
        "retries": "attempts beyond the first",
        "backoff": "the pause before a retry, which doubles",
        "budget": "the most it may cost over its attempts",
        "effects": "what a run can change before it was checked; outside unless a backend says so",
        "on_doubt": "what follows when nobody can tell whether it ran",
        "isolate": "run as another user, or in a bubblewrap sandbox",
    },
    "JobTable": {
        "id": "its name in the plan",
        "items": "one job for each line of a file (.jsonl, .csv, -), or of an upstream job's file",
        "items_expect": "how many there must be; another number is refused",
    },
    "BackoffTable": {"initial": "the first pause", "max": "the longest"},
    "JobBudget": {
        "usd": "dollars; 0 declares it costless",
        "tokens": "tokens, in and out",
        "launches": "launches",
    },
    "WorkspaceTable": {"git": "the repository", "ref": "what is checked out"},
    "ExpectTable": {
        "files": "files that must be in the draft",
        "min_bytes": "how large each must be at least",
        "json_schema": "a schema the result, or the file, must fit",
        "matches": "a regular expression the output must match",
        "allow_empty": "whether no output at all is a success",
    },
    "PublishTable": {
        "from": "a file of the draft, or . for all of it",
        "file": "to this place on disk",
        "git": "to this repository or remote",
        "branch": "on this branch",
        "http": "to this address: PUT or POST",
    },
    "ItemsFrom": {"from": "the upstream job", "file": "a file of its draft"},
    "ScriptStep": {
        "takes": "how long it runs",
        "ends": "how: ok, hang, stubborn, vanish, refuse, held, exit N, error CODE",
        "result": "what it answers",
        "usage": "what its meter says",
        "cost_usd": "what it cost",
    },
    "NotifyTable": {
        "urls": "variables that hold addresses",
        "on": "what they are told of",
        "ping": "the variable with a dead man's switch",
        "digest_at": "when the digest is sent; without it at the end",
        "anchor": "a command that is run with each noted head of the journal",
    },
    "ScheduleTable": {
        "cron": "when nights begin, in the plan's timezone",
        "catch_up": "how late one may still begin; 2h if not said",
        "env_file": "variables for unattended runs, in a file only you can read",
    },
    "AutonomyTable": {
        "required": "refuse --unattended until it was rehearsed and watched",
        "watched_runs": "so many clean watched nights",
    },
}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, every key of the plan's own tables with its line."""
    _describe(schema, _SAYS["PlanFile"])
    for table, says in _SAYS.items():
        _describe(schema["$defs"].get(table, {}), says)
    _describe(schema["$defs"]["JobTable"], _SAYS["JobFields"])
    return schema


def _describe(table: dict[str, Any], says: dict[str, str]) -> None:
    for name, fields in table.get("properties", {}).items():
        if name in says:
            fields["description"] = says[name]
