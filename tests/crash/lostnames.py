"""What is on the disk when the power goes, names included: from a recording of all that was done to
the files and folders below one folder.

Of the changes to the names in one folder (made, moved, linked, removed) some first part survives,
and all that came before a flush of that folder; no folder waits for another, but what moved from
one to the other has moved in both. What a file holds survives as in ``powerloss``, whatever name it
has by then.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from powerloss import SOURCE, TESTS, File, Step

_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)", re.DOTALL)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_NAMES = "openat,mkdir,rename,symlink,link,unlink,unlinkat,rmdir"
_CONTENT = "close,write,pwrite64,ftruncate,fsync,fdatasync"
_Names = dict[str, int | str]


def traced(folder: Path, program: str, *words: str) -> list[str]:
    """Run one of our programs; every call that changes a file or a name, as strace tells it."""
    trace = folder.with_name(f"{folder.name}.trace")
    path = os.pathsep.join((str(SOURCE), str(TESTS / "crash")))
    command = ("strace", "-xx", "-s", "100000", "-e", f"trace={_NAMES},{_CONTENT}", "-o",
               str(trace), sys.executable, str(TESTS / "crash" / program), *words,
               str(folder))  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return trace.read_text().splitlines()


@dataclass
class Disk:
    """The files below ``root`` as they are, and as the power loss of this moment leaves those in
    ``kept``, a folder of it that was there before."""

    root: str
    kept: str
    acknowledged: int = 0
    files: dict[int, File] = field(default_factory=dict)
    now: _Names = field(init=False)
    _durable: _Names = field(init=False)
    _pending: list[tuple[set[str], Callable[[_Names], None]]] = field(default_factory=list)
    _open: dict[int, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now, self._durable = {self.kept: _FOLDER}, {self.kept: _FOLDER}

    def play(self, lines: Iterable[str]) -> Iterator[None]:
        """One call after another; yields after each that changed anything."""
        for line in lines:
            found = _CALL.match(line)
            if found and int(found[3]) >= 0 and self._called(found[1], found[2], int(found[3])):
                yield

    def image(self, chance: random.Random, place: Path) -> None:
        """Leave below ``place`` what a power loss now leaves."""
        names, broken = dict(self._durable), set[str]()
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        for folders, change in self._pending:
            if broken.isdisjoint(folders) and chance.random() < share:
                change(names)
            else:
                broken.update(folders)
        for name in sorted(name for name in names if name.startswith(self.kept)):
            target, what = place / name, names[name]
            if not target.parent.is_dir():
                continue  # its folder is lost
            if isinstance(what, str):
                target.symlink_to(what)
            elif what == _FOLDER:
                target.mkdir()
            else:
                target.write_bytes(self.files[what].left(chance))

    def _called(self, call: str, words: str, result: int) -> bool:
        texts = [_plain(one) for one in _TEXT.findall(words)]
        if call == "openat":
            return self._opened(self._path(words, texts[0]), words, result)
        if call in ("mkdir", "rename", "symlink", "link", "unlink", "unlinkat", "rmdir"):
            return self._renamed(call, words, texts)
        descriptor = int(words.partition(",")[0])
        if call == "write" and descriptor == 1 and texts[0].startswith("ack "):
            self.acknowledged = int(texts[0].split()[1])
            return True
        return self._written(call, words, descriptor, result)

    def _path(self, words: str, name: str) -> str:
        """Below the root, or empty where it is elsewhere."""
        start = words.partition(",")[0]
        if not name.startswith("/") and start.isdigit() and int(start) in self._open:
            name = f"{self.root}/{self._open[int(start)][0]}/{name}"
        return os.path.normpath(name)[len(self.root) + 1 :] if name.startswith(self.root) else ""

    def _opened(self, path: str, words: str, descriptor: int) -> bool:
        self._open.pop(descriptor, None)
        if not path:
            return False
        self._open[descriptor] = (path, 0)
        if path in self.now or "O_CREAT" not in words:
            if "O_TRUNC" in words and isinstance(self.now.get(path), int):
                self._file(path).pending.append(Step("", "cut"))
            return "O_TRUNC" in words
        number = len(self.files) + 1
        self.files[number] = File()
        self._change((path,), lambda names: names.update({path: number}))
        return True

    def _renamed(self, call: str, words: str, texts: list[str]) -> bool:
        paths = [self._path(words, text) for text in texts]
        if not paths[-1]:
            return False
        old, new = paths[0], paths[-1]
        what = {"mkdir": _FOLDER, "symlink": texts[0]}.get(call)
        what = self.now.get(old, _FOLDER) if what is None else what

        def change(names: _Names) -> None:
            if call in ("rename", "unlink", "unlinkat", "rmdir"):
                names.pop(old, None)
            if call in ("mkdir", "rename", "symlink", "link"):
                names[new] = what

        self._change((old, new), change)
        return True

    def _change(self, paths: tuple[str, ...], change: Callable[[_Names], None]) -> None:
        self._pending.append(({os.path.dirname(path) for path in paths}, change))
        change(self.now)

    def _written(self, call: str, words: str, descriptor: int, result: int) -> bool:
        path, offset = self._open.get(descriptor, ("", 0))
        if call == "close":
            self._open.pop(descriptor, None)
        if not path or call == "close":
            return False
        if call in ("fsync", "fdatasync"):
            self._flushed(path)
        elif call == "ftruncate":
            self._file(path).pending.append(Step("", "cut", int(words.rpartition(",")[2])))
        else:
            data = bytes.fromhex("".join(_TEXT.findall(words)).replace("\\x", ""))[:result]
            at = int(words.rpartition(",")[2]) if call == "pwrite64" else offset
            self._file(path).pending.append(Step("", "write", at, data))
            self._open[descriptor] = (path, offset + result * (call == "write"))
        return True

    def _file(self, path: str) -> File:
        number = self.now[path]
        assert isinstance(number, int)
        return self.files[number]

    def _flushed(self, path: str) -> None:
        if isinstance(self.now.get(path), int) and self.now[path] != _FOLDER:
            self._file(path).flush()
            return
        folders, left = {path}, []
        kept: list[Callable[[_Names], None]] = []
        for touched, change in reversed(self._pending):
            if folders.isdisjoint(touched):
                left.append((touched, change))
            else:
                folders |= touched
                kept.append(change)
        for change in reversed(kept):
            change(self._durable)
        self._pending = left[::-1]


_FOLDER = 0


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode(errors="replace")
