"""Items from a program, kept in a file: read once, however many there are, and never held."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bydawn.core.errors import Complaint, PlanInvalid

_MOST = 20

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Spool:
    """A folder of its own for the items of one batch; gone with the object."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self.files: dict[str, Path] = {}

    def keep(self, name: str, items: Iterable[Any]) -> None:
        """Write the items down under a name; PlanInvalid when some are no JSON objects."""
        path = self._place() / f"{len(self.files)}.jsonl"
        wrong: list[Complaint] = []
        with path.open("w", encoding="utf-8") as file:
            for number, item in enumerate(items, 1):
                try:
                    file.write(_line(item))
                except (TypeError, ValueError, RecursionError) as error:
                    wrong.append(Complaint(name, number, "", str(error)))
                    if len(wrong) >= _MOST:
                        break
        if wrong:
            path.unlink()
            raise PlanInvalid(tuple(wrong))
        self.files[name] = path

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="bydawn-items-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def _line(item: Any) -> str:
    if not isinstance(item, Mapping):
        raise TypeError(f"an item must be a dict, not {type(item).__name__}")
    text = _encode(dict(item))
    text.encode()
    return text + "\n"
