"""Starting one program: nothing inherited but its three streams, and errors told, not guessed."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Sequence

from bydawn.processes import bell, machine

_PERMANENT = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.ENOEXEC,
    errno.E2BIG,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}


class SpawnFailed(Exception):
    """The program did not start. ``kind`` says whether another try may help."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    @classmethod
    def of(cls, problem: BaseException, what: str) -> SpawnFailed:
        if not isinstance(problem, OSError):
            return cls("permanent", f"{what}: {problem}")
        kind = "permanent" if problem.errno in _PERMANENT else "transient"
        return cls(kind, f"{what}: {problem.strerror}")


def spawn(
    argv: Sequence[str],
    folder: str,
    environment: dict[str, str],
    output: int,
    kept: Sequence[int] = (),
) -> int:
    """Start a program in a session of its own, in ``folder``, printing into ``output``.

    stdin is /dev/null, every descriptor but these and ``kept`` is closed, signals are as a login
    shell would leave them, and the kernel kills it when this process dies.
    """
    told, teller = os.pipe()
    parent = os.getpid()
    try:
        pid = os.fork()
        if pid == 0:
            _become(argv, folder, environment, output, kept, parent, teller)
        os.close(teller)
        teller = -1
        _raise_if_told(told, pid)
        return pid
    except OSError as problem:
        raise SpawnFailed.of(problem, argv[0]) from problem
    finally:
        os.close(told)
        if teller >= 0:
            os.close(teller)


def raise_descriptor_limit() -> None:
    """Allow this process as many descriptors as it may have; programs get the old limit back."""
    global _descriptor_limit
    _descriptor_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = min(_descriptor_limit[1], 65_536) if _descriptor_limit[1] > 0 else 65_536
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, _descriptor_limit[1]))
    except (OSError, ValueError):
        _descriptor_limit = None


_descriptor_limit: tuple[int, int] | None = None


def _become(
    argv: Sequence[str],
    folder: str,
    environment: dict[str, str],
    output: int,
    kept: Sequence[int],
    parent: int,
    teller: int,
) -> None:
    what = folder
    try:
        os.setsid()
        machine.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        _connect(output, kept)
        os.chdir(folder)
        what = argv[0]
        if _descriptor_limit is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, _descriptor_limit)
        bell.restore_signals()
        os.execvpe(argv[0], list(argv), environment)
    except BaseException as problem:
        failure = SpawnFailed.of(problem, what)
        os.write(teller, f"{failure.kind} {failure.message}".encode(errors="replace")[:1000])
    finally:
        os._exit(127)


def _connect(output: int, kept: Sequence[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, output, output)):
        os.dup2(source, target, inheritable=True)
    for descriptor in kept:
        os.set_inheritable(descriptor, True)


def _raise_if_told(told: int, pid: int) -> None:
    problem = os.read(told, 1000).decode(errors="replace")
    if problem:
        os.waitpid(pid, 0)
        kind, _, message = problem.partition(" ")
        raise SpawnFailed(kind, message)
