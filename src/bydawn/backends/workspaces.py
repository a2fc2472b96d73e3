"""A run's worktree, made before the run is started and before its claim is taken."""

from __future__ import annotations

from collections.abc import Mapping

from bydawn.core.sightings import (
    Failure,
    FailureClass,
    LaunchRefused,
    LaunchUnclear,
    Request,
)
from bydawn.processes.worktrees import Busy, WorkspaceError, make


def made_ready(
    request: Request, machine: Mapping[str, str]
) -> LaunchRefused | LaunchUnclear | None:
    """Make the worktree the job asks for, or find it made; None where nothing is in the way."""
    wanted = request.payload.get("workspace")
    if not wanted:
        return None
    try:
        make(request.folder, str(wanted["git"]), str(wanted["ref"]), machine)
    except WorkspaceError as error:
        return _refused(str(error), error.is_for_good)
    except OSError as error:
        return _refused(f"{error.filename or 'git'}: {error.strerror}", is_for_good=False)
    except Busy:
        return LaunchUnclear("its worktree is being made by another runner")
    return None


def _refused(message: str, is_for_good: bool) -> LaunchRefused:
    kind = FailureClass.PERMANENT if is_for_good else FailureClass.TRANSIENT
    return LaunchRefused(Failure(kind, "workspace", message[:300]))
