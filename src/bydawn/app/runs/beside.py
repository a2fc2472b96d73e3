"""Processes of our own beside a run: what goes on without it, and what tells people of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from bydawn.app.names import METRICS_FILE, SENDER, TRACES
from bydawn.app.place import STORE, Place
from bydawn.processes.detached import start_detached
from bydawn.processes.presence import is_gone
from bydawn.store.store import Store

_YES = frozenset({"true", "1", "yes", "on"})


def ensure_sender(place: Place, store: Store, batches: frozenset[int]) -> None:
    """Make sure one is alive where a batch wants people to be told."""
    asked = wants_traces(os.environ) or METRICS_FILE in os.environ
    wanted = asked or any(store.batch(number).terms.notify for number in batches)
    if not wanted or not is_gone(place.state_folder, SENDER):
        return
    start_own(place, SENDER)


def start_own(place: Place, verb: str) -> None:
    """Start a process of ours at this place; its words go into a file of its name."""
    # In the environment and not in the arguments, which every user of the machine can read.
    environment = {**os.environ, STORE: place.server_url or place.url}
    folder = place.state_folder
    argv = (sys.executable, "-m", "bydawn", verb)
    start_detached(argv, folder.parent, folder / f"{verb}.log", environment)


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Whether the nights of this environment are to be traced by themselves."""
    return says_yes(environment, TRACES)


def says_yes(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in _YES
