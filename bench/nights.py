"""A thousand scripted nights with every eighth launch interrupted, and what that throws away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from figures import Figure, at_most, plain
from programs import Program

from bydawn.core.sightings import Guarantee
from bydawn.testing.interruptions import Phase
from bydawn.testing.scripted_nights import Tally, play_interrupted, play_night

Values = Mapping[str, float | None]
NIGHTS = 1_000
_REMOTES = (Guarantee.KEYED, Guarantee.SEARCHABLE)


def nights_once(program: Program, place: Path) -> dict[str, float | None]:
    """Half of the nights on a remote that knows launch keys, half on one that can be searched."""
    del program
    total = Tally()
    for seed in range(NIGHTS):
        folder = place / str(seed)
        folder.mkdir()
        total.add(play_night(folder, seed, _REMOTES[seed % 2]))
    named = ("jobs", "failed", "parked", "open", "duplicates", "unnamed", "early", "naive_failed")
    values: dict[str, float | None] = {name: float(getattr(total, name)) for name in named}
    return {**values, **{phase.name: float(total.met[phase]) for phase in Phase}}


def nights_tell(values: Values) -> list[Figure]:
    jobs = values["jobs"] or 1
    lost = sum(values[name] or 0 for name in ("failed", "parked", "open"))
    naive = 100 * (values["naive_failed"] or 0) / jobs
    met = [plain(f"  met: {phase.value}", values[phase.name], "times") for phase in Phase]
    return [
        at_most(f"{NIGHTS} nights of {jobs / NIGHTS:g}, failed or parked", 100 * lost / jobs,
                0.4, 0.1, "%"),
        plain("  a loop that tries each job once, failed", naive, "%"),
        at_most("  duplicate launches", values["duplicates"], 0, 0, "launches"),
        at_most("  failed or parked and not in the report", values["unnamed"], 0, 0, "jobs"),
        at_most("  launches before Retry-After was up", values["early"], 0, 0, "launches"),
        *met,
    ]  # fmt: skip


def waste_once(program: Program, place: Path) -> dict[str, float | None]:
    """200 items; after every 50 the runner is killed and one run in flight is lost with it."""
    del program
    waste = play_interrupted(place, 1, Guarantee.KEYED)
    return {
        "share": 100 * waste.share,
        "naive": 100 * waste.naive_share,
        "interruptions": float(waste.interruptions),
        "launched": float(waste.launched),
        "tokens": float(waste.tokens),
        "thrown_away": float(waste.thrown_away),
        "naive_tokens": float(waste.naive_tokens),
        "naive_thrown_away": float(waste.naive_thrown_away),
    }


def waste_tell(values: Values) -> list[Figure]:
    return [
        at_most("200 items, killed every 50: tokens thrown away", values["share"], 2, unit="%"),
        plain("  interruptions", values["interruptions"], ""),
        plain("  runs launched", values["launched"], "runs"),
        plain("  tokens paid for", values["tokens"], "tokens"),
        plain("  of them thrown away", values["thrown_away"], "tokens"),
        plain("  a loop that begins anew, thrown away", values["naive"], "%"),
        plain("  its tokens paid for", values["naive_tokens"], "tokens"),
        plain("  of them thrown away", values["naive_thrown_away"], "tokens"),
    ]
