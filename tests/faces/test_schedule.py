"""``bydawn schedule`` with real programs in the schedulers' place, and nights that come due."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from bydawn.app import Invocation
from bydawn.app.app import App
from bydawn.app.place import locate
from bydawn.app.schedules.scheduling import night_due
from bydawn.core.errors import PlanInvalid
from bydawn.testing.virtual import HandWoundClock
from saying import Say

MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
PLAN = """
schema = 1
name = "nightly"
per = "day"
[run]
deadline = "8h"
[schedule]
cron = "30 22 * * *"
catch_up = "2h"
[[job]]
id = "one"
argv = ["true"]
"""
# 2026-11-20 22:29 UTC
EVENING = 1_795_213_740_000
CRONTAB = """#!/bin/sh
case "$1" in
  -l) cat {file} 2>/dev/null || {{ echo "no crontab for you" >&2; exit 1; }} ;;
  -) cat > {file} ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >> {file}
"""


@pytest.fixture
def say(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """One command line, on a machine whose only scheduler is the crontab below."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("BYDAWN_STORE", raising=False)
    program(tmp_path, "crontab", CRONTAB, "table")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    program(tmp_path, "systemctl", "#!/bin/sh\nexit 1\n", "unused")
    (tmp_path / "nightly.toml").write_text(PLAN)
    return say


