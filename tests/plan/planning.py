"""Plans written into a folder and read as the command line would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.app.backends import BUILT_IN
from bydawn.core.errors import PlanInvalid
from bydawn.plan import Overrides, Plan, read_plan

AT = 1_795_100_000_000  # 2026-11-19T14:53:20Z
BACKENDS = {name: row.offer for name, row in BUILT_IN.items()}
SMALL = 'name = "small"\n[[job]]\nid = "one"\nargv = ["true"]\n'


def alone(folder: Path) -> dict[str, str]:
    """An environment in which no configuration of this machine is found."""
    return {"HOME": str(folder / "home"), "XDG_CONFIG_DIRS": str(folder / "xdg")}


def read(
    folder: Path,
    text: str | bytes,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: BinaryIO | None = None,
    at: int = AT,
    **said: Any,
) -> Plan:
    path = folder / "plan.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_plan(
        path,
        at=at,
        overrides=Overrides(**said),
        environment={**alone(folder), **(environment or {})},
        backends=BACKENDS,
        stdin=stdin,
    )


def complaints(folder: Path, text: str | bytes, **said: Any) -> list[str]:
    """What is said about a plan, items included, with the folder left out."""
    try:
        for _ in read(folder, text, **said).jobs():
            pass
    except PlanInvalid as error:
        return [str(complaint).replace(f"{folder}/", "") for complaint in error.complaints]
    return []


def warnings(folder: Path, text: str, **said: Any) -> list[str]:
    plan = read(folder, text, **said)
    return [str(warning).replace(f"{folder}/", "") for warning in plan.warnings]
