"""The composition root: the only place that puts everything together.

Faces (cli, web, the Python names) come in through ``open_app`` and the methods of App.
"""

from __future__ import annotations

from bydawn.app.app import App, open_app
from bydawn.app.values import (
    AdhocWanted,
    Checked,
    CheckRow,
    Face,
    Invocation,
    Ran,
    RunWanted,
    Silent,
)

__all__ = [
    "AdhocWanted",
    "App",
    "CheckRow",
    "Checked",
    "Face",
    "Invocation",
    "Ran",
    "RunWanted",
    "Silent",
    "open_app",
]
