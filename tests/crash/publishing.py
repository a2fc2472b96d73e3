"""Publishes one version after another and says on standard output which of them is acknowledged."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bydawn.core.fencing import Claim
from bydawn.gates.files import FileGate
from bydawn.gates.folders import FolderGate
from bydawn.gates.gate import Receipt

VERSIONS = 8
KEPT = "public"
KINDS = {"file": FileGate, "folder": FolderGate}


def content(version: int) -> str:
    """Several sectors, so that a torn one shows; each second one finds it there already."""
    return f"version {version // 2}\n" * 150


def claim(version: int, late: bool = False) -> Claim:
    """The claim of a version, or one from just before it."""
    token = 10 * version - late
    return Claim("s_1", "lease:site", token, f"n{token}", effect_key=f"e{token}")


def draft_of(version: int, drafts: Path) -> Path:
    draft = drafts / str(version)
    (draft / "site").mkdir(parents=True)
    (draft / "site" / "page").write_text(content(version))
    return draft


def publish(kind: str, place: Path, draft: Path, claim: Claim, has_history: bool) -> Receipt:
    source = "site/page" if kind == "file" else "site"
    return KINDS[kind](place / "site").publish(draft, source, claim, has_history)


def main(kind: str, folder: str) -> None:
    place, drafts = Path(folder, KEPT), Path(folder, "drafts")
    for version in range(1, VERSIONS + 1):
        draft = draft_of(version, drafts)
        publish(kind, place, draft, claim(version), version > 1)
        os.write(1, f"ack {version}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
