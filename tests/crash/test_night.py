"""What a person may trust a night with, tried with the real command and real kills."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from nightly import Night, kill, living, until, working_folder

ITEMS = """
schema = 1
name = "items"
[run]
parallel = 16
{run}
[[job]]
id = "work"
items = "records.jsonl"
key = ["site", "slug"]
backoff = {{ initial = "50ms", max = "100ms" }}
shell = '''{shell}'''
"""


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def running(night: Night) -> int:
    """How many jobs of the batch run; 0 while there is none."""
    batch = night.json("status", "items")[1]
    return int(batch["counts"]["running"]) if batch else 0


def items_plan(night: Night, shell: str, run: str = "") -> str:
    night.plan(ITEMS.format(shell=shell, run=run))
    return "plan.toml"


def test_ten_kills_and_every_effect_exactly_once(night: Night) -> None:
    night.items(200)
    plan = items_plan(night, f"sleep 0.1; echo {{{{ item.slug }}}} >> {night.recorder}; sleep 0.1")
    chance = random.Random(137)
    for _ in range(10):
        before = sum(night.effects().values())
        runner = night.start("run", plan)
        target = min(199, before + chance.randrange(1, 25))
        until(lambda t=target, r=runner: sum(night.effects().values()) >= t or r.poll() is not None)
        kill(runner)
    code, batch = night.json("run", plan)
    assert code == 0
    assert batch["counts"]["succeeded"] == 200
    assert len(night.effects()) == 200
    assert set(night.effects().values()) == {1}
    assert {job["attempts"] for job in batch["jobs"]} == {1}


FAILING = """case {{ item.slug }} in
item-0007) exit 100;;
item-0009) n=$(cat {folder}/n 2>/dev/null | wc -l); echo x >> {folder}/n; [ $n -ge 2 ] || exit 75;;
esac"""


def test_one_gives_up_one_recovers_and_the_rest_do_not_notice(night: Night) -> None:
    night.items(200)
    plan = items_plan(night, FAILING.replace("{folder}", str(night.folder)))
    code, batch = night.json("run", plan)
    assert code == 1
    assert (batch["counts"]["succeeded"], batch["counts"]["failed"]) == (199, 1)
    (failed,) = [job for job in batch["jobs"] if job["state"] == "failed"]
    assert (failed["reason"], failed["exit_code"]) == ("permanent", 100)
    (recovered,) = [job for job in batch["jobs"] if job["job"].endswith("item-0009")]
    assert (recovered["state"], recovered["attempts"]) == ("succeeded", 3)
    plan = items_plan(night, FAILING.replace("{folder}", str(night.folder)), "allow_failures = 1")
    code, batch = night.json("run", plan)
    assert (code, batch["outcome"]) == (0, "succeeded")


def test_two_runs_at_the_same_instant_share_the_jobs(night: Night) -> None:
    night.items(60)
    plan = items_plan(night, f"echo {{{{ item.slug }}}} >> {night.recorder}; sleep 0.1")
    both = [night.start("run", plan, "--json") for _ in range(2)]
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert len(night.effects()) == 60
    assert set(night.effects().values()) == {1}
    code, batch = night.json("status", "items")
    assert (code, batch["counts"]["succeeded"]) == (0, 60)


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.execv(sys.executable, [sys.executable, "-c", "import time, signal; "
            "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
            sys.argv[1] + "-deep"])
    os._exit(0)
open(sys.argv[2], "w").close()
time.sleep(600)
"""


def test_nothing_of_a_stubborn_tree_outlives_its_cap_when_the_runner_is_dead(night: Night) -> None:
    (night.folder / "stubborn.py").write_text(STUBBORN, "utf-8")
    mark = f"mark-{night.folder.name}"
    started = night.folder / "started"
    argv = [sys.executable, str(night.folder / "stubborn.py"), mark, str(started)]
    night.plan(
        f"""
schema = 1
name = "stubborn"
[[job]]
id = "it"
argv = {argv!r}
timeout = "2s"
grace = "500ms"
"""
    )
    runner = night.start("run", "plan.toml")
    until(started.exists)
    until(lambda: len(living([f"{mark}-deep"])) == 1)
    kill(runner)
    assert living([mark])
    until(lambda: not living([mark]), seconds=10)
    code, batch = night.json("run", "plan.toml")
    assert code == 1
    assert batch["jobs"][0]["reason"] == "timeout"
    assert batch["jobs"][0]["attempts"] == 1


def detach(night: Night, *command: str) -> str:
    code, job = night.json("run", "--detach", "--", *command)
    assert code == 0
    return str(job["job_id"])


def test_the_shell_loop_a_person_would_write(night: Night) -> None:
    good = [detach(night, "sh", "-c", "sleep 0.3") for _ in range(2)]
    bad = detach(night, "sh", "-c", "exit 100")
    slow = detach(night, "sleep", "30")
    assert night.run("wait", *good).returncode == 0
    assert night.run("wait", *good, bad, "--timeout", "20s").returncode == 1
    code, job = night.json("jobs", "get", bad)
    assert (code, job["state"], job["exit_code"]) == (0, "failed", 100)
    code, job = night.json("jobs", "get", slow)
    assert (code, job["state"], job["exit_code"]) == (0, "running", None)
    assert night.run("wait", slow, "--timeout", "300ms").returncode == 4
    assert night.run("jobs", "cancel", slow).returncode == 0
    assert night.run("wait", slow, "--timeout", "20s").returncode == 7
    until(lambda: not background_runners(night))


