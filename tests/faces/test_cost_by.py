"""``bydawn cost --by``: every cent attributed, whichever way it is asked."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from reference import quiet_night, reference_night
from scene import Scene, ok, scripted

from bydawn.cli.cost import moment_of
from bydawn.cli.entry import main
from bydawn.core.errors import UsageError
from bydawn.core.model import Bound
from bydawn.store import read, totals
from bydawn.store.sqlite import forgo_durability
from bydawn.watch.documents import batch_document
from bydawn.watch.spending import Spending, spending_document, spending_table, spent_by

WAYS = ("job", "tag:kind", "model", "backend", "plan", "day", "tag:none")
NIGHTS = 6


@pytest.fixture
def nights(scene: Scene) -> Scene:
    reference_night(scene, earlier=NIGHTS)
    return scene


def found(scene: Scene, by: str, since: int = 0) -> Spending:
    return spent_by(scene.store, by, since)


@pytest.mark.parametrize("by", WAYS)
def test_all_ways_add_up_to_what_the_jobs_cost(nights: Scene, by: str) -> None:
    batches = nights.store.batches()
    jobs = [job for b in batches for job in read.jobs(nights.store.session, b.number)]
    usd = sum(job.cost_micros or 0 for job in jobs)
    wasted = sum(totals.money(nights.store.session, b.number).wasted_micros for b in batches)
    answer = found(nights, by)
    for figures in (answer.total, None):
        groups = (figures,) if figures else answer.groups
        assert sum(group.usd_micros for group in groups) == usd
        assert sum(group.wasted_micros for group in groups) == wasted
        assert sum(group.jobs for group in groups) == 12 * (NIGHTS + 1)


def test_every_night_is_a_day(nights: Scene) -> None:
    days = found(nights, "day").groups
    assert [group.name for group in days] == [f"2026-11-{day:02}" for day in range(5, 12)]
    assert days[-1].wasted_micros == 430_000


def test_by_model_tells_who_became_dearer(nights: Scene) -> None:
    groups = {group.name: group for group in found(nights, "model").groups}
    assert set(groups) == {"gemini-3.5-flash", "gemini-3.5-pro", None}
    assert groups["gemini-3.5-pro"].usd_micros == 1_380_000
    assert groups[None].unpriced == 0, "what is declared costless is not without a price"


def test_since_leaves_out_what_was_launched_before(nights: Scene) -> None:
    newest = nights.store.batches()[0]
    answer = found(nights, "plan", newest.opened_at)
    assert answer.total.jobs == 12
    assert answer.total.usd_micros == totals.money(nights.store.session, newest.number).usd_micros


def test_the_document_says_the_same_exactly(nights: Scene) -> None:
    document = spending_document(found(nights, "job"))
    assert (document["schema"], document["by"], document["since"]) == ("bydawn/cost/1", "job", None)
    for group in (*document["groups"], document["total"]):
        days = sum(Decimal(day["usd"]) for day in group["days"])
        assert days == Decimal(group["usd"] or 0)
    assert document["groups"][0]["name"] == "nightly/mediation-report"


def test_the_table_has_a_bar_for_each_day(nights: Scene) -> None:
    lines = spending_table(found(nights, "tag:kind"))
    head = ["TAG:KIND", "JOBS", "USD", "WASTED", "TOKENS", "UNPRICED", "DAILY"]
    assert lines[0].split() == head, "nothing is reserved, so nobody is told of it"
    article = next(line for line in lines if line.startswith("article"))
    assert len(article.split()[-1]) == NIGHTS + 1
    assert lines[-2].startswith("all ")
    assert lines[-1] == "a bar is a day, the last one 2026-11-11"
    assert max(map(len, lines)) <= 80


def test_unknown_prices_are_never_nothing(scene: Scene) -> None:
    forgo_durability(scene.store.session)
    scene.drive(scene.submit(scripted("one", ok()), scripted("two", ok(), bound=Bound(0))))
    answer = found(scene, "job")
    told = {group["name"]: group["usd"] for group in spending_document(answer)["groups"]}
    assert told == {"nightly/one": None, "nightly/two": "0.00"}
    assert "unknown" in "\n".join(spending_table(answer))


def test_what_a_silent_meter_was_charged_is_wasted_too(scene: Scene) -> None:
    """Reserved $0.50 for the attempt that came to nothing, $0.10 told by the one that counted."""
    forgo_durability(scene.store.session)
    lost = {"takes_ms": 1, "ends": "error 503"}
    bound = Bound(usd_micros=500_000)
    scripts = {"good": (lost, ok(cost_usd="0.1")), "bad": (lost,), "once": (ok(cost_usd="0.2"),)}
    specs = [scripted(name, *script, bound=bound, retries=1) for name, script in scripts.items()]
    batch = scene.submit(*specs)
    scene.drive(batch)
    groups = {group.name: group for group in found(scene, "job").groups}
    wasted = {name: group.wasted_micros for name, group in groups.items()}
    spent = {name: group.usd_micros for name, group in groups.items()}
    assert wasted == {
        "nightly/good": spent["nightly/good"] - 100_000, "nightly/bad": spent["nightly/bad"],
        "nightly/once": 0,
    }  # fmt: skip
    assert spent["nightly/good"] == 600_000
    money = totals.money(scene.store.session, batch.number)
    assert money.wasted_micros == sum(wasted.values())
    assert batch_document(scene.reading(), batch)["cost"]["wasted_usd"] == "1.00"


def test_jobs_of_a_day_are_looked_up_by_their_batch(scene: Scene) -> None:
    """Neither question walks through all jobs there ever were."""
    from bydawn.store import nights as past
    from bydawn.store import spending, timeline

    quiet_night(scene, 0)
    asked = {
        spending._SPENT: (0, 0, 0), spending._OF_BATCH: (1,), past._NIGHTS: ("p", 0, 1),
        past._PAST: (1, 1, "p", 0, 1), past._TONIGHT: (1, 1), timeline._SPANS: (1, 1),
        timeline._MOMENTS: (1, 1), timeline._LOST_TRIES: (1, 1), timeline._COUNT_LOST: (1,),
    }  # fmt: skip
    for sql, parameters in asked.items():
        plan = [row[3] for row in scene.store.session.rows(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        walked = [step for step in plan if step.startswith("SCAN ")]
        assert not [step for step in walked if step.split()[1] in ("job", "j", "attempt", "a")], sql


Said = tuple[int, str, str]


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> Said:
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def here(nights: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.chdir(tmp_path)
    return nights


@pytest.mark.usefixtures("here")
def test_asked_from_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "cost", "--by", "tag:kind", "--since", "all", "--json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["by"]) == (0, "tag:kind")
    code, out, _ = said(capsys, "cost", "--since", "2026-11-01")
    assert code == 0
    assert out.splitlines()[1].startswith("nightly/")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--by", "moon"), "--by job, model, backend, plan, day or tag:NAME"),
        (("--by", "tag:"), "is no way"),
        (("--since", "yesterday"), "write a day like"),
        (("--since", "2026-13-01"), "write a day like"),
    ],
)
def test_what_cannot_be_asked(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], told: str
) -> None:
    code, out, err = said(capsys, "cost", *argv)
    assert (code, out) == (2, "")
    assert told in err


def test_moments_as_people_type_them() -> None:
    now = 1_763_600_000_000
    assert moment_of("all", now) == 0
    assert moment_of("2d", now) == now - 2 * 86_400_000
    assert moment_of("2025-11-01", now) == 1_761_955_200_000
    assert moment_of("2025-11-01T00:00:00+09:00", now) == 1_761_922_800_000
    with pytest.raises(UsageError):
        moment_of("soon", now)
