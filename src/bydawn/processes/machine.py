"""What differs between machines: clocks that count sleep, proofs of identity, process families.

Linux is the proven ground. Elsewhere nobody can adopt orphans: a tree is then only what is still
linked by parent or by process group, a weaker promise.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import time
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Counts the time a laptop sleeps; on macOS CLOCK_MONOTONIC does, and BOOTTIME does not exist.
_SLEEPLESS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_libc: Any = None


def sleepless_ms() -> int:
    """Milliseconds on a clock that never goes back and does not stop while the machine sleeps."""
    return int(time.clock_gettime(_SLEEPLESS) * 1000)


def wall_ms() -> int:
    return int(time.time() * 1000)


def boot_id() -> str:
    """Names this start of the machine; empty where the machine does not say."""
    return _read("/proc/sys/kernel/random/boot_id").strip()


def start_ticks(pid: int) -> int | None:
    """When the process started, in ticks since boot: with the pid, a name that is never reused."""
    fields = _stat_fields(pid)
    return int(fields[19]) if fields else None


def prepare() -> None:
    """Load what must not be loaded after a fork."""
    global _libc
    if sys.platform == "linux" and _libc is None:
        import ctypes

        _libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose parent dies. False where nobody can."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> bool:
    """Have the kernel KILL this process when its parent dies. False where nobody can."""
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """The direct children of a process, zombies included."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return [] if os.path.isdir("/proc/self") else _children_by_libproc(pid)
    if not _has_children_lists():
        return [int(name) for name in _process_names() if parent_of(int(name)) == pid]
    lists = [_read(f"/proc/{pid}/task/{thread}/children") for thread in threads]
    return [int(child) for text in lists for child in text.split()]


class Household:
    """Whether this process, of one thread, and its one child are all there is; asked after every
    call, so the kernel's lists are kept open. Anything unusual counts as company."""

    def __init__(self, child: int) -> None:
        own = os.getpid()
        self._only = f"{child} ".encode()
        self._open: list[int] = []
        names = (f"{own}/task/{own}/children", f"{child}/task/{child}/children", f"{child}/task")
        with contextlib.suppress(OSError):
            for name in names:
                self._open.append(os.open(f"/proc/{name}", os.O_RDONLY))

    def is_alone(self) -> bool:
        """False where there may be others: whoever asks has to look for himself."""
        try:
            own, theirs, threads = self._open
            # A folder has two links of its own, and one more for each thread in it.
            one_thread = os.fstat(threads).st_nlink == 3
            return one_thread and os.pread(own, 64, 0) == self._only and not os.pread(theirs, 1, 0)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())


def descendants(pid: int) -> list[int]:
    """Everything below a process, parents before their children."""
    found: list[int] = []
    seen = {pid}
    level = [pid]
    while level:
        level = [child for parent in level for child in children(parent) if child not in seen]
        seen.update(level)
        found.extend(level)
    return found


def signal_below(pid: int, signum: int, family: set[int]) -> None:
    """Signal a process only if, at this moment, its parent is one of ``family``.

    The pidfd is taken before the proof, so a pid that is reused in between is never hit.
    """
    try:
        handle = os.pidfd_open(pid)
    except AttributeError:
        _quietly_kill(pid, signum)
        return
    except OSError:
        return
    try:
        if parent_of(pid) in family:
            signal.pidfd_send_signal(handle, signum)
    except OSError:
        pass
    finally:
        os.close(handle)


def signal_identified(pid: int, ticks: int | None, signum: int) -> bool:
    """Signal exactly the process that had this pid and start; False when it is no longer there."""
    try:
        handle = os.pidfd_open(pid)
    except AttributeError:
        return start_ticks(pid) == ticks and _quietly_kill(pid, signum)
    except OSError:
        return False
    try:
        if start_ticks(pid) != ticks:
            return False
        signal.pidfd_send_signal(handle, signum)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def parent_of(pid: int) -> int | None:
    fields = _stat_fields(pid)
    return int(fields[1]) if fields else None


def is_zombie(pid: int) -> bool:
    fields = _stat_fields(pid)
    return bool(fields) and fields[0] in ("Z", "X")


def marked(mark: str) -> list[tuple[int, int | None]]:
    """Living processes of this user whose environment holds the line ``mark``, with their ticks."""
    wanted = mark.encode(errors="surrogateescape")
    found = []
    for name in _process_names():
        pid = int(name)
        ticks = start_ticks(pid)
        if pid != os.getpid() and wanted in _read_bytes(f"/proc/{pid}/environ").split(b"\0"):
            found.append((pid, ticks))
    return found


def _prctl(option: int, value: int) -> bool:
    prepare()
    return _libc is not None and _libc.prctl(option, value, 0, 0, 0) == 0


def _stat_fields(pid: int) -> list[str]:
    # The name in parentheses may hold anything, so the fields are counted from its last bracket.
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


@functools.cache
def _has_children_lists() -> bool:
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _process_names() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _children_by_libproc(pid: int) -> list[int]:
    if sys.platform != "darwin":
        return []
    import ctypes

    buffer = (ctypes.c_int * 4096)()
    size = ctypes.sizeof(buffer)
    count = ctypes.CDLL("/usr/lib/libproc.dylib").proc_listchildpids(pid, buffer, size)
    return [child for child in buffer[: max(count, 0)] if child > 0]


def _quietly_kill(pid: int, signum: int) -> bool:
    try:
        os.kill(pid, signum)
    except OSError:
        return False
    return True


def _read(path: str) -> str:
    return _read_bytes(path).decode(errors="replace")


def _read_bytes(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return _read_all(descriptor)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    pieces = []
    while piece := os.read(descriptor, 65536):
        pieces.append(piece)
    return b"".join(pieces)
