"""The pictures in the pages are what a night looks like now."""

from __future__ import annotations

from pathlib import Path

from capturing import CAPTURES, captures

ROOT = Path(__file__).parents[2]
_REPORT_LINES = 20


def test_the_pictures_are_fresh(tmp_path: Path) -> None:
    made = captures(tmp_path)
    assert "ends about" in made["live.txt"]
    assert "UNUSUAL" in made["report.txt"]
    kept = {path.name: path.read_text("utf-8") for path in CAPTURES.iterdir()}
    assert kept == made, "run `make docs`"


def test_the_readme_shows_them() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    live = (CAPTURES / "live.txt").read_text("utf-8")
    report = (CAPTURES / "report.txt").read_text("utf-8").splitlines()
    assert f"```text\n{live}```" in readme
    top = "\n".join(report[:_REPORT_LINES])
    assert f"```text\n{top}\n…\n```" in readme
