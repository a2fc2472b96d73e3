"""The reference night: what a stranger reads in half a minute, the same numbers in every form."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from datetime import UTC
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from reference import reference_night
from scene import Scene, ok, scripted

from bydawn.core.budgets import total_tokens
from bydawn.store import audit, read, totals
from bydawn.store.store import Batch
from bydawn.watch import exports
from bydawn.watch.amounts import count, dollars
from bydawn.watch.audit import head_text
from bydawn.watch.documents import batch_document
from bydawn.watch.morning import gather_morning, morning_document
from bydawn.watch.page import page, style
from bydawn.watch.sanitise import width

HOSTILE = "\x1b[2J</style><script>alert(1)</script>\u202e=1+1\n'\""


def told(scene: Scene, batch: Batch) -> dict[str, str]:
    """The night in all its forms."""
    reading, fresh = scene.reading(), scene.fresh(batch)
    morning, document = gather_morning(reading, fresh), batch_document(reading, fresh)
    return {
        "text": "\n".join(exports.text(morning, UTC)),
        "md": "\n".join(exports.markdown(morning, UTC)),
        "html": page(reading, morning, document, UTC),
        "json": json.dumps({**document, "morning": morning_document(morning)}),
        "csv": exports.table_csv(document),
        "junit": exports.junit(document),
    }


class _Words(HTMLParser):
    """The text of a page, its elements and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def words_of(html: str) -> _Words:
    parser = _Words()
    parser.feed(html)
    return parser


def test_a_stranger_reads_it_on_one_screen(scene: Scene) -> None:
    lines = told(scene, reference_night(scene))["text"].splitlines()
    assert lines[0] == (
        "nightly@2026-11-19: 9 of 12 succeeded, 3 need you   $4.36 of $12.00 + 1 without a price"
    )
    assert len(lines) <= 36
    assert max(map(width, lines[1:])) <= 80
    heads = [line.split("  ")[0] for line in lines[1:] if line and line[0] != " "]
    assert heads == ["NEEDS YOU", "UNUSUAL", "TIME", "MONEY", "SAFETY", "AUDIT", "NEXT"]
    needy = lines[lines.index("NEEDS YOU") : lines.index("UNUSUAL")]
    commands = [line.strip() for line in needy if line.strip().startswith("bydawn ")]
    assert commands == [
        f"bydawn logs nightly@2026-11-19/{name}"
        for name in ("seo-review", "link-audit-b", "embed-refresh")
    ]


def test_what_tripled_is_the_first_line_under_unusual(scene: Scene) -> None:
    text = told(scene, reference_night(scene))["text"]
    first = text[text.index("UNUSUAL") :].split("embed-refresh")[0]
    said = " ".join(first.split())
    assert said.startswith("UNUSUAL article-c 1.21M tokens, 3.0 times its usual 402k of 14 nights")
    assert "since tonight: model gemini-3.5-flash -> gemini-3.5-pro, prompt " in said
    assert "link-audit" not in first
    assert "article-b 1 try lost (503: the script ends with error 503), $0.12 wasted" in " ".join(
        text.split()
    )


def test_the_same_numbers_everywhere_and_in_the_store(scene: Scene) -> None:
    batch = reference_night(scene)
    forms = told(scene, batch)
    jobs = list(read.jobs(scene.store.session, batch.number))
    usd = sum(job.cost_micros or 0 for job in jobs)
    tokens = sum(total_tokens(json.loads(job.usage)) for job in jobs if job.usage)
    succeeded = sum(job.state == "succeeded" for job in jobs)
    failed = sum(job.state == "failed" for job in jobs)
    assert (succeeded, failed, usd > 0, tokens > 0) == (9, 3, True, True)

    said = {name: " ".join(forms[name].split()) for name in ("text", "md")}
    said["html"] = " ".join(words_of(forms["html"]).text.split())
    wasted = totals.money(scene.store.session, batch.number).wasted_micros
    for one in said.values():
        assert f"{succeeded} of {len(jobs)} succeeded, {failed} need you" in one
        assert f"this night {dollars(usd)} of $12.00" in one
        assert f"{count(tokens)} tokens" in one
        assert f"{dollars(wasted)} on attempts" in one
        assert "1h19m00s" in one
        assert "12 keys, 0 duplicates refused, 0 late writes fenced, 0 parked, 2 retries" in one

    document = json.loads(forms["json"])
    newest = audit.head(scene.store.session)
    assert newest is not None
    heads = {document["morning"]["audit_head"], document["audit_head"]}
    assert heads == {head_text(newest)}
    assert all(head_text(newest) in one for one in said.values())
    assert document["counts"]["succeeded"] == succeeded
    assert float(document["cost"]["usd"]) * 1_000_000 == pytest.approx(usd)
    assert float(document["cost"]["wasted_usd"]) * 1_000_000 == pytest.approx(wasted)
    assert document["morning"]["tokens"] == tokens
    assert document["wall_s"] == 79 * 60
    assert float(document["morning"]["nights"][0]["usd"]) * 1_000_000 == pytest.approx(usd)

    rows = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert sum(row["state"] == "succeeded" for row in rows) == succeeded
    assert sum(float(row["cost_usd"] or 0) for row in rows) * 1_000_000 == pytest.approx(usd)
    assert {row["audit_head"] for row in rows} == heads
    metered = [row for row in rows if row["input_tokens"]]
    assert tokens == sum(int(r["input_tokens"]) + int(r["output_tokens"]) for r in metered)

    suite = ElementTree.fromstring(forms["junit"].encode())[0]
    assert (suite.get("tests"), suite.get("failures")) == (str(len(jobs)), str(failed))
    assert suite.get("time") == "4740.000"
    assert {each.get("value") for each in suite.iter("property")} == heads


