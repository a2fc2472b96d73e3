"""What is on the disk when the power goes: from a recording of every write and every flush.

A write that was flushed afterwards is there. Of the others each may be there, or not, or only some
of its sectors, whatever came after it.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bydawn

TESTS = Path(__file__).resolve().parents[1]
# Where the product is that is under test, be it a copy without one of its guards.
SOURCE = Path(bydawn.__file__).parents[1]
SECTOR = 512
REMEDY = "strace is needed, and leave to use it: apt-get install strace"
_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_CALLS = "openat,close,pwrite64,write,ftruncate,fsync,fdatasync"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to a file, or one acknowledgement (``file`` is empty)."""

    file: str
    kind: str
    offset: int = 0
    data: bytes = b""
    acknowledged: int = 0


def can_trace() -> bool:
    tried = ("strace", "-o", "/dev/null", "true")
    return bool(shutil.which("strace")) and subprocess.run(tried, check=False).returncode == 0


def recorded(folder: Path, synchronous: str = "") -> list[Step]:
    """Play the night of ``acknowledging`` and write down what it did to its store."""
    trace = folder / "trace"
    source = os.pathsep.join((str(SOURCE), str(TESTS / "runner")))
    command = ("strace", "-xx", "-s", "100000", "-e", f"trace={_CALLS}", "-o", str(trace),
               sys.executable, str(TESTS / "crash" / "acknowledging.py"), str(folder),
               synchronous)  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with trace.open() as lines:
        return list(_Reader(str(folder)).steps(lines))


class _Reader:
    """From strace's lines to steps; knows which descriptor is which file."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[int, str] = {}

    def steps(self, lines: Iterable[str]) -> Iterator[Step]:
        for line in lines:
            found = _CALL.match(line)
            if found and int(found[3]) >= 0:
                step = self._step(found[1], found[2], int(found[3]))
                if step is not None:
                    yield step

    def _step(self, call: str, words: str, result: int) -> Step | None:
        text = _TEXT.search(words)
        data = bytes.fromhex(text[1].replace("\\x", "")) if text else b""
        if call == "openat":
            self._opened(data.decode(errors="replace"), result)
            return None
        descriptor = int(words.partition(",")[0])
        if call == "write" and descriptor == 1 and data.startswith(b"ack "):
            return Step("", "ack", acknowledged=int(data.split()[1]))
        file = self._files.get(descriptor)
        if call == "close":
            self._files.pop(descriptor, None)
        if file is None or call == "close":
            return None
        if call == "pwrite64":
            return Step(file, "write", int(words.rpartition(",")[2]), data)
        if call == "ftruncate":
            return Step(file, "cut", int(words.rpartition(",")[2]))
        return Step(file, "flush") if call in ("fsync", "fdatasync") else None

    def _opened(self, path: str, descriptor: int) -> None:
        name = path.rpartition("/")[2]
        if path.startswith(self._folder) and name.startswith("store.db"):
            self._files[descriptor] = name
        else:
            self._files.pop(descriptor, None)


@dataclass
class File:
    """One file, as it is on the disk for sure, and what may be there besides."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Step] = field(default_factory=list)

    def flush(self) -> None:
        for step in self.pending:
            _apply(self.durable, step.offset, step)
        self.pending.clear()

    def left(self, chance: random.Random) -> bytes:
        """What the disk holds of it now."""
        found = bytearray(self.durable)
        share = chance.choice((0.0, 0.3, 0.7, 1.0))
        for step in self.pending:
            if chance.random() < share:
                _apply(found, step.offset, step)
            elif step.kind == "write" and chance.random() < 0.3:
                _tear(found, step, chance)
        return bytes(found)


def _apply(content: bytearray, offset: int, step: Step) -> None:
    if step.kind == "cut":
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(step.data)] = step.data


def _tear(content: bytearray, step: Step, chance: random.Random) -> None:
    for start in range(0, len(step.data), SECTOR):
        if chance.random() < 0.5:
            piece = Step(step.file, "write", 0, step.data[start : start + SECTOR])
            _apply(content, step.offset + start, piece)


def image(steps: list[Step], until: int, chance: random.Random, folder: Path) -> int:
    """Leave in ``folder`` what a power loss after so many steps leaves; what was acknowledged."""
    files: dict[str, File] = {}
    acknowledged = 0
    for step in steps[:until]:
        if step.kind == "ack":
            acknowledged = step.acknowledged
            continue
        file = files.setdefault(step.file, File())
        if step.kind == "flush":
            file.flush()
        else:
            file.pending.append(step)
    for name, file in files.items():
        (folder / name).write_bytes(file.left(chance))
    return acknowledged
