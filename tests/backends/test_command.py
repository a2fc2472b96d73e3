"""Commands: what they are given, what is kept of them, how their ends are told."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordered import around, handle_of, outcome_of, output, request, until

from bydawn.backends.command import CommandBackend
from bydawn.core.sightings import (
    Alive,
    Failure,
    FailureClass,
    Launched,
    LaunchRefused,
    Outcome,
)
from bydawn.processes.runs import LocalRuns

_SECRET = "s3cret-of-the-plan"
_MACHINE = {
    "PATH": os.environ["PATH"],
    "HOME": "/nowhere",
    "LC_ALL": "C",
    "API_KEY": _SECRET,
    "AWS_SECRET_ACCESS_KEY": "other",
    "HTTPS_PROXY": "http://user:password@proxy",
    "BYDAWN_STORE": "postgresql://user:password@db",
    "LD_PRELOAD": "",
}


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[CommandBackend]:
    runs = LocalRuns(tmp_path, "runner-1")
    yield CommandBackend(around(runs, _MACHINE))
    runs.close()


def _shell(backend: CommandBackend, tmp_path: Path, line: str) -> Outcome:
    return outcome_of(backend, request(tmp_path, "one", {"shell": line}))


@pytest.mark.parametrize(
    ("line", "exit_code", "failure"),
    [
        ("exit 0", 0, None),
        ("exit 1", 1, (FailureClass.TRANSIENT, "exit_1")),
        ("exit 75", 75, (FailureClass.TRANSIENT, "exit_75")),
        ("exit 111", 111, (FailureClass.TRANSIENT, "exit_111")),
        ("exit 100", 100, (FailureClass.PERMANENT, "exit_100")),
        ("exit 255", 255, (FailureClass.TRANSIENT, "exit_255")),
        ("exit 130", 130, (FailureClass.TRANSIENT, "exit_130")),
        ("kill -INT $$", 130, (FailureClass.TRANSIENT, "signal_2")),
        ("kill -PIPE $$", 141, (FailureClass.TRANSIENT, "signal_13")),
        ("kill -KILL $$", 137, (FailureClass.TRANSIENT, "signal_9")),
    ],
)
def test_exits_and_signals(
    backend: CommandBackend,
    tmp_path: Path,
    line: str,
    exit_code: int,
    failure: tuple[FailureClass, str] | None,
) -> None:
    outcome = _shell(backend, tmp_path, line)
    told = outcome.failure and (outcome.failure.kind, outcome.failure.code)
    assert (outcome.exit_code, told) == (exit_code, failure)
    assert outcome.started_at is not None
    assert outcome.ended_at is not None
    assert outcome.ended_at >= outcome.started_at


def test_the_message_is_the_last_line_made_harmless(
    backend: CommandBackend, tmp_path: Path
) -> None:
    outcome = _shell(backend, tmp_path, r"printf 'first\n\033[31mno \007disk\033[0m\n\n'; exit 1")
    assert outcome.failure is not None
    assert outcome.failure.message == "[31mno disk [0m"


def test_a_long_message_is_cut(backend: CommandBackend, tmp_path: Path) -> None:
    outcome = _shell(backend, tmp_path, "head -c 3000 /dev/zero | tr '\\0' x; exit 1")
    assert outcome.failure is not None
    assert outcome.failure.message == "x" * 300


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"argv": ["no-such-program-here"]}, "no-such-program-here: No such file"),
        ({"argv": ["/dev/null"]}, "/dev/null: Permission denied"),
        ({"argv": ["true"], "cwd": "/no/such/folder"}, "/no/such/folder: No such file"),
        ({"argv": ["a\0b"]}, "null"),
        ({}, "neither argv nor shell"),
    ],
)
def test_what_cannot_start_is_refused_for_good(
    backend: CommandBackend, tmp_path: Path, payload: dict[str, object], reason: str
) -> None:
    answer = backend.launch(request(tmp_path, "one", payload))
    assert isinstance(answer, LaunchRefused)
    assert (answer.failure.kind, answer.failure.code) == (FailureClass.PERMANENT, "spawn")
    assert reason in answer.failure.message


def test_a_refused_start_can_be_found_and_read(backend: CommandBackend, tmp_path: Path) -> None:
    wanted = request(tmp_path, "one", {"argv": ["no-such-program-here"]})
    backend.launch(wanted)
    backend.find(wanted)
    sighting = backend.poll("runs/one")
    assert not isinstance(sighting, Alive)
    assert "no-such-program-here" in str(sighting)


def test_a_secret_arrives_as_it_is(backend: CommandBackend, tmp_path: Path) -> None:
    payload = {"argv": ["sh", "-c", f'test "$API_KEY" = {_SECRET}'], "pass_env": ["API_KEY"]}
    outcome = outcome_of(backend, request(tmp_path, "one", payload))
    assert outcome.failure is None


def test_the_environment_is_what_was_allowed(backend: CommandBackend, tmp_path: Path) -> None:
    payload = {
        "argv": ["env", "-0"],
        "env": {"MODE": "night", "BYDAWN_TOKEN": "99", "HOME": "/elsewhere"},
        "pass_env": ["API_KEY", "NOT_SET"],
    }
    wanted = request(tmp_path, "one", payload, budget_usd_micros=1_500_000)
    outcome_of(backend, wanted)
    seen = dict(pair.split("=", 1) for pair in output(wanted).split("\0") if pair)
    assert seen == {
        "PATH": os.environ["PATH"],
        "HOME": "/elsewhere",
        "LC_ALL": "C",
        "API_KEY": "*" * len(_SECRET),  # covered in the log, and only there
        "MODE": "night",
        "BYDAWN_BATCH": "nightly@2026-11-19",
        "BYDAWN_EDITION": "2026-11-19",
        "BYDAWN_JOB": "nightly/audit",
        "BYDAWN_KEY": "0123456789abcdef",
        "BYDAWN_EFFECT_KEY": "effect-1",
        "BYDAWN_LAUNCH_KEY": "launch-one",
        "BYDAWN_ATTEMPT": "2",
        "BYDAWN_TOKEN": "42",
        "BYDAWN_NONCE": "n0nce",
        "BYDAWN_DRAFT": f"{wanted.folder}/draft",
        "BYDAWN_REPORT": f"{wanted.folder}/report.jsonl",
        "BYDAWN_DEADLINE": "2025-11-20T06:30:00.000Z",
        "BYDAWN_BUDGET_USD": "1.5",
        "TRACEPARENT": wanted.trace_parent,
    }


def test_secrets_are_not_on_the_disk(backend: CommandBackend, tmp_path: Path) -> None:
    payload = {"shell": 'test -n "$API_KEY" && echo said', "pass_env": ["API_KEY"]}
    assert outcome_of(backend, request(tmp_path, "one", payload)).failure is None
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"claim", "end.json", "output.log"}
    assert [path for path in files if _SECRET.encode() in path.read_bytes()] == []


def test_nothing_is_inherited_but_three_streams(backend: CommandBackend, tmp_path: Path) -> None:
    # Only what the shell was born with: a listing would open one more.
    script = "readlink /proc/$$/fd/0; n=0; while [ $n -lt 100 ]; do "
    script += "[ ! -e /proc/$$/fd/$n ] || echo $n; n=$((n + 1)); done"
    wanted = request(tmp_path, "one", {"shell": script})
    outcome_of(backend, wanted)
    stdin, *others = output(wanted).split()
    assert stdin == "/dev/null"
    assert others == ["0", "1", "2"]


@pytest.fixture
def _odd_runner() -> Iterator[None]:
    """A runner started with signals ignored and blocked, and with few descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[0] - 1, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGHUP, hangup)
    signal.signal(signal.SIGUSR2, ignored)


