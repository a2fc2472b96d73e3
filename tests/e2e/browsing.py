"""A real Chromium. None is a mistake to mend, never a reason to skip."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    Browsing: TypeAlias = Browser
else:
    Browsing: TypeAlias = object

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REMEDY = (
    "install one (apt install chromium, brew install --cask chromium), name one in"
    " BYDAWN_CHROMIUM, or `playwright install chromium`"
)


@contextlib.contextmanager
def browsing() -> Iterator[Browsing]:
    """One browser, ended with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = chromium() or playwright.chromium.executable_path
        if not os.access(path, os.X_OK):
            raise RuntimeError(f"there is no Chromium on this machine: {REMEDY}")
        # Chromium keeps its own sandbox only for ordinary users; only our own pages are opened.
        without = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=path, args=[*without, "--disable-dev-shm-usage", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


def chromium() -> str | None:
    """The machine's own browser, by name or as asked for."""
    return os.environ.get("BYDAWN_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
