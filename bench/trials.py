"""What is measured: each trial measures what belongs together, side by side, in fresh folders."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import audits
import bare
import nights
import peers
import plans
import services
from figures import Figure, at_least, at_most, plain, ratio
from programs import Failed, Program, finished
from story import Story

Values = Mapping[str, float | None]
MANY = 20_000
GROUP = 100
COMMANDS = 2_000
CALLS = 5_000
FAN = 1_000
QUEUED = 1_000_000
STARTS = 10
UNIT_S = 0.05
_IDLE_S = 10.0
_MILLION_S = 15.0


@dataclass(frozen=True, slots=True)
class Trial:
    """``once`` measures in an empty folder; ``tell`` turns the medians into figures.

    ``rounds`` is the most that are worth their time.
    """

    name: str
    once: Callable[[Program, Path], dict[str, float | None]]
    tell: Callable[[Values], list[Figure]]
    rounds: int = 9


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def noop_once(program: Program, place: Path) -> dict[str, float | None]:
    """Our run between the bare loop and Huey, all in the same minute; then our run once more."""
    raw = bare.job_lives_per_s(place, MANY, GROUP)
    folder = _folder(place, "ours")
    plans.scripted(folder, MANY, GROUP, "0s")
    ran = program.run_plan(folder)
    inside = MANY / Story(folder).makespan_s()
    again = program.run_plan(folder)
    return {
        "raw": raw,
        "ours": MANY / ran.wall_s,
        "inside": inside,
        "cpu_ms": ran.cpu_s * 1000 / MANY,
        "peak_mb": ran.peak_mb,
        "again_s": again.wall_s,
        "huey": peers.huey_jobs_per_s(place, MANY),
    }


def noop_tell(values: Values) -> list[Figure]:
    ours, huey = values["ours"], values["huey"]
    no_huey = "" if huey else peers.NO_HUEY
    return [
        plain("20,000 no-op jobs, whole process", ours, "jobs/s"),
        plain("  between first launch and last success", values["inside"], "jobs/s"),
        plain("  bare SQLite loop, groups of 100", values["raw"], "jobs/s"),
        plain("  Huey on SQLite, fsync, 4 threads", huey, "jobs/s", no_huey),
        at_least("  against the bare loop", ratio(ours, values["raw"]), 0.12, 0.25),
        at_least("  against Huey", ratio(ours, huey), 5, note=no_huey),
        at_most("  CPU per job", values["cpu_ms"], 0.12, 0.05, "ms"),
        at_most("  peak memory", values["peak_mb"], 70, unit="MB"),
        at_most("  the same again, all done", values["again_s"], 0.5, 0.15),
    ]


def million_once(program: Program, place: Path) -> dict[str, float | None]:
    """The pace of a run with 20,000 jobs queued, and of one with 1,000,000."""
    few, _ = _pace(program, _folder(place, "few"), MANY * 5, 2.0)
    many, peak_mb = _pace(program, _folder(place, "many"), QUEUED, _MILLION_S)
    return {"few": few, "many": many, "peak_mb": peak_mb}


def _pace(program: Program, folder: Path, count: int, for_s: float) -> tuple[float, float]:
    """Jobs per second once the jobs are moving, and the peak memory until then."""
    plans.scripted(folder, count, GROUP, "0s")
    running, story = program.start_plan(folder), Story(folder)
    story.until(lambda told: told.last_event() > count // 100, "the first jobs")
    began, before = time.monotonic(), story.count("succeeded")
    time.sleep(for_s)
    done, took = story.count("succeeded") - before, time.monotonic() - began
    running.interrupt()
    return done / took, running.ended().peak_mb


def million_tell(values: Values) -> list[Figure]:
    return [
        plain("jobs/s with 100,000 queued", values["few"], "jobs/s"),
        plain("jobs/s with 1,000,000 queued", values["many"], "jobs/s"),
        at_least("  the same pace", ratio(values["many"], values["few"]), 0.8, 0.95),
        at_most("  peak memory with 1,000,000 queued", values["peak_mb"], 150, unit="MB"),
    ]


def command_once(program: Program, place: Path) -> dict[str, float | None]:
    spawns = bare.starts_per_s(COMMANDS)
    folder = _folder(place, "ours")
    plans.commands(folder, COMMANDS, 64)
    ran = program.run_plan(folder)
    parallel = peers.parallel_jobs_per_s(place, COMMANDS, 64)
    return {"spawns": spawns, "ours": COMMANDS / ran.wall_s, "parallel": parallel}


def command_tell(values: Values) -> list[Figure]:
    ours, parallel = values["ours"], values["parallel"]
    none = "" if parallel else peers.NO_PARALLEL
    return [
        plain("2,000 commands (true), whole process", ours, "jobs/s"),
        plain("  posix_spawn, 64 in flight", values["spawns"], "starts/s"),
        plain("  GNU parallel --joblog, 64 in flight", parallel, "jobs/s", none),
        at_least("  against GNU parallel", ratio(ours, parallel), 1.5, note=none),
        Figure("  against posix_spawn", ratio(ours, values["spawns"]), "x", goal=0.7),
    ]


def call_once(program: Program, place: Path) -> dict[str, float | None]:
    plans.calls(place, CALLS, 64)
    return {"ours": CALLS / program.run_plan(place).wall_s}


def call_tell(values: Values) -> list[Figure]:
    return [at_least("5,000 python calls, whole process", values["ours"], 1000, unit="jobs/s")]


def fan_once(program: Program, place: Path) -> dict[str, float | None]:
    plans.scripted(place, FAN, FAN, "1s")
    program.run_plan(place)
    return {"makespan": Story(place).makespan_s()}


def fan_tell(values: Values) -> list[Figure]:
    return [at_most("1,000 jobs of 1 s at once, makespan", values["makespan"], 1.10, 1.04)]


def idle_once(program: Program, place: Path) -> dict[str, float | None]:
    plans.scripted(place, FAN, FAN, "60s")
    running = program.start_plan(place)
    Story(place).until(lambda told: told.count("running") == FAN, "1,000 in flight")
    time.sleep(2)
    before, began = running.cpu_s(), time.monotonic()
    time.sleep(_IDLE_S)
    share = (running.cpu_s() - before) / (time.monotonic() - began)
    running.interrupt()
    running.ended()
    return {"share": share * 100}


def idle_tell(values: Values) -> list[Figure]:
    return [at_most("idle with 1,000 in flight, of a core", values["share"], 1, 0.1, "%")]


def crash_once(program: Program, place: Path) -> dict[str, float | None]:
    """Kill -9 at half of 20,000; the same command again."""
    plans.scripted(place, MANY, GROUP, "0s")
    running, story = program.start_plan(place), Story(place)
    story.until(lambda told: told.count("succeeded") >= MANY // 2, "half of the jobs")
    running.kill()
    before = story.last_event()
    second = program.start_plan(place)
    finished(second)
    return {
        "first_s": story.first_launch_after(before) - second.began_at,
        "lost": float(MANY - story.count("succeeded")),
    }


def crash_tell(values: Values) -> list[Figure]:
    return [
        at_most("kill -9 at half of 20,000, first new job", values["first_s"], 0.5, 0.15),
        at_most("  lost", values["lost"], 0, 0, "jobs"),
    ]


def record_once(program: Program, place: Path) -> dict[str, float | None]:
    """The same with real calls that tell an independent recorder when they were made."""
    plans.recorded_calls(place, CALLS, 64)
    record = place / "record"
    running = program.start_plan(place)
    give_up = time.monotonic() + 120
    while len(_recorded(record)) < CALLS // 2:
        if time.monotonic() > give_up:
            raise Failed("half of the calls never came")
        time.sleep(0.01)
    running.kill()
    finished(program.start_plan(place))
    made = _recorded(record)
    return {"lost": float(CALLS - len(set(made))), "twice": float(len(made) - len(set(made)))}


def _recorded(path: Path) -> list[str]:
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def record_tell(values: Values) -> list[Figure]:
    return [
        at_most("kill -9 at half of 5,000 calls, lost", values["lost"], 0, 0, "calls"),
        at_most("  made twice, by an independent recorder", values["twice"], 0, 0, "calls"),
    ]


def start_once(program: Program, place: Path) -> dict[str, float | None]:
    def took_ms(word: str) -> float:
        return statistics.median(program.run(place, word).wall_s for _ in range(STARTS)) * 1000

    return {"version": took_ms("--version"), "help": took_ms("--help")}


def start_tell(values: Values) -> list[Figure]:
    return [
        at_most("bydawn --version, whole process", values["version"], 80, 30, "ms"),
        at_most("bydawn --help, whole process", values["help"], 80, 30, "ms"),
    ]


def night_once(program: Program, place: Path) -> dict[str, float | None]:
    plans.night(place, UNIT_S)
    return {"wall": program.run_plan(place).wall_s}


def night_tell(values: Values) -> list[Figure]:
    longest = max(plans.NIGHT) * UNIT_S
    note = f"one after the other {sum(plans.NIGHT) * UNIT_S:.1f} s, the longest {longest:.2f} s"
    floor = 1.05 * longest + 0.5
    return [at_most("the reference night, 12 jobs", values["wall"], floor, note=note)]


TRIALS = (
    Trial("start", start_once, start_tell),
    Trial("noop", noop_once, noop_tell),
    Trial("commands", command_once, command_tell),
    Trial("calls", call_once, call_tell),
    Trial("fan", fan_once, fan_tell),
    Trial("idle", idle_once, idle_tell, rounds=1),
    Trial("services", services.services_once, services.services_tell, rounds=3),
    Trial("crash", crash_once, crash_tell),
    Trial("record", record_once, record_tell),
    Trial("night", night_once, night_tell),
    Trial("nights", nights.nights_once, nights.nights_tell, rounds=1),
    Trial("waste", nights.waste_once, nights.waste_tell, rounds=1),
    Trial("audit", audits.audits_once, audits.audits_tell, rounds=1),
    Trial("million", million_once, million_tell, rounds=1),
)
