"""Starting one program: nothing inherited but its three streams, and errors told, not guessed.

``posix_spawn`` costs a third of fork and exec from an interpreter (0.6 ms against 1.4 to 1.9), at
the price of the kernel's parent-death signal; the nursery, which adopts what a killed supervisor
leaves, ends the whole tree instead of its first process.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Sequence

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
# The machine has no room for it now; nothing is wrong with the job.
_NO_ROOM = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EAGAIN,
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
        return cls(kind_of(problem), f"{what}: {problem.strerror}")


def kind_of(problem: OSError) -> str:
    """Whether another try may help, and whether it is worth a wait that costs no retry."""
    if problem.errno in _NO_ROOM:
        return "held"
    return "permanent" if problem.errno in _PERMANENT else "transient"


def spawn(
    argv: Sequence[str],
    folder: str,
    environment: dict[str, str],
    output: int,
    kept: Sequence[int] = (),
    answer: int | None = None,
) -> int:
    """Start a program in a session of its own, in ``folder``, printing into ``output``, or its
    stdout into ``answer`` where there is one.

    stdin is this process's own, which is /dev/null; every other descriptor but ``kept`` is closed
    by the kernel, since Python opens them all close-on-exec. Signal handlers fall back to their
    defaults at exec; a supervisor ignores and blocks none.
    """
    what = folder
    try:
        os.chdir(folder)
        what = argv[0]
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        return os.posix_spawn(
            _program(argv[0], environment),
            list(argv),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, output if answer is None else answer, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
        )
    except (OSError, ValueError) as problem:
        raise SpawnFailed.of(problem, what) from problem
    finally:
        os.chdir("/")


def _program(name: str, environment: dict[str, str]) -> str:
    if "/" in name:
        return name
    for folder in os.get_exec_path(environment):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


class DescriptorLimit:
    """As many descriptors as this process may have, while programs keep the limit they had."""

    def __init__(self) -> None:
        self._given = resource.getrlimit(resource.RLIMIT_NOFILE)

    def raise_it(self) -> None:
        most = self._given[1] if self._given[1] > 0 else 65_536
        self._set(min(most, 65_536))

    def restore(self) -> None:
        self._set(self._given[0])

    def _set(self, soft: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, self._given[1]))
