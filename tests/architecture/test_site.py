"""The site of the documents: every link of every page leads somewhere, before it is written."""

from __future__ import annotations

import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from source import ROOT

MAKE = runpy.run_path(str(ROOT / "docs" / "site" / "make.py"))


class Seen(HTMLParser):
    """What a browser finds in a page: where it leads, its anchors, its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.leads.append(value)
            if name == "id" and value:
                self.anchors.add(value)


def seen(path: Path) -> Seen:
    found = Seen()
    found.feed(path.read_text("utf-8"))
    return found


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """The folder of documents of a repository that has a front page and nothing else."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# It\n[the way in](docs/index.md)\n")
    (tmp_path / "docs/index.md").write_text("# In\n")
    return tmp_path / "docs"


def built(docs: Path) -> Any:
    return MAKE["build"](docs.parent, docs.parent / "site")


def test_the_site_holds_together(tmp_path: Path) -> None:
    """Read again from outside, as a browser would."""
    count = MAKE["build"](ROOT, tmp_path / "site")
    pages = {path: seen(path) for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) == count > 40
    broken = []
    for path, page in pages.items():
        assert not {"script", "iframe", "style"} & page.elements
        for lead in page.leads:
            name, _, anchor = lead.partition("#")
            if ":" in name:
                continue
            target = (path.parent / name).resolve() if name else path
            is_there = target.is_file() and (not anchor or anchor in pages[target].anchors)
            broken += [] if is_there else [f"{path} -> {lead}"]
    assert broken == []
    assert (tmp_path / "site/docs/screens/tonight.png").exists()


def test_all_that_is_broken_is_told_at_once(docs: Path) -> None:
    (docs / "index.md").write_text(
        "# A `b`, c\n```\n# no heading\n[no](link)\n```\n## A\n## A\n"
        "[1](#a-b-c) [2](index.md#a-1) [3](#no-heading) [4](gone.md) [5](index.md#a-2)"
        " [6](https://example.org/#x) ![7](gone.png) [8](../../etc/passwd) [9](../README.md#it)\n"
    )
    with pytest.raises(MAKE["Broken"]) as raised:
        built(docs)
    said = [line.partition(" -> ")[2] for line in str(raised.value).splitlines()]
    assert said == ["#no-heading", "gone.md", "index.md#a-2", "gone.png", "../../etc/passwd"]
    assert not (docs.parent / "site").exists()


def test_a_broken_site_is_left_as_it_was_and_the_command_says_so(
    docs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = docs.parent / "site"
    monkeypatch.setitem(MAKE["main"].__globals__, "ROOT", docs.parent)
    assert MAKE["main"]([str(site)]) == 0
    assert capsys.readouterr().out == f"2 pages: {site / 'index.html'}\n"
    (docs / "index.md").write_text("# In\n[x](x.md)\n")
    assert MAKE["main"]([str(site)]) == 1
    assert capsys.readouterr().err == "docs/index.md -> x.md\n"
    assert "x.md" not in (site / "docs/index.html").read_text()


def test_a_folder_without_a_page_gets_a_list(docs: Path) -> None:
    (docs / "index.md").write_text("# In\n[all](why)\n[a file](notes.txt)\n")
    (docs / "why").mkdir()
    (docs / "why/2.md").write_text("# Second *thought*\n")
    (docs / "notes.txt").write_text("as it is\n")
    assert built(docs) == 4
    site = docs.parent / "site/docs"
    assert seen(site / "index.html").leads[-2:] == ["why/index.html", "notes.txt"]
    assert seen(site / "why/index.html").leads[-1] == "2.html"
    assert (site / "notes.txt").read_text() == "as it is\n"


def test_what_is_written_as_html_is_shown_and_not_obeyed(docs: Path) -> None:
    (docs / "index.md").write_text(
        "# In <b>\n<script>alert(1)</script>\n\n```none\n<i>\n```\n[x](javascript:alert%281%29)\n"
    )
    built(docs)
    page = seen(docs.parent / "site/docs/index.html")
    assert not {"script", "b", "i"} & page.elements
    assert not [lead for lead in page.leads if lead.startswith("javascript")]
