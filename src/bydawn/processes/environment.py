"""What a run finds in its environment, and what never gets there.

From this machine it gets only what a program needs to find its way: PATH, HOME, who and where the
user is, language, time zone, temporary folder, terminal type. Nothing that grants anything is on
that list: no credentials, no proxies (their addresses carry passwords), no agent sockets, nothing
of Python's or the loader's. What a plan names in ``pass_env`` is passed when it is set, then comes
the plan's own ``env``, and last the BYDAWN_ names, which nothing can replace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from bydawn.core.sightings import Request

_PASSED = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
        *("XDG_DATA_HOME", "XDG_STATE_HOME"),
    )
)


def job_environment(
    machine: Mapping[str, str],
    request: Request,
    pass_env: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The complete environment of one run. It may hold secrets and must not be written anywhere."""
    return {**passed_on(machine, pass_env), **(env or {}), **request_environment(request)}


def passed_on(machine: Mapping[str, str], named: Iterable[str] = ()) -> dict[str, str]:
    """What every program gets of this machine's environment, and the variables named."""
    also = {name: machine[name] for name in named if name in machine}
    return {**plain_environment(machine), **also}


def plain_environment(machine: Mapping[str, str]) -> dict[str, str]:
    """What any program of a plan may know of this machine."""
    return {
        name: value for name, value in machine.items() if name in _PASSED or name.startswith("LC_")
    }


def secret_names(pass_env: Iterable[str]) -> set[str]:
    """Those of the names a plan passes on whose values nobody may see."""
    return {name for name in pass_env if name not in _PASSED and not name.startswith("LC_")}


def request_environment(request: Request) -> dict[str, str]:
    """The BYDAWN_ names of one run; a limit that is not set has no name."""
    wanted: dict[str, str | None] = {
        "BYDAWN_BATCH": request.batch,
        "BYDAWN_EDITION": request.edition,
        "BYDAWN_JOB": request.job,
        "BYDAWN_KEY": request.key,
        "BYDAWN_EFFECT_KEY": request.effect_key,
        "BYDAWN_LAUNCH_KEY": request.launch_key,
        "BYDAWN_ATTEMPT": str(request.attempt),
        "BYDAWN_TOKEN": str(request.token),
        "BYDAWN_NONCE": request.nonce,
        "BYDAWN_DRAFT": f"{request.folder}/draft",
        "BYDAWN_REPORT": f"{request.folder}/report.jsonl",
        "BYDAWN_DEADLINE": _moment(request.deadline_at),
        "BYDAWN_BUDGET_USD": _dollars(request.budget_usd_micros),
        "BYDAWN_BUDGET_TOKENS": _text(request.budget_tokens),
        "BYDAWN_STORE_ID": request.store_id or None,
        "TRACEPARENT": request.trace_parent or None,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _moment(at: int) -> str | None:
    if at <= 0:
        return None
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return moment.replace(microsecond=at % 1000 * 1000).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _dollars(micros: int | None) -> str | None:
    return None if micros is None else f"{Decimal(micros) / 1_000_000:f}"


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
