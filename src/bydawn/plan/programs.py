"""A script of the plan's own that is not there is told before the night begins."""

from __future__ import annotations

import re
from pathlib import Path

from bydawn.plan.check import Entry
from bydawn.plan.complaints import Complaints

_OWN = re.compile(r"\{\{\s*plan\.dir\s*\}\}/([^{}\0]+)")
# The program itself, and what an interpreter is given first; all after them may be made later.
_LOOKED_AT = 2


def check_program(entry: Entry, folder: Path, warnings: Complaints) -> None:
    """A warning: a job before this one, or a person, may yet put it there."""
    words = entry.table.argv or ()
    for number, word in enumerate(words[:_LOOKED_AT]):
        own = _OWN.fullmatch(word)
        if own and not entry.table.after and not (folder / own[1]).exists():
            remedy = "it has to be there when the job starts"
            warnings.add(entry.where("argv", number), f"{word}: there is no such file", remedy)
