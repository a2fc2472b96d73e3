"""HTML and SVG made of elements: plain text is made harmless on its way in, always."""

from __future__ import annotations

from html import escape

from bydawn.watch.sanitise import inert

_EMPTY = frozenset({"meta", "link", "input", "rect", "line", "path", "br"})
_OF_HTML = frozenset({"meta", "link", "input", "br"})


class Markup(str):
    """Text that is markup already, because it came from here."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Markup:
    """One element. Text among the children is escaped; ``class_`` is ``class``, ``_`` is ``-``."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{told}>" if name in _OF_HTML else f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Several things, one after another."""
    return Markup("".join(c if isinstance(c, Markup) else escaped(c) for c in children))


def escaped(text: str) -> str:
    return escape(inert(text))
