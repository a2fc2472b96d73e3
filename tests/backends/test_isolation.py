"""Commands apart: as another account, in a sandbox, or refused; never plainly started."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordered import around, outcome_of, request, until

from bydawn.backends.checks import CheckRuns
from bydawn.backends.command import CommandBackend
from bydawn.core.sightings import Alive, Ended, Launched, LaunchRefused, Request, Sighting
from bydawn.processes import isolation
from bydawn.processes.isolation import ACCOUNT, why_not
from bydawn.processes.runs import LocalRuns

BWRAP = """#!/bin/sh
printf '%s\\n' "$@" > "{log}"
while [ "$1" != "--" ]; do shift; done
shift
exec "$@"
"""
WHY_NO_SANDBOX = why_not("bwrap", os.environ, Path("/nonexistent"))
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_bwrap = pytest.mark.skipif(bool(WHY_NO_SANDBOX), reason=f"no real sandbox: {WHY_NO_SANDBOX}")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A state folder that other accounts may reach, as pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as above:
        os.chmod(above, 0o755)
        place = Path(above, "state")
        place.mkdir(mode=0o700)
        yield place


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Path]:
    """A program called bwrap that writes down how it was called and then runs the command."""
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text(BWRAP.format(log=tmp_path / "called"))
    program.chmod(0o755)
    isolation._why_no_sandbox.cache_clear()
    yield program
    isolation._why_no_sandbox.cache_clear()


def backend_at(place: Path, **environment: str) -> CommandBackend:
    return CommandBackend(around(LocalRuns(place, "r_1"), {**os.environ, **environment}))


def checked(place: Path, wanted: Request, script: str) -> Ended:
    """The end of a check of this run's draft."""
    checks = CheckRuns(LocalRuns(place, "r_1"), os.environ)
    started = checks.start(wanted, 1, ("/bin/sh", "-c", script), 15_000)
    assert isinstance(started, Launched), started
    seen: list[Sighting] = []
    until(lambda: not isinstance(seen.append(checks.look(started.handle)) or seen[-1], Alive))
    assert isinstance(seen[-1], Ended)
    return seen[-1]


def refused(backend: CommandBackend, place: Path, kind: str) -> str:
    """Why it was refused; nothing of it was started."""
    answer = backend.launch(request(place, "one", {"argv": ["touch", "ran"]}, isolate=kind))
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.code == "isolation"
    assert not (place / "runs" / "one").exists()
    return answer.failure.message


@needs_root
def test_another_account_writes_its_draft_and_report_and_nothing_else(open_place: Path) -> None:
    script = (
        'id -un > who; touch $BYDAWN_DRAFT/here; echo \'{"result": "ok"}\' >> $BYDAWN_REPORT;'
        " touch ../claimed 2>/dev/null && exit 9; ls .. 2>/dev/null && exit 8; test $HOME = $PWD"
    )
    (open_place / "store.db").touch(mode=0o600)
    wanted = request(open_place, "one", {"shell": script}, isolate="user")
    outcome = outcome_of(backend_at(open_place), wanted)
    assert (outcome.exit_code, outcome.result) == (0, '"ok"')
    draft = Path(wanted.folder, "draft")
    assert (draft / "who").read_text() == "nobody\n"
    assert (draft / "here").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert open_place.stat().st_mode & 0o777 == 0o711


@needs_root
def test_its_whole_tree_is_ended_at_the_limit(open_place: Path) -> None:
    wanted = request(
        open_place, "one", {"shell": "trap '' TERM; sleep 60 & sleep 60"}, isolate="user",
        timeout_ms=300, grace_ms=100,
    )  # fmt: skip
    assert outcome_of(backend_at(open_place), wanted).stopped == "timeout"


@needs_root
def test_an_account_that_cannot_be_is_refused_with_the_reason(open_place: Path) -> None:
    assert 'no user "nobody-here"' in refused(
        backend_at(open_place, **{ACCOUNT: "nobody-here"}), open_place, "user"
    )
    assert "is root itself" in refused(
        backend_at(open_place, **{ACCOUNT: "root"}), open_place, "user"
    )
    closed = open_place.parent / "closed"
    (closed / "state").mkdir(parents=True)
    closed.chmod(0o700)
    assert f"may not enter {closed}" in refused(
        backend_at(closed / "state"), closed / "state", "user"
    )