def program(folder: Path, name: str, text: str, file: str) -> Path:
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_text(text.format(file=folder / file) if "{file}" in text else text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder / file


def test_a_crontab_gets_one_block_and_loses_it_again(say: Say, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_text("0 5 * * * somebody --elses 100%")
    for _ in range(2):
        code, out, err = say("schedule", "install", "nightly.toml")
        assert (code, "(cron)" in out) == (0, True), err
    lines = table.read_text().splitlines()
    assert lines[0] == "0 5 * * * somebody --elses 100%"
    assert len([line for line in lines if "schedule due" in line]) == 1
    (ours,) = (line for line in lines if "schedule due" in line)
    assert ours.startswith("*/5 * * * * cd ")
    assert str(tmp_path / "nightly.toml") in ours
    assert json.loads(say("schedule", "show", "nightly.toml", "--json")[1])["installed"] == ["cron"]
    assert say("schedule", "remove", "nightly.toml")[1] == "remove: nightly.toml (cron)\n"
    assert table.read_text() == "0 5 * * * somebody --elses 100%\n"
    assert say("schedule", "remove", "nightly.toml")[1].startswith("nothing to remove")


def test_a_percent_sign_does_not_end_the_line(say: Say, tmp_path: Path) -> None:
    odd = tmp_path / "50% off"
    odd.mkdir()
    (odd / "nightly.toml").write_text(PLAN)
    assert say("schedule", "install", f"{odd}/nightly.toml")[0] == 0
    assert r"50\% off" in (tmp_path / "table").read_text()


def test_a_line_cron_would_cut_is_refused(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that comes again in PATH costs nothing; a PATH that is too long is told."""
    here = os.environ["PATH"]
    monkeypatch.setenv("PATH", ":".join([here] * 50))
    assert say("schedule", "install", "nightly.toml")[0] == 0
    (line,) = (
        one for one in (tmp_path / "table").read_text().splitlines() if "schedule due" in one
    )
    assert line.count(f"{tmp_path}/bin:") == 1
    monkeypatch.setenv("PATH", ":".join([here, *(f"/a/folder/{n}" for n in range(99))]))
    code, _, err = say("schedule", "install", "nightly.toml")
    assert (code, "cron takes 998" in err, "shorter PATH" in err) == (69, True, True)
    assert line in (tmp_path / "table").read_text()


@pytest.mark.parametrize("kind", ["cron", "launchd", "systemd"])
def test_what_a_scheduler_is_given_is_shown(say: Say, kind: str) -> None:
    printed = say("schedule", "install", "nightly.toml", "--via", kind, "--print")[1]
    shown = say("schedule", "show", "nightly.toml", "--via", kind)[1]
    assert shown.endswith(printed)
    assert shown.startswith("nightly: At 22:30")
    document = json.loads(say("schedule", "show", "nightly.toml", "--via", kind, "--json")[1])
    assert (document["entry"]["kind"], document["entry"]["text"].rstrip()) == (
        kind, printed.rstrip()
    )  # fmt: skip
    assert json.loads(say("schedule", "show", "nightly.toml", "--json")[1])["entry"] is None


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here to ask")
def test_systemd_itself_takes_the_units(say: Say, tmp_path: Path) -> None:
    odd = tmp_path / '50% "off" $HOME \\ ü'
    odd.mkdir()
    (odd / "nightly.toml").write_text(PLAN)
    program(tmp_path, "systemctl", SYSTEMCTL, "calls")
    assert say("schedule", "install", f"{odd}/nightly.toml", "--via", "systemd")[0] == 0
    units = sorted((tmp_path / "home/.config/systemd/user").iterdir())
    asked = subprocess.run(
        [shutil.which("systemd-analyze") or "", "verify", "--user", *units], text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, check=False,
    )  # fmt: skip
    assert (asked.returncode, asked.stderr) == (0, "")


def test_systemd_gets_a_timer(say: Say, tmp_path: Path) -> None:
    calls = program(tmp_path, "systemctl", SYSTEMCTL, "calls")
    code, out, err = say("schedule", "install", "nightly.toml")
    assert (code, "(systemd)" in out) == (0, True), err
    (timer,) = (tmp_path / "home/.config/systemd/user").glob("*.timer")
    assert "Persistent=true" in timer.read_text()
    unit = timer.with_suffix(".service").read_text()
    assert "KillMode=process" in unit
    assert f"enable --now {timer.name}" in calls.read_text()
    assert say("schedule", "remove", "nightly.toml")[0] == 0
    assert list(timer.parent.iterdir()) == []


def test_launchd_is_shown_a_property_list(say: Say, tmp_path: Path) -> None:
    code, out, _ = say("schedule", "install", "nightly.toml", "--via", "launchd", "--print")
    agent = plistlib.loads(out.encode())
    assert code == 0
    assert agent["ProgramArguments"][-2:] == ["due", str(tmp_path / "nightly.toml")]
    assert agent["AbandonProcessGroup"] is True
    assert len(agent["StartCalendarInterval"]) == 12


def test_a_password_is_never_written_down(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYDAWN_STORE", "postgresql://me:sesame@host/nights")
    code, _, err = say("schedule", "install", "nightly.toml", "--print")
    assert (code, "env_file" in err, "sesame" in err) == (2, True, False)


def test_no_scheduler_is_said_with_the_way_out(say: Say, tmp_path: Path) -> None:
    (tmp_path / "bin" / "crontab").unlink()
    (tmp_path / "bin" / "systemctl").unlink()
    os.environ["PATH"] = str(tmp_path / "bin")
    code, _, err = say("schedule", "install", "nightly.toml")
    assert (code, "--print" in err) == (69, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLAN.replace('cron = "30 22 * * *"', ""), "cron is missing"),
        (PLAN.replace("30 22 * * *", "30 25 * * *"), "bad hour"),
        (PLAN.replace('"2h"', '"soon"'), "no length"),
    ],
)
def test_what_is_wrong_with_a_schedule(say: Say, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "nightly.toml").write_text(text)
    code, _, err = say("schedule", "show", "nightly.toml")
    assert (code, words in err) == (3, True)
    assert "nightly.toml:" in err


def test_a_broken_cron_line_is_a_complaint_of_check(say: Say, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(PLAN.replace("30 22 * * *", "30 25 * * *"))
    code, _, err = say("check", "nightly.toml")
    assert (code, "schedule.cron" in err) == (3, True)


def test_an_env_file_others_may_read_is_refused(say: Say, tmp_path: Path) -> None:
    (tmp_path / "nightly.toml").write_text(PLAN.replace("[sch", '[schedule]\nenv_file = "env"\n#'))
    (tmp_path / "nightly.toml").write_text(
        PLAN.replace('catch_up = "2h"', 'catch_up = "2h"\nenv_file = "env"')
    )
    (tmp_path / "env").write_text("SECRET=1\n")
    (tmp_path / "env").chmod(0o644)
    code, _, err = say("schedule", "due", "nightly.toml")
    assert (code, "chmod 600" in err) == (3, True)


# Nights that come due, on a clock wound by hand


@pytest.fixture
def clock() -> HandWoundClock:
    return HandWoundClock(EVENING)


@pytest.fixture
def app(tmp_path: Path, clock: HandWoundClock) -> App:
    (tmp_path / "nightly.toml").write_text(PLAN)
    invocation = Invocation(tmp_path)
    return App(invocation, locate(invocation, Path("nightly.toml")), clock)


def look(app: App, code: int | None = 0) -> tuple[str, int]:
    """One look; the edition that began, or "", and how many nights were missed."""
    with night_due(app, app.invocation.directory / "nightly.toml") as tonight:
        assert tonight is not None
        if tonight.moment_at is not None:
            tonight.exit_code = code
        return tonight.edition, len(tonight.missed)


def test_a_night_begins_once(app: App, clock: HandWoundClock) -> None:
    assert look(app) == ("", 0)
    clock.wind(5 * MINUTE)
    assert look(app) == ("2026-11-20", 0)
    clock.wind(5 * MINUTE)
    assert look(app) == ("", 0)
    clock.wind(DAY)
    assert look(app) == ("2026-11-21", 0)


def test_the_report_can_name_the_next_night(app: App, clock: HandWoundClock) -> None:
    plan = app.invocation.directory / "nightly.toml"
    assert app.next_night(plan) is None
    look(app)
    first = app.next_night(plan)
    assert first is not None
    assert clock.utc_ms() < first <= clock.utc_ms() + DAY
    clock.wind(DAY)
    assert app.next_night(plan) == first + DAY


def test_a_late_night_keeps_its_own_date(app: App, clock: HandWoundClock) -> None:
    look(app)
    clock.wind(111 * MINUTE)  # after midnight
    assert look(app) == ("2026-11-20", 0)


def test_slept_through_nights_are_missed_not_made_up_for(app: App, clock: HandWoundClock) -> None:
    look(app)
    clock.wind(3 * DAY + 5 * MINUTE)
    assert look(app) == ("2026-11-23", 3)


def test_a_night_whose_runner_died_goes_on(app: App, clock: HandWoundClock) -> None:
    look(app)
    clock.wind(5 * MINUTE)
    assert look(app, code=None) == ("2026-11-20", 0)
    clock.wind(5 * MINUTE)
    assert look(app, code=143) == ("2026-11-20", 0)
    clock.wind(5 * MINUTE)
    assert look(app, code=1) == ("2026-11-20", 0)
    clock.wind(5 * MINUTE)
    assert look(app) == ("", 0)


def test_a_night_is_run_by_one_process(app: App, clock: HandWoundClock) -> None:
    look(app)
    clock.wind(5 * MINUTE)
    path = app.invocation.directory / "nightly.toml"
    with night_due(app, path) as tonight:
        assert tonight is not None
        clock.wind(7 * HOUR)
        with night_due(app, path) as second:
            assert second is None
    clock.wind(HOUR)
    # Its runner was seen an hour ago, however long the night has been going.
    assert look(app) == ("2026-11-20", 0)


def test_a_broken_plan_is_told_when_it_is_due(app: App, clock: HandWoundClock) -> None:
    look(app)
    path = app.invocation.directory / "nightly.toml"
    path.write_text("not [ toml")
    with night_due(app, path) as tonight:
        assert tonight is None
    clock.wind(5 * MINUTE)
    with pytest.raises(PlanInvalid), night_due(app, path):
        pass
    clock.wind(5 * MINUTE)
    with night_due(app, path) as tonight:
        assert tonight is None
    path.write_text(PLAN)
    clock.wind(DAY)
    assert look(app) == ("2026-11-21", 0)


def test_a_due_night_is_run_and_is_silent(say: Say, tmp_path: Path) -> None:
    every_minute = PLAN.replace("30 22 * * *", "* * * * *")
    (tmp_path / "nightly.toml").write_text(every_minute)
    assert say("schedule", "due", "nightly.toml") == (0, "", "")
    shown = json.loads(say("schedule", "show", "nightly.toml", "--json")[1])
    assert shown["last"]["exit_code"] == 0
    assert json.loads(say("status", "nightly", "--json")[1])["counts"]["succeeded"] == 1
