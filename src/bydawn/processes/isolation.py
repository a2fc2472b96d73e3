"""Commands apart from this account: as another user of the machine, or in a bubblewrap sandbox.

Both leave the draft and the report writable and nothing else of ours. Where the machine cannot do
it, ``why_not`` says so before anything starts; a command is never started without what was asked.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bydawn.core.folders import user_folder
from bydawn.core.sightings import Request
from bydawn.core.values import value
from bydawn.processes.folder import RunFolder
from bydawn.processes.worktrees import GIT, borrowed

ACCOUNT = "BYDAWN_ISOLATE_USER"
NONE, USER, BWRAP = "none", "user", "bwrap"
_DEFAULT_ACCOUNT = "nobody"
_PROBE_S = 10
_HIDDEN = "/tmp"
_SEALED = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", _HIDDEN)
# Becomes the account and then the command; started as root, in an interpreter that loads nothing.
_BECOME = """
import os, sys
name, uid, gid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.initgroups(name, gid)
os.setgid(gid)
os.setuid(uid)
os.execvp(sys.argv[4], sys.argv[4:])
"""


@value
class Apart:
    """A command as it is started to be apart, and what its environment says otherwise."""

    argv: tuple[str, ...]
    environment: dict[str, str]


def why_not(kind: str, environment: Mapping[str, str], state_folder: Path) -> str:
    """What keeps this machine from isolating so; empty when it can."""
    if kind == USER:
        return _why_no_user(_account_name(environment), state_folder)
    if kind == BWRAP:
        return _why_no_sandbox(shutil.which("bwrap", path=environment.get("PATH")))
    return ""


def apart(
    argv: tuple[str, ...],
    cwd: str,
    request: Request,
    state_folder: Path,
    environment: Mapping[str, str],
) -> Apart:
    """Make the run's folder ready and say how to start the command; KeyError, OSError if not."""
    run = RunFolder(request.folder)
    run.make()
    Path(run.report).touch(mode=0o600)
    if request.isolate == USER:
        return _as_account(argv, run, state_folder, pwd.getpwnam(_account_name(environment)))
    bwrap = shutil.which("bwrap", path=environment.get("PATH")) or "bwrap"
    sandbox = (
        *_SEALED,
        *_read_only(request.plan_folder),
        *_hidden(user_folder(environment)),
        *_own(run, state_folder),
    )
    # Left to itself, bwrap would start a command elsewhere when its folder is not to be seen.
    there = ("--chdir", cwd or run.draft, "--die-with-parent")
    return Apart((bwrap, *sandbox, *there, "--", *argv), {"TMPDIR": _HIDDEN})


def _read_only(plan_folder: str) -> tuple[str, ...]:
    """A plan that lies in the hidden folder for temporary files is shown again, with its tools."""
    is_hidden = plan_folder.startswith(_HIDDEN + "/")
    return ("--ro-bind", plan_folder, plan_folder) if is_hidden else ()


def _hidden(settings: str | None) -> tuple[str, ...]:
    """Keys and files of secrets are beside the settings."""
    return ("--tmpfs", settings) if settings and os.path.isdir(settings) else ()


def _own(run: RunFolder, state_folder: Path) -> tuple[str, ...]:
    """Of our own folder only what is this run's, and what its worktree borrows, to read."""
    lent = [word for path in borrowed(run.path) for word in ("--ro-bind", path, path)]
    own = [word for path in _writable(run) for word in ("--bind", path, path)]
    return ("--tmpfs", str(state_folder), *lent, *own)


def _writable(run: RunFolder) -> list[str]:
    """The draft, git's folder of it where it is a worktree, and the report."""
    git = run.file(GIT)
    return [run.draft, *([git] if os.path.isdir(git) else []), run.report]


def _as_account(
    argv: tuple[str, ...], run: RunFolder, state_folder: Path, account: pwd.struct_passwd
) -> Apart:
    for path in _writable(run):
        _give(path, account)
    below = Path(run.path).relative_to(state_folder)
    for folder in (state_folder / part for part in (below, *below.parents)):
        folder.chmod(folder.stat().st_mode | 0o011)
    name, uid, gid = account.pw_name, str(account.pw_uid), str(account.pw_gid)
    become = (sys.executable, "-I", "-S", "-c", _BECOME, name, uid, gid)
    return Apart((*become, *argv), {"HOME": run.draft, "USER": name, "LOGNAME": name})


def _give(path: str, account: pwd.struct_passwd) -> None:
    """Make the account the owner of a file, or of a folder with all that is in it."""
    os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    for place, folders, files in os.walk(path):
        for name in (*folders, *files):
            inside = os.path.join(place, name)
            os.chown(inside, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _account_name(environment: Mapping[str, str]) -> str:
    return environment.get(ACCOUNT) or _DEFAULT_ACCOUNT


def _why_no_user(name: str, state_folder: Path) -> str:
    if os.geteuid() != 0:
        return "only root can run commands as another user"
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return f'there is no user "{name}" ({ACCOUNT} names another)'
    if account.pw_uid == 0:
        return f'"{name}" is root itself'
    closed = [folder for folder in state_folder.parents if not _may_pass(folder, account)]
    return f'"{name}" may not enter {closed[-1]}' if closed else ""


def _may_pass(folder: Path, account: pwd.struct_passwd) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    if found.st_uid == account.pw_uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid in os.getgrouplist(account.pw_name, account.pw_gid):
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


@functools.cache
def _why_no_sandbox(bwrap: str | None) -> str:
    """Being installed is not enough: many machines forget or forbid what it needs."""
    if bwrap is None:
        return "bubblewrap (bwrap) is not installed"
    try:
        tried = subprocess.run(
            [bwrap, *_SEALED, "--", "/bin/true"], capture_output=True, timeout=_PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bwrap does not work here: {error}"
    said = tried.stderr.decode(errors="replace").strip()[:200]
    return f"bwrap does not work here: {said}" if tried.returncode else ""
