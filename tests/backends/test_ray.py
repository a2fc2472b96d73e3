"""Ray over the fake head: what is sent along, what comes back, what its answers mean."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ordered import around, request, until

from bydawn.backends import parcels
from bydawn.backends.parcels import TooLarge, parcel_of
from bydawn.backends.ray import Ray
from bydawn.core.sightings import (
    Alive,
    Ended,
    FailureClass,
    Found,
    Launched,
    LaunchUnclear,
    Outcome,
    Sighting,
)
from bydawn.processes import aboard
from bydawn.processes.runs import LocalRuns
from bydawn.testing.fakes import FakeRay, FakeServer, Fault
from bydawn.testing.fakes.faults import Kind


class Head:
    """A fake head, and a backend that speaks to it for a plan's folder."""

    def __init__(self, folder: Path) -> None:
        self.plan = folder / "plan"
        self.plan.mkdir()
        self.fake = FakeRay(folder / "head")
        self.server = FakeServer(self.fake).start()
        self.runs = LocalRuns(folder / "state", "r_1")
        environment = {**os.environ, "RAY_API_SERVER_ADDRESS": self.server.url, "TOKEN": "t0ken"}
        self.backend = Ray(around(self.runs, environment))
        self.folder = folder

    def close(self) -> None:
        self.backend.close()
        self.runs.close()
        self.fake.close()
        self.server.close()

    def outcome(self, name: str, payload: dict[str, Any], **more: Any) -> Outcome:
        return self.ended(self.launched(name, payload, **more)).outcome

    def launched(self, name: str, payload: dict[str, Any], **more: Any) -> str:
        one = request(self.folder, name, payload, plan_folder=str(self.plan), **more)
        answer = self.backend.launch(one)
        assert isinstance(answer, Launched), answer
        return answer.handle

    def ended(self, handle: str) -> Ended:
        until(lambda: isinstance(self.backend.poll(handle), Ended))
        ended = self.backend.poll(handle)
        assert isinstance(ended, Ended)
        return ended

    def collected(self, handle: str) -> dict[str, str]:
        place = self.folder / "draft"
        place.mkdir()
        one = request(self.folder, "x", {})
        assert self.backend.collect(one, handle, str(place)) is None
        return {
            str(path.relative_to(place)): path.read_text()
            for path in sorted(place.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    head = Head(tmp_path)
    yield head
    head.close()


def test_the_plans_folder_goes_along_and_the_draft_comes_back(head: Head) -> None:
    (head.plan / "tools").mkdir()
    (head.plan / "tools" / "copy.sh").write_text("mkdir out; cp $1 out/$2; echo said\n")
    (head.plan / "notes.txt").write_text("from the plan")
    plan = str(head.plan)
    argv = ["sh", f"{plan}/tools/copy.sh", f"{plan}/notes.txt", "copy.txt"]
    handle = head.launched("one", {"argv": argv})
    assert head.ended(handle).outcome.failure is None
    assert head.collected(handle) == {"out/copy.txt": "from the plan"}


def test_a_package_is_sent_once(head: Head) -> None:
    (head.plan / "a").write_text("a")
    for name in ("one", "two"):
        head.launched(name, {"argv": ["true"]})
    assert head.server.count("upload") == 1


def test_what_a_run_reports_and_its_exit_code_come_back(head: Head) -> None:
    told = '{"result": {"n": 1}}\n{"usage": {"input_tokens": 9}}\n{"cost_usd": "0.5"}\n'
    shell = f"printf '%s' '{told}' > $BYDAWN_REPORT; exit 3"
    outcome = head.outcome("one", {"shell": shell})
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.exit_code) == ("exit_3", 3)
    assert outcome.result == '{"n": 1}'
    assert (outcome.usage.tokens, outcome.usage.cost_micros) == ({"input_tokens": 9}, 500_000)


def test_exit_100_is_for_good(head: Head) -> None:
    failure = head.outcome("one", {"shell": "exit 100"}).failure
    assert failure is not None
    assert failure.kind is FailureClass.PERMANENT


def test_a_run_finds_what_any_run_finds(head: Head) -> None:
    shell = 'echo "$BYDAWN_LAUNCH_KEY $BYDAWN_JOB $TOKEN $MINE" > "$BYDAWN_DRAFT/seen"'
    handle = head.launched("one", {"shell": shell, "pass_env": ["TOKEN"], "env": {"MINE": "m"}})
    head.ended(handle)
    assert head.collected(handle) == {"seen": "launch-one nightly/audit t0ken m\n"}


def test_its_limit_travels_along(head: Head) -> None:
    """Nobody here looks or cancels: it is ended over there."""
    outcome = head.outcome("one", {"shell": "sleep 60"}, timeout_ms=300)
    assert (outcome.stopped, outcome.exit_code) == ("timeout", 143)


def test_a_submission_that_may_have_worked_is_looked_for(head: Head) -> None:
    one = request(head.folder, "one", {"argv": ["true"]}, plan_folder=str(head.plan))
    head.server.faults.plan([Fault(Kind.DROP)])
    assert isinstance(head.backend.launch(one), LaunchUnclear)
    assert head.backend.find(one) == Found("launch-one")
    assert isinstance(head.backend.launch(one), LaunchUnclear), "the second one is a 500"
    assert head.fake.runs.started() == {"launch-one": 1}


def test_printing_is_its_only_sign_of_progress(head: Head) -> None:
    handle = head.launched("one", {"shell": "echo a; while [ ! -e go ]; do sleep 0.02; done"})
    seen = []

    def has_moved() -> bool:
        look = head.backend.poll(handle)
        assert isinstance(look, Alive)
        seen.append(look.witness)
        return len(set(seen)) > 1 or seen[-1] != "RUNNING 12"

    until(has_moved)
    head.backend.cancel(handle, "enough")
    head.ended(handle)


def test_too_much_output_is_told_and_not_cut(head: Head) -> None:
    shell = "head -c 5000000 /dev/zero > big; echo small > small"
    handle = head.launched("one", {"shell": shell})
    assert head.ended(handle).outcome.failure is None
    failure = head.backend.collect(request(head.folder, "one", {}), handle, str(head.folder))
    assert failure is not None
    assert (failure.kind, "big" in failure.message) == (FailureClass.PERMANENT, True)


def test_a_log_too_large_to_fetch_is_progress_while_it_grows_and_then_for_a_person(
    head: Head,
) -> None:
    """It was no progress at all, so the run was ended as stalled; at its end it was asked for in
    vain until its time limit, and nobody was told."""
    handle = head.launched("one", {"argv": ["sh", "-c", "echo begun; exec sleep 60"]})
    log = head.folder / "head" / "state" / "runs"
    until(lambda: list(log.glob("*/output.log")))
    (log,) = log.glob("*/output.log")
    witnesses = set()
    for size in (17_000_000, 18_000_000):
        log.write_bytes(b"x" * size)
        seen = head.backend.poll(handle)
        assert isinstance(seen, Alive)
        witnesses.add(seen.witness)
    assert len(witnesses) == 2
    head.backend.cancel(handle, "operator")
    seen_last: list[Sighting] = []
    until(lambda: seen_last.append(head.backend.poll(handle)) or asks(seen_last[-1]))
    assert "larger than 16000000 bytes" in asks(seen_last[-1])


def asks(sighting: Sighting) -> str:
    return sighting.needs_input or "" if isinstance(sighting, Alive) else ""


def test_a_file_that_wants_out_of_its_draft_is_refused(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"code": 0, "report": "", "left_out": [], "files": {"../out": "eA=="}}
    monkeypatch.setattr(head.backend, "_told", lambda _: told)
    place = head.folder / "draft"
    place.mkdir()
    failure = head.backend.collect(request(head.folder, "one", {}), "h", str(place))
    assert failure is not None
    assert not (head.folder / "out").exists()


def test_a_log_that_was_cut_off_is_no_success(head: Head) -> None:
    handle = head.launched("one", {"argv": ["true"]})
    head.ended(handle)
    log = next(head.folder.glob("head/state/runs/*/output.log"))
    log.write_text("somebody else's words\n" + aboard.MARK + "AAAA")
    failure = head.ended(handle).outcome.failure
    assert failure is not None
    assert failure.code == "no_output"


def test_readiness_names_the_version_and_what_is_missing(head: Head) -> None:
    assert head.backend.readiness().version == "Ray 2.60.0"
    head.server.close()
    assert "set RAY_API_SERVER_ADDRESS" in head.backend.readiness().why_not


def test_a_parcel_is_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text("a")
        (tmp_path / name / ".git" / "HEAD").write_text(name)
        (tmp_path / name / "link").symlink_to("/etc/passwd")
    first = parcel_of(str(tmp_path / "one"))
    assert first == parcel_of(str(tmp_path / "two"))
    (tmp_path / "two" / "a.txt").write_text("b")
    assert first.name != parcel_of(str(tmp_path / "two")).name
    monkeypatch.setattr(parcels, "MOST_BYTES", 0)
    with pytest.raises(TooLarge):
        parcel_of(str(tmp_path / "one"))


def test_the_wrapper_tells_the_same_wherever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = {"argv": ["no-such-program-at-all"], "cwd": "", "draft": "/draft", "timeout_s": 5,
             "grace_s": 1, "most_bytes": 100}  # fmt: skip
    monkeypatch.setenv("BYDAWN_ORDER", json.dumps(order))
    monkeypatch.chdir(tmp_path)
    assert aboard.main() == 127
    printed = capsys.readouterr().out
    assert printed.startswith("no-such-program-at-all: No such file")
    told = json.loads(zlib.decompress(base64.b64decode(printed.rpartition(aboard.MARK)[2])))
    assert (told["code"], told["files"]) == (127, {})
