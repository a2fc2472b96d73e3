"""System calls of a real night that fail: built once, struck and lifted from outside."""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

REMEDY = "a C compiler is needed: apt-get install gcc libc6-dev"
SHORT = -1
KINDS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EINTR": errno.EINTR, "short writes": SHORT}
# What a program is to get over by itself, as if nothing had been.
HARMLESS = ("EINTR", "short writes")
PLACES = ("store.db", "/runs/", "/public/")
FOR_EVER = 1 << 40
_SEEN, _FIRST, _LAST, _KIND, _STRUCK, _NUMBERS = range(6)


def built(folder: Path) -> Path:
    """The library that stands before the C library."""
    assert shutil.which("cc"), REMEDY
    made = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    words = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", made, source, "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    return made


@dataclass(frozen=True, slots=True)
class Fault:
    """So many watched calls from the ``first`` one on do not do what they should."""

    kind: str
    place: str
    first: int
    lasts: int

    def __str__(self) -> str:
        length = "for ever" if self.lasts == FOR_EVER else f"{self.lasts} calls long"
        return f"{self.kind} at {self.place} from call {self.first} on, {length}"


class Faults:
    """The page of numbers that all processes share which are started through it."""

    def __init__(self, file: Path, library: Path, place: str) -> None:
        self._file = file
        self._file.write_bytes(bytes(8 * _NUMBERS))
        with self._file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), 8 * _NUMBERS)
        self.through = (
            "env", f"FAULT_PAGE={file}", f"FAULT_PLACE={place}", f"LD_PRELOAD={library}",
        )  # fmt: skip

    def begin(self) -> None:
        """Count from nothing again, and let everything be well."""
        self._page[:] = bytes(8 * _NUMBERS)

    def strike(self, fault: Fault) -> None:
        numbers = {_FIRST: fault.first, _LAST: fault.first + fault.lasts, _KIND: KINDS[fault.kind]}
        for place, number in numbers.items():
            struct.pack_into("@q", self._page, 8 * place, number)

    def lift(self) -> None:
        """From now on all is well."""
        struct.pack_into("@q", self._page, 8 * _KIND, 0)

    @property
    def seen(self) -> int:
        return self._number(_SEEN)

    @property
    def struck(self) -> int:
        return self._number(_STRUCK)

    def close(self) -> None:
        self._page.close()

    def _number(self, place: int) -> int:
        return int(struct.unpack_from("@q", self._page, 8 * place)[0])
