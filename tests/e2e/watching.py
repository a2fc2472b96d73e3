"""A page of the browser, and everything it complained about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from browsing import Browsing

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 60_000


@dataclass
class Watched:
    """A tab, and what its console and its policy said."""

    tab: Page
    said: list[str] = field(default_factory=list)

    def shows(self, selector: str, text: str) -> None:
        """Wait until an element holds these words."""
        self.tab.locator(selector, has_text=text).first.wait_for(timeout=PATIENCE_MS)

    def press(self, name: str) -> None:
        self.tab.get_by_role("button", name=name).click()


@contextlib.contextmanager
def watched(chromium: Browsing, *may_say: str, **how: Any) -> Iterator[Watched]:
    """A fresh tab. What it complains of fails the test, but for what it ``may_say``."""
    context = chromium.new_context(**how)
    context.set_default_timeout(PATIENCE_MS)
    page = Watched(context.new_page())
    page.tab.on("console", lambda one: page.said.append(f"{one.type}: {one.text}"))
    page.tab.on("pageerror", lambda error: page.said.append(f"error: {error}"))
    try:
        yield page
    finally:
        context.close()
    unasked = [one for one in page.said if not any(word in one for word in may_say)]
    assert unasked == []