def test_the_next_night_is_told_where_it_is_known(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()))
    scene.drive(batch)
    morning = gather_morning(scene.reading(), scene.fresh(batch), 1_795_213_800_000)
    assert exports.text(morning, UTC)[-1] == (
        "NEXT    Fri 20 Nov 22:30, by its schedule on this machine"
    )
    assert morning_document(morning)["next_at"] == "2026-11-20T22:30:00.000Z"


def test_the_nights_before_add_up_to_what_their_jobs_cost(scene: Scene) -> None:
    batch = reference_night(scene, earlier=6)
    nights = gather_morning(scene.reading(), batch).nights
    assert [night.edition for night in nights] == [f"2026-11-{day:02}" for day in range(11, 4, -1)]
    for night in nights:
        jobs = list(read.jobs(scene.store.session, night.number))
        assert night.usd_micros == sum(job.cost_micros or 0 for job in jobs)


def test_the_page_loads_nothing_and_runs_nothing(scene: Scene) -> None:
    html = told(scene, reference_night(scene))["html"]
    words = words_of(html)
    assert {"svg", "table", "h1"} <= set(words.tags)
    assert not {"script", "iframe", "object", "link", "img", "form", "a"} & set(words.tags)
    names = {name for name, _ in words.attributes}
    assert not {"style", "href", "src"} & names
    assert not [name for name in names if name.startswith("on")]
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    assert dict(words.attributes)["lang"] == "en"
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;" in html
    (css,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert css == style()
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        assert ElementTree.fromstring(svg).get("role") == "img"


def test_a_hostile_name_stays_text_on_the_page(scene: Scene) -> None:
    batch = scene.submit(
        scripted("work", {"takes_ms": 60_000, "ends": "exit 3"}, permanent_exit=(3,)),
        names=[("work", HOSTILE)],
    )
    scene.drive(batch)
    forms = told(scene, batch)
    words = words_of(forms["html"])
    assert "script" not in words.tags
    assert "<script>alert(1)</script>" in words.text
    assert "\x1b" not in forms["html"]
    assert "\u202e" not in forms["html"]
    assert all(line.isprintable() for line in forms["text"].splitlines())


def test_a_night_under_way_is_drawn_up_to_now(scene: Scene) -> None:
    batch = scene.submit(scripted("long", ok(4_000_000)), scripted("short", ok(60_000)))
    scene.drive(batch, hours=0.5)
    html = told(scene, batch)["html"]
    assert "long: running, 30m00s" in words_of(html).text
    assert "short: succeeded, 1m00s" in words_of(html).text


def test_a_night_without_any_run_still_makes_a_page(scene: Scene) -> None:
    batch = scene.submit(scripted("one", ok()))
    forms = told(scene, batch)
    assert "0 of 1 succeeded" in forms["text"]
    assert "<svg" not in forms["html"]


def test_nights_that_cost_nothing_are_drawn_in_tokens(scene: Scene) -> None:
    for day in range(10, 13):
        usage = {"input_tokens": 100 * day}
        batch = scene.submit(scripted("one", ok(usage=usage)), edition=f"2026-11-{day}")
        scene.drive(batch)
        scene.clock.wind(86_400_000)
    text = words_of(told(scene, batch)["html"]).text
    assert "What 3 nights cost" in text
    assert "median 1050" in text