@pytest.mark.usefixtures("_odd_runner")
def test_signals_limits_and_session_are_fresh(backend: CommandBackend, tmp_path: Path) -> None:
    script = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -n; umask; "
    script += "cut -d' ' -f6 /proc/$$/stat; echo $$"
    wanted = request(tmp_path, "one", {"shell": script})
    outcome_of(backend, wanted)
    mask = os.umask(0o22)
    os.umask(mask)
    blocked, ignored, limit, umask, session, pid = output(wanted).split("\n")[:6]
    assert int(blocked.split()[1], 16) == 0
    # Signals 32 and 33 are the C library's own and are not ours to set.
    assert int(ignored.split()[1], 16) & ~(0b11 << 31) == 0
    assert int(limit) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert int(umask, 8) == mask
    assert session.strip() == pid


def test_the_draft_is_the_place_unless_the_plan_says_otherwise(
    backend: CommandBackend, tmp_path: Path
) -> None:
    (tmp_path / "plan" / "work").mkdir(parents=True)
    first = request(tmp_path, "one", {"argv": ["pwd"]})
    second = request(
        tmp_path, "two", {"argv": ["pwd"], "cwd": "work"}, plan_folder=str(tmp_path / "plan")
    )
    outcome_of(backend, first)
    outcome_of(backend, second)
    assert output(first) == f"{first.folder}/draft\n"
    assert output(second) == f"{tmp_path}/plan/work\n"


