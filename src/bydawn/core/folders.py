"""Where a person's own settings lie. Nothing is looked at."""

from __future__ import annotations

from collections.abc import Mapping


def user_folder(environment: Mapping[str, str]) -> str | None:
    """The folder of the user's own settings; None where there is no home."""
    home = environment.get("HOME")
    base = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else None)
    return f"{base}/bydawn" if base else None
