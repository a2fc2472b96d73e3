"""Annotations: at the lines of the plan, and with no way out for what a job says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from reference import reference_night
from scene import SERVICE_TROUBLE, Scene, ok, scripted

from bydawn.cli.entry import main
from bydawn.core.errors import Complaint
from bydawn.plan import job_lines
from bydawn.watch.annotations import MOST, Places, annotation_lines, complaint_annotations
from bydawn.watch.morning import gather_morning
from bydawn.watch.sanitise import without_commands

GONE = {"takes_ms": 1, "ends": "exit 3"}
PLAN = """
schema = 1
name = "ci"

[[job]]
id = "good"
shell = "true"

[[job]]
id = "bad"
shell = "echo '::stop-commands::x'; echo 'at 100%, ##[add-mask]a: b'; exit 100"

[[job]]
id = "after"
after = ["bad"]
shell = "true"
"""


def told(scene: Scene, batch: object, places: Places = Places()) -> list[str]:  # noqa: B008
    return annotation_lines(gather_morning(scene.reading(), scene.fresh(batch)), places)  # type: ignore[arg-type]


def obeyed(line: str) -> tuple[str, dict[str, str], str] | None:
    """What a runner makes of a line of a log: the command, its properties, its message."""
    line = line.lstrip()
    head, found, said = line[2:].partition("::")
    if not line.startswith("::") or not found:
        older = re.search(r"##\[(\S+?)[ \]]", line)
        return (older[1], {}, "") if older else None
    command, _, properties = head.partition(" ")
    pairs = [one.split("=", 1) for one in properties.strip().split(",") if one]
    return command, {name: plain(value) for name, value in pairs}, plain(said)


def plain(text: str) -> str:
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(escape, character)
    return text.replace("%25", "%")


def test_the_reference_night(scene: Scene) -> None:
    batch = reference_night(scene, earlier=8)
    places = Places("plans/nightly.toml", {"article-b": 7, "article-c": 12, "seo-review": 30})
    found = [obeyed(line) for line in told(scene, batch, places)]
    said = {properties["title"].split("/")[1]: (level, properties.get("line"), message)
            for level, properties, message in filter(None, found)}  # fmt: skip
    assert {name: level for name, (level, _, _) in said.items()} == {
        "seo-review": "error", "link-audit-b": "error", "embed-refresh": "warning",
        "article-b": "warning", "article-c": "warning",
    }  # fmt: skip
    assert said["seo-review"][1] == "30"
    assert said["link-audit-b"][1] is None
    assert said["article-c"][2].startswith("1.21M tokens, 3.0 times its usual ")
    assert said["article-b"][2].startswith("1 try lost (503: ")
    errors = [one for one in found if one and one[0] == "error"]
    address = f"{batch.address}/embed-refresh"
    why = f"failed: its budget was spent, so it was ended, at $0.31\nbydawn logs {address}"
    assert ("error", {"file": "plans/nightly.toml", "title": address}, why) in errors


def test_a_good_night_says_nothing(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()))
    scene.drive(batch)
    assert told(scene, batch) == []


def test_what_was_never_done_is_told_with_its_reason(scene: Scene) -> None:
    late = scene.clock.utc_ms() + 1_000
    batch = scene.submit(scripted("one", ok(60_000)), deadline_at=late)
    scene.clock.wind(1_000)
    (line,) = told(scene, batch, Places("n.toml"))
    assert obeyed(line) == (
        "error", {"file": "n.toml", "title": "nightly@2026-11-19"},
        "nightly@2026-11-19: 0 of 1 succeeded\n1 waiting: the deadline came first (one)",
    )  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["a\n::error ::x", "a\r\n::stop-commands::x", "a::b", "a,line=1", "a%0Ab", "##[add-path]/x",
     "::", "%", "a\u2028::error::b", "\x1b[2J"],
)  # fmt: skip
def test_nothing_breaks_out_of_a_name(name: str, scene: Scene) -> None:
    spec = scripted("work", GONE, permanent_exit=(3,))
    batch = scene.submit(spec, names=[("work", name)])
    scene.drive(batch)
    (line,) = told(scene, batch, Places("a,b:c%.toml", {"work": 3}))
    assert line.isprintable()
    assert "##[" not in line
    command = obeyed(line)
    assert command is not None
    level, properties, _ = command
    assert (level, properties["file"]) == ("error", "a,b:c%.toml")
    assert set(properties) <= {"file", "line", "title"}


def test_more_than_are_shown_are_counted(scene: Scene) -> None:
    names = [("work", f"work/{n}") for n in range(25)]
    spec = scripted("work", GONE, permanent_exit=(3,))
    bad = scene.submit(spec, names=names, breaker=0, parallel=25)
    scene.drive(bad)
    lines = told(scene, bad, Places("n.toml", {"work": 3}))
    assert len(lines) == MOST
    assert all(",line=3," in line for line in lines[:-1])
    assert lines[-1] == (
        "::error file=n.toml,title=nightly@2026-11-19::and 16 more%0A"
        "bydawn report nightly@2026-11-19"
    )
    slow = scene.submit(scripted("work", SERVICE_TROUBLE, ok()), plan="other", names=names,
                        breaker=0, parallel=25)  # fmt: skip
    scene.drive(slow)
    warnings = told(scene, slow)
    assert "::warning title=other@2026-11-19::and 3 more" in warnings[-1]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("a\n ::error::b", "a\n \\u003a:error::b"),
        ("::x::", "\\u003a:x::"),
        ("16:05:34 a::b", "16:05:34 a::b"),
        ("a ##[error]b", "a \\u0023#[error]b"),
        ("## [a](b) # c", "## [a](b) # c"),
    ],
)
def test_what_is_obeyed_elsewhere_is_spelled_out(text: str, harmless: str) -> None:
    assert without_commands(text) == harmless
    assert [obeyed(line) for line in harmless.split("\n")] == [None] * len(harmless.split("\n"))
    assert json.loads(without_commands(json.dumps({"said": text}))) == {"said": text}


def test_the_lines_of_a_plan(tmp_path: Path) -> None:
    plan = tmp_path / "p.toml"
    plan.write_text('name = "p"\n\n[[job]]\nshell = "x"\nid = "a"\n[[job]]\nid = "b"\n')
    assert job_lines(plan) == {"a": 5, "b": 7}
    for text in ("job = 3", 'job = [{id = "x"}, 4]', "not = toml ="):
        plan.write_text(text)
        assert job_lines(plan) == ({"x": 1} if "id" in text else {})
    assert job_lines(tmp_path / "gone.toml") == {}


def test_a_complaint_about_no_file_has_none() -> None:
    flag = Complaint("--only", None, "", 'nothing is "x"', "see, above")
    assert complaint_annotations([flag], lambda _: "") == ['::error ::nothing is "x" (see, above)']


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plan in a folder of a checkout, and the step at work in that folder."""
    folder = tmp_path / "nights"
    folder.mkdir()
    (folder / "ci.toml").write_text(PLAN)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return folder


