"""Make a static site of the documents: ``make site``.

Every page lies where its file lies in the repository, so links between them need only another
suffix. A link that leads nowhere, to a page or to a heading, fails the build with all others.
"""

from __future__ import annotations

import argparse
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
_MARKED = re.compile(r"<!--.*?-->", re.DOTALL)
_COLOURED = HtmlFormatter(nowrap=True)


class Broken(Exception):
    """Links that lead nowhere, each with its page."""


@dataclass(slots=True)
class Page:
    """One document: where it lies, what it is called, its tokens, and its headings by anchor."""

    path: str
    tokens: list[Token]
    title: str = ""
    headings: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def target(self) -> str:
        return _page_of(self.path)


def main(arguments: Sequence[str]) -> int:
    """Write the site; 1 with every broken link on stderr."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    folder: Path = asked.parse_args(arguments).folder
    try:
        count = build(ROOT, folder)
    except Broken as broken:
        sys.stderr.write(f"{broken}\n")
        return 1
    sys.stdout.write(f"{count} pages: {folder / 'index.html'}\n")
    return 0


def build(root: Path, folder: Path) -> int:
    """The whole site of a repository, in a folder that is made anew; how many pages it has."""
    pages = {page.path: page for page in _read(root)}
    links = Links(root, pages)
    for page in pages.values():
        links.turn(page)
    if links.broken:
        raise Broken("\n".join(links.broken))
    if folder.exists():
        shutil.rmtree(folder)
    _write(pages, folder)
    _copy(root, folder, links.files)
    return len(pages)


def _read(root: Path) -> Iterator[Page]:
    names = [name for name in TOP if (root / name).is_file()]
    found = [path.relative_to(root).as_posix() for path in sorted((root / "docs").rglob("*.md"))]
    for name in [*names, *found]:
        text = _MARKED.sub("", (root / name).read_text("utf-8"))
        yield read_page(name, text)
    for name in sorted({posixpath.dirname(one) for one in found} - {"docs"}):
        if f"{name}/index.md" not in found:
            yield read_page(f"{name}/index.md", _listing(root, name))


def _listing(root: Path, name: str) -> str:
    """A page for a folder that has none of its own."""
    heads = {path.name: path.read_text("utf-8").splitlines()[0] for path in _pages_in(root / name)}
    lines = [f"- [{head.removeprefix('# ')}]({file})" for file, head in heads.items()]
    return "\n".join([f"# {posixpath.basename(name).capitalize()}", "", *lines, ""])


def _pages_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.md"))


def _parser() -> MarkdownIt:
    """What a forge makes of the same text, but for raw HTML: none is taken over."""
    parser = MarkdownIt("commonmark", {"html": False, "highlight": coloured}).enable("table")
    # What is wider than a phone is moved sideways, also by keyboard.
    parser.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return parser


def coloured(code: str, language: str, _attributes: str = "") -> str:
    """The inside of a block of code."""
    try:
        return str(highlight(code, get_lexer_by_name(language), _COLOURED))
    except ClassNotFound:
        return escape(code)


def read_page(path: str, text: str) -> Page:
    """A page with an anchor at each of its headings, as a forge names them."""
    page = Page(path, _parser().parse(text))
    for opening, inside in zip(page.tokens, page.tokens[1:], strict=False):
        if opening.type == "heading_open":
            said = _plain(inside)
            anchor = _anchor(said, page.headings)
            page.headings[anchor] = said
            opening.attrSet("id", anchor)
            page.title = page.title or said
            page.parts += [(anchor, said)] if opening.tag == "h2" else []
    return page


def _plain(inside: Token) -> str:
    return "".join(one.content for one in inside.children or ())


def _anchor(said: str, taken: Mapping[str, str]) -> str:
    name = re.sub(r"[^\w\- ]", "", said.lower()).strip().replace(" ", "-")
    number, anchor = 0, name
    while anchor in taken:
        number += 1
        anchor = f"{name}-{number}"
    return anchor


class Links:
    """Turns the links of pages, and remembers what they need and what leads nowhere."""

    def __init__(self, root: Path, pages: Mapping[str, Page]) -> None:
        self._root = root
        self._pages = pages
        self.files: set[str] = set()
        self.broken: list[str] = []

    def turn(self, page: Page) -> None:
        for token in _all(page.tokens):
            for name in ("href", "src"):
                written = token.attrs.get(name)
                if isinstance(written, str) and not _ELSEWHERE.match(written):
                    token.attrSet(name, self._turned(page, written))

    def _turned(self, page: Page, written: str) -> str:
        name, _, anchor = written.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), name))
        found = self._found(path) if name else page.path
        if found is None or (anchor and not self._has(found, anchor)):
            self.broken.append(f"{page.path} -> {written}")
            return written
        target = _page_of(found) if found in self._pages else found
        there = posixpath.relpath(target, posixpath.dirname(page.target) or ".") if name else ""
        return f"{there}#{anchor}" if anchor else there

    def _found(self, path: str) -> str | None:
        if f"{path}/index.md" in self._pages:
            return f"{path}/index.md"
        if path in self._pages:
            return path
        if path.startswith("..") or not (self._root / path).is_file():
            return None
        self.files.add(path)
        return path

    def _has(self, path: str, anchor: str) -> bool:
        return path in self._pages and anchor in self._pages[path].headings


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or ())


def _page_of(path: str) -> str:
    return "index.html" if path == "README.md" else f"{path.removesuffix('.md')}.html"


def _write(pages: Mapping[str, Page], folder: Path) -> None:
    loader = FileSystemLoader(HERE)
    around = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    template, parser = around.get_template("page.html"), _parser()
    for page in pages.values():
        body = parser.renderer.render(page.tokens, parser.options, {})
        path = folder / page.target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.render(_told(page, body)), encoding="utf-8")


def _told(page: Page, body: str) -> dict[str, Any]:
    depth = page.target.count("/")
    return {"page": page, "body": Markup(body), "up": "../" * depth}


def _copy(root: Path, folder: Path, files: set[str]) -> None:
    """What pages show and point to, and how it all looks."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    shutil.copyfile(HERE / "site.css", folder / "site.css")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
