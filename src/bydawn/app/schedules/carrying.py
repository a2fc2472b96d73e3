"""What of a person's environment is written down for a scheduler, whose own is bare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from bydawn.app.app import App
from bydawn.app.place import STORE
from bydawn.core.errors import UsageError

# What a scheduler's own bare environment lacks and a night needs; none of it is secret.
_CARRIED = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "XDG_CONFIG_HOME", "LANG", "TZ")
_PATHS = ("PATH", "PYTHONPATH")


def carried(app: App) -> Mapping[str, str]:
    """The part of this environment that is written down for the scheduler."""
    environment = app.invocation.environment
    found = {name: environment[name] for name in _CARRIED if environment.get(name)}
    found |= {name: _each_once(found[name]) for name in _PATHS if name in found}
    url = app.invocation.store_url or environment.get(STORE)
    if not url:
        return found
    if urlsplit(url).password:
        raise UsageError(
            "the store's address holds a password, which others could read in a schedule",
            f"put {STORE}=… into the plan's env_file (mode 600), and unset it here",
        )
    return {**found, STORE: url}


def _each_once(folders: str) -> str:
    """A list of folders as it is searched: what comes again is never looked at."""
    return os.pathsep.join(dict.fromkeys(folders.split(os.pathsep)))