@pytest.mark.usefixtures("checkout")
def test_a_run_is_annotated_and_a_job_commands_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ci.toml", "--annotate", "--progress", "plain", "--json"]) == 1
    said = capsys.readouterr()
    commands = [found for line in said.err.splitlines() if (found := obeyed(line))]
    assert [(level, one.get("line"), one["title"]) for level, one, _ in commands] == [
        ("error", None, "ci"), ("error", "10", "ci/bad"),
    ]  # fmt: skip
    assert {one["file"] for _, one, _ in commands} == {"nights/ci.toml"}
    assert "at 100%, " in commands[1][2]
    assert obeyed(said.out) is None
    failed = json.loads(said.out)["jobs"][1]
    assert "##[add-mask]a: b" in failed["error"]["message"]
    assert main(["logs", "ci/bad"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 2
    assert [obeyed(line) for line in printed] == [None, None]
    assert main(["report", "--format", "github"]) == 0
    assert [obeyed(line) for line in capsys.readouterr().out.splitlines()] == commands


def test_a_wrong_plan_is_annotated_at_its_lines(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "ci.toml").write_text(PLAN.replace('shell = "true"', 'shel = "true"', 1))
    for more in ([], ["--dry-run"]):
        assert main(["run", "ci.toml", "--annotate", *more]) == 3
        first, *_ = capsys.readouterr().err.splitlines()
        assert obeyed(first) == (
            "error", {"file": "nights/ci.toml", "line": "7", "title": "job[0].shel"},
            'unknown key (did you mean "shell"?)',
        )  # fmt: skip


@pytest.mark.parametrize("words", [["ci.toml", "--detach"], ["ci.toml", "--stay"], ["--", "true"]])
def test_what_cannot_be_annotated_is_refused(
    words: list[str], checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--annotate", *words]) == 2
    assert "--annotate" in capsys.readouterr().err
    assert not (checkout / ".bydawn").exists()


def test_without_a_checkout_a_plan_is_named_as_it_is_found(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ci.toml", "--progress", "none"]) == 1
    monkeypatch.delenv("GITHUB_WORKSPACE")
    for here, name in ((checkout, "ci.toml"), (Path(sys.prefix), str(checkout / "ci.toml"))):
        monkeypatch.chdir(here)
        capsys.readouterr()
        assert main(["-C", str(checkout), "report", "--format", "github"]) == 0
        assert f"::error file={name}," in capsys.readouterr().out