def background_runners(night: Night) -> list[int]:
    found = living(["bydawn\0background"])
    return [pid for pid in found if working_folder(pid) == night.folder]


def test_one_background_runner_for_a_store_and_wait_takes_over_when_it_is_killed(
    night: Night,
) -> None:
    ids = [detach(night, "sh", "-c", f"sleep 3; echo x{n} >> {night.recorder}") for n in range(6)]
    until(lambda: len(background_runners(night)) == 1)
    (runner,) = background_runners(night)
    os.kill(runner, signal.SIGKILL)
    until(lambda: not background_runners(night))
    assert night.run("wait", *ids, "--timeout", "30s").returncode == 0
    assert set(night.effects().values()) == {1}
    assert len(night.effects()) == 6


def test_a_key_makes_an_ad_hoc_job_one(night: Night) -> None:
    first = night.json("run", "--detach", "--key", "k1", "--", "true")[1]["job_id"]
    second = night.json("run", "--detach", "--key", "k1", "--", "true")[1]["job_id"]
    assert first == second
    assert night.run("run", "--detach", "--key", "k1", "--", "false").returncode == 3


def test_an_interrupt_leaves_runs_recorded_and_the_same_command_goes_on(night: Night) -> None:
    night.items(8)
    plan = items_plan(night, f"sleep 1; echo {{{{ item.slug }}}} >> {night.recorder}")
    runner = night.start("run", plan)
    until(lambda: running(night) == 8)
    runner.terminate()
    runner.communicate(timeout=20)
    assert runner.returncode == 143
    code, batch = night.json("run", plan)
    assert code == 0
    assert {job["attempts"] for job in batch["jobs"]} == {1}
    assert set(night.effects().values()) == {1}


def test_interrupt_with_cancel_ends_the_runs_first(night: Night) -> None:
    mark = f"mark-{night.folder.name}"
    night.plan(
        f"""
schema = 1
name = "long"
[[job]]
id = "it"
argv = ["{sys.executable}", "-c", "import time; time.sleep(600)", "{mark}"]
"""
    )
    runner = night.start("run", "plan.toml", "--on-interrupt", "cancel")
    until(lambda: len(living([mark])) >= 1)
    runner.send_signal(2)
    runner.communicate(timeout=30)
    assert runner.returncode == 130
    assert not living([mark])


def test_stop_ends_everything_and_refuses_new_starts_until_cleared(night: Night) -> None:
    night.items(4)
    plan = items_plan(night, "sleep 600")
    runner = night.start("run", plan)
    until(lambda: running(night) == 4)
    assert night.run("stop").returncode == 0
    runner.communicate(timeout=30)
    assert runner.returncode == 7
    assert night.run("run", plan).returncode == 6
    assert night.run("stop", "--clear").returncode == 0


@pytest.mark.parametrize(("word", "code"), [("skip", 0), ("fail", 6)])
def test_if_running_skip_and_fail(night: Night, word: str, code: int) -> None:
    night.items(2)
    plan = items_plan(night, "sleep 3", f'if_running = "{word}"')
    runner = night.start("run", plan)
    until(lambda: running(night) == 2)
    assert night.run("run", plan).returncode == code
    runner.communicate(timeout=30)
    assert runner.returncode == 0


def test_if_running_wait_stands_by_and_takes_over(night: Night) -> None:
    night.items(6)
    plan = items_plan(
        night, f"sleep 1; echo {{{{ item.slug }}}} >> {night.recorder}", 'if_running = "wait"'
    )
    first = night.start("run", plan)
    until(lambda: running(night) == 6)
    second = night.start("run", plan, "--json")
    kill(first)
    out, err = second.communicate(timeout=30)
    assert second.returncode == 0, out + err
    assert set(night.effects().values()) == {1}
    assert len(night.effects()) == 6


def test_a_check_may_leave_files_in_the_draft_it_checks(night: Night) -> None:
    night.plan(
        """
schema = 1
name = "checked"
[[job]]
id = "it"
shell = "echo text > a.txt"
check = ["sh", "-c", "echo looked > report.txt"]
publish = [ { from = "a.txt", file = "public/a.txt" } ]
"""
    )
    code, batch = night.json("run", "plan.toml")
    assert (code, batch["jobs"][0]["state"]) == (0, "succeeded")
    assert (night.folder / "public/a.txt").read_text() == "text\n"


def test_interrupt_with_cancel_does_not_wait_for_what_is_parked(night: Night) -> None:
    mark = f"mark-{night.folder.name}"
    night.plan(
        f"""
schema = 1
name = "asks"
[[job]]
id = "asks"
shell = '''echo '{{"needs_input": "which one?"}}' >> $BYDAWN_REPORT; sleep 600'''
[[job]]
id = "works"
argv = ["{sys.executable}", "-c", "import time; time.sleep(600)", "{mark}"]
"""
    )
    runner = night.start("run", "plan.toml", "--on-interrupt", "cancel")
    until(lambda: (night.json("status", "asks")[1] or {"counts": {}})["counts"].get("parked") == 1)
    until(lambda: len(living([mark])) >= 1)
    runner.send_signal(2)
    runner.communicate(timeout=30)
    assert runner.returncode == 130
    night.run("stop")
