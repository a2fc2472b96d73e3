"""Whatever is typed ends in an answer or an explanation; never in a trace, never as a bug."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Scene

from bydawn.cli.entry import main

# What waits or works is left out: it is tried in processes of its own.
VERBS = [
    "check", "rehearse", "run", "status", "report", "show", "logs", "results", "events", "jobs",
    "retry", "resolve", "cancel", "pause", "unpause", "config", "db", "completion", "nonsense",
]  # fmt: skip
WORDS = [
    "--json", "-q", "-v", "--color", "always", "--format", "csv", "json", "html", "--limit", "0",
    "-1", "3", "--state", "failed", "--as", "retry", "--reason", "why", "--reason=", "get", "list",
    "status", "backup", "migrate", "show", "--origin", "bash", "nightly", "nightly@2026-11-19",
    "nightly@", "@", "/", "nightly/", "nightly/article-a", "nightly/*", "j_", "j_0123456789ab", "",
    " ", "\x1b[2J", "\u202e", "日本", "a" * 300, "none.toml", ".", "..", "night.toml", "/dev/null",
    "--store", "sqlite:///", "sqlite:////dev/null", "sqlite:///../../x", "-C", "nowhere", "--after",
    "99999999999999999999", "--set", "x=", "=", "--only", "[", "--date", "2026-02-30", "-j", "1e9",
    "--budget-usd", "nan", "-0", "inf", "--deadline", "25:00", "--faults", "--schema", "--items",
    "--dry-run", "--key", "--timeout", "9999999d", "--raise-cap", "a.b=c", "--help", "--version",
    "--", "-", "---", "--no-such", "-x",
]  # fmt: skip
EXPECTED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 69, 75}


def line(chance: random.Random) -> list[str]:
    before = chance.choices(WORDS, k=chance.randrange(2)) if chance.random() < 0.2 else []
    words = chance.choices(WORDS, k=chance.randrange(6))
    verb = chance.choice(VERBS)
    # A plan that is really run, or a command, is no matter for a random word.
    return [*before, verb, *(["--dry-run"] if verb == "run" else []), *words]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """In a folder that has no neighbours."""
    (tmp_path / "alone").mkdir()
    made = Scene(tmp_path / "alone")
    yield made
    made.store.close()


@pytest.mark.parametrize("seed", range(12))
def test_any_words_end_well(
    seed: int, scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a place above this one is never touched."""
    scene.drive(scene.night())
    monkeypatch.chdir(scene.folder)
    (scene.folder / "night.toml").write_text('schema = 1\nname = "night"\n[[job]]\nid = "a"\n')
    chance = random.Random(seed)
    for _ in range(25):
        argv = line(chance)
        if "run" in argv and "--" in argv:
            continue
        code = main(argv)
        said = capsys.readouterr()
        assert code in EXPECTED, (argv, said.err)
        assert "Traceback" not in said.err, argv
        assert all(one.isprintable() for one in said.err.replace("\t", " ").split("\n")), argv
        assert [one.name for one in scene.folder.parent.iterdir()] == [scene.folder.name], argv
        if code and "--json" in argv:
            assert json.loads(said.err.splitlines()[-1])["exit_code"] == code, argv


def test_the_words_reach_answers_as_well_as_mistakes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.drive(scene.night())
    monkeypatch.chdir(scene.folder)
    chance = random.Random(0)
    codes = {main(argv) for argv in (line(chance) for _ in range(60)) if "--" not in argv}
    assert {0, 2} <= codes


@pytest.mark.parametrize("name", ["", ".", "folder", "binary"])
def test_a_plan_that_is_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "alone"
    (folder / "folder").mkdir(parents=True)
    (folder / "binary").write_bytes(bytes(range(256)))
    monkeypatch.chdir(folder)
    for verb in ("check", "run", "rehearse"):
        assert main([verb, name]) in (2, 3)
        assert "Traceback" not in capsys.readouterr().err