def test_only_root_becomes_another(open_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root" in refused(backend_at(open_place), open_place, "user")


def test_a_sandbox_is_asked_for_what_was_promised(tmp_path: Path, sandbox: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    path = f"{sandbox.parent}:{os.environ['PATH']}"
    wanted = request(place, "one", {"shell": "echo $TMPDIR > out"}, isolate="bwrap")
    assert outcome_of(backend_at(place, PATH=path), wanted).exit_code == 0
    assert Path(wanted.folder, "draft", "out").read_text() == "/tmp\n"
    called = (tmp_path / "called").read_text().splitlines()
    draft, report = f"{wanted.folder}/draft", f"{wanted.folder}/report.jsonl"
    words = " ".join(called)
    assert words.startswith("--ro-bind / / --dev /dev --proc /proc --tmpfs /tmp ")
    assert f"--tmpfs {place} --bind {draft} {draft} --bind {report} {report}" in words
    assert "--unshare-net" not in words
    assert called[called.index("--") + 1 :] == ["/bin/sh", "-c", "echo $TMPDIR > out"]


def test_keys_and_settings_are_out_of_a_sandboxs_sight(tmp_path: Path, sandbox: Path) -> None:
    place = tmp_path / "state"
    place.mkdir()
    settings = tmp_path / "home" / ".config" / "bydawn"
    settings.mkdir(parents=True)
    path = f"{sandbox.parent}:{os.environ['PATH']}"
    backend = backend_at(place, PATH=path, HOME=str(tmp_path / "home"), XDG_CONFIG_HOME="")
    wanted = request(place, "one", {"argv": ["true"]}, isolate="bwrap")
    assert outcome_of(backend, wanted).exit_code == 0
    assert f"--tmpfs\n{settings}\n" in (tmp_path / "called").read_text()


def test_a_sandbox_that_does_not_work_is_refused(tmp_path: Path, sandbox: Path) -> None:
    sandbox.write_text("#!/bin/sh\necho no user namespaces >&2\nexit 1\n")
    why = refused(backend_at(tmp_path, PATH=f"{sandbox.parent}:/bin"), tmp_path, "bwrap")
    assert "bwrap does not work here: no user namespaces" in why


def test_without_bubblewrap_it_is_refused(tmp_path: Path) -> None:
    assert "not installed" in refused(backend_at(tmp_path, PATH="/nowhere"), tmp_path, "bwrap")


@needs_bwrap
def test_a_real_sandbox_keeps_the_machine_as_it_is(open_place: Path) -> None:
    script = "echo x > out; touch /usr/here 2>/dev/null && exit 9; test ! -e ../../../store.db"
    (open_place / "store.db").touch()
    wanted = request(open_place, "one", {"shell": script}, isolate="bwrap")
    assert outcome_of(backend_at(open_place), wanted).exit_code == 0
    assert Path(wanted.folder, "draft", "out").read_text() == "x\n"
    assert shutil.which("bwrap")


@needs_bwrap
def test_a_command_goes_where_it_was_sent_or_nowhere(open_place: Path) -> None:
    """Its plan lies in the folder that is hidden otherwise; what cannot be seen is an error."""
    (open_place.parent / "tools").mkdir()
    (open_place.parent / "tools" / "data").write_text("here")
    plan = str(open_place.parent)
    with tempfile.TemporaryDirectory(dir="/tmp") as elsewhere:
        for cwd, code in (("tools", 0), (elsewhere, 1)):
            wanted = request(
                open_place, f"in-{code}", {"shell": "cat data > $BYDAWN_DRAFT/out", "cwd": cwd},
                isolate="bwrap", plan_folder=plan,
            )  # fmt: skip
            assert outcome_of(backend_at(open_place), wanted).exit_code == code
    assert Path(open_place, "runs", "in-0", "draft", "out").read_text() == "here"


@needs_bwrap
def test_a_check_is_kept_in_the_same_sandbox(open_place: Path) -> None:
    (open_place / "store.db").touch()
    wanted = request(open_place, "one", {"shell": "echo x > out"}, isolate="bwrap")
    assert outcome_of(backend_at(open_place), wanted).exit_code == 0
    script = "touch /usr/here 2>/dev/null && exit 9; test -e ../../../store.db && exit 8; cat out"
    assert checked(open_place, wanted, script).outcome.exit_code == 0


@needs_root
def test_a_check_is_the_same_account(open_place: Path) -> None:
    wanted = request(open_place, "one", {"shell": "echo x > out"}, isolate="user")
    assert outcome_of(backend_at(open_place), wanted).exit_code == 0
    script = 'test "$(id -un)" = nobody && cat out && touch checked'
    assert checked(open_place, wanted, script).outcome.exit_code == 0


def test_a_check_that_cannot_be_apart_is_not_started(tmp_path: Path) -> None:
    checks = CheckRuns(LocalRuns(tmp_path, "r_1"), {**os.environ, "PATH": "/nowhere"})
    wanted = request(tmp_path, "one", {}, isolate="bwrap")
    answer = checks.start(wanted, 1, ("/bin/touch", str(tmp_path / "ran")), 1_000)
    assert isinstance(answer, LaunchRefused)
    assert not (tmp_path / "runs").exists()
