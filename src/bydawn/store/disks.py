"""On what kind of disk a folder lies, and why not on a network's."""

from __future__ import annotations

import os
from pathlib import Path

from bydawn.core.errors import StoreRefused

_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smbfs", "smb3", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs",
        "ncpfs",
    }
)  # fmt: skip


def refuse_network_disk(path: Path) -> None:
    """SQLite's locks cannot be trusted there."""
    kind = filesystem_of(path.parent)
    if kind in _NETWORK:
        raise StoreRefused(
            f"{path}: lies on a network disk ({kind}), where SQLite's locks cannot be trusted",
            "use a local folder, or a postgresql:// store when machines share the work",
        )


def filesystem_of(folder: Path, table: Path = Path("/proc/mounts")) -> str:
    """The kind of file system a folder lies on; empty where the platform does not tell."""
    try:
        lines = table.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    real = os.path.realpath(folder)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