def test_run_folders_are_private(backend: CommandBackend, tmp_path: Path) -> None:
    wanted = request(tmp_path, "one", {"argv": ["echo"]})
    outcome_of(backend, wanted)
    folder = Path(wanted.folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes == {
        "draft": 0o700,
        "claim": 0o600,
        "output.log": 0o600,
        "end.json": 0o600,
    }


def test_output_is_capped_and_the_job_is_not_held_up(
    backend: CommandBackend, tmp_path: Path
) -> None:
    script = "echo the beginning; yes 0123456789 | head -c 60000000; echo; echo the end"
    wanted = request(tmp_path, "one", {"shell": script})
    outcome = outcome_of(backend, wanted)
    text = output(wanted)
    record = json.loads(Path(wanted.folder, "end.json").read_text())
    assert outcome.failure is None
    assert record["output_bytes"] == 60_000_000 + 14 + 1 + 8
    assert 10_000_000 <= len(text) <= 10_000_100
    assert text.startswith("the beginning\n")
    assert text.endswith("\nthe end\n")
    assert f"[{record['output_bytes'] - 10_000_000} bytes of output cut here]" in text
    assert not Path(wanted.folder, "output.tail").exists()


def test_the_witness_moves_with_output_and_reports(backend: CommandBackend, tmp_path: Path) -> None:
    step = "until [ -e ../go{0} ]; do sleep 0.02; done; {1};"
    script = step.format(1, "echo more") + step.format(2, 'echo "{}" >> $BYDAWN_REPORT')
    wanted = request(tmp_path, "one", {"shell": script + step.format(3, "exit 0")})
    handle = handle_of(backend, wanted)

    def witness() -> str:
        sighting = backend.poll(handle)
        assert isinstance(sighting, Alive)
        return sighting.witness

    seen = [witness()]
    for number in (1, 2):
        assert witness() == seen[-1]
        Path(wanted.folder, f"go{number}").touch()
        until(lambda: witness() != seen[-1])
        seen.append(witness())
    Path(wanted.folder, "go3").touch()
    assert len(set(seen)) == 3


def test_what_is_reported_is_seen_while_it_runs_and_at_the_end(
    backend: CommandBackend, tmp_path: Path
) -> None:
    lines = [
        '{"progress": 0.4}',
        '{"usage": {"input_tokens": 9, "output_tokens": 2}}',
        '{"usage": {"input_tokens": 12}, "cost_usd": "0.01"}',
        '{"needs_input": "which one?"}',
    ]
    script = "".join(f"echo '{line}' >> $BYDAWN_REPORT; " for line in lines)
    script += "until [ -e ../go ]; do sleep 0.02; done; "
    script += """printf '{"result": {"n": [1, 2]}, "cost_usd": 0.25}' >> $BYDAWN_REPORT"""
    wanted = request(tmp_path, "one", {"shell": script})
    handle = handle_of(backend, wanted)

    def asks() -> bool:
        sighting = backend.poll(handle)
        return isinstance(sighting, Alive) and sighting.needs_input == "which one?"

    until(asks)
    alive = backend.poll(handle)
    assert isinstance(alive, Alive)
    assert alive.progress == 0.4
    assert alive.usage.tokens == {"input_tokens": 12, "output_tokens": 2}
    assert alive.usage.cost_micros == 10_000
    Path(wanted.folder, "go").touch()
    outcome = outcome_of(backend, wanted)
    assert outcome.result == '{"n": [1, 2]}'
    assert outcome.usage.cost_micros == 250_000


def test_a_timeout_is_a_failure_of_its_own(backend: CommandBackend, tmp_path: Path) -> None:
    wanted = request(tmp_path, "one", {"argv": ["sleep", "60"]}, timeout_ms=200)
    outcome = outcome_of(backend, wanted)
    assert outcome.stopped == "timeout"
    assert outcome.failure == Failure(FailureClass.TRANSIENT, "timeout")
    assert outcome.exit_code == 143


def test_a_large_environment_reaches_the_job(backend: CommandBackend, tmp_path: Path) -> None:
    payload = {"shell": "echo ${#BIG}", "env": {"BIG": "x" * 100_000}}
    for name in ("one", "two"):
        wanted = request(tmp_path, name, payload)
        outcome_of(backend, wanted)
        assert output(wanted) == "100000\n"


def test_what_was_sent_too_late_is_not_started_and_may_be_sent_again(
    backend: CommandBackend, tmp_path: Path
) -> None:
    late = request(tmp_path, "one", {"shell": "true"}, send_by=1)
    answer = backend.launch(late)
    assert isinstance(answer, LaunchRefused)
    assert answer.failure.code == "late"
    assert not (tmp_path / "runs/one/claim").exists()
    assert outcome_of(backend, request(tmp_path, "one", {"shell": "true"})).exit_code == 0
    assert isinstance(backend.launch(late), Launched)
