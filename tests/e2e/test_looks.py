"""Every page in both lights: clean for axe, no wider than a phone, in reach of a keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Browsing
from desk import Desk, desk_over
from scene import Scene
from watching import watched

from bydawn.store import read

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

AXE = Path(__file__).with_name("axe") / "axe.min.js"
FOUND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(
    one => `${one.id}: ${one.nodes.map(node => node.target).join(' | ')}`)"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A night that is over, and one that has only begun."""
    made = Scene(tmp_path_factory.mktemp("night"))
    made.drive(made.night())
    later = made.submit(
        *_specs(), edition="2026-11-20", deadline_at=made.clock.utc_ms() + 3_600_000
    )
    made.drive(later, hours=0.1)
    yield made
    made.store.close()


def _specs() -> list[Any]:
    from scene import ok, scripted

    return [
        scripted("article", ok(60_000, cost_usd="0.40"), tags={"site": "a" * 40}),
        scripted("long", ok(3_000_000)),
        scripted("review", {"takes_ms": 1_000, "ends": "vanish"}),
        scripted("a-job-with-a-name-that-does-not-end-where-one-would-like-it", ok(9_000_000)),
    ]


@pytest.fixture(scope="module")
def desk(scene: Scene) -> Iterator[Desk]:
    with desk_over(scene) as made:
        yield made


def paths(scene: Scene) -> list[str]:
    jobs = [
        job for one in scene.store.batches() for job in read.jobs(scene.store.session, one.number)
    ]
    by_state = {job.state: f"/jobs/{job.job_id}" for job in jobs}
    batches = [f"/batches/{one.address}" for one in scene.store.batches()]
    return ["/", "/batches", *batches, *by_state.values(), "/parked", "/cost", "/runners", "/nope"]


@pytest.mark.parametrize("light", ["light", "dark"])
def test_axe_finds_nothing(scene: Scene, desk: Desk, chromium: Browsing, light: str) -> None:
    found = {}
    how = {"color_scheme": light, "bypass_csp": True}  # for axe itself, which is put into the page
    with watched(chromium, "404", **how) as page:
        page.tab.goto(desk.link)
        for path in paths(scene):
            page.tab.goto(desk.at(path))
            page.tab.add_script_tag(path=AXE)
            found[path] = page.tab.evaluate(FOUND)
    assert {path: said for path, said in found.items() if said} == {}


def test_no_page_is_wider_than_a_phone(scene: Scene, desk: Desk, chromium: Browsing) -> None:
    with watched(chromium, "404", viewport={"width": 360, "height": 780}) as page:
        page.tab.goto(desk.link)
        for path in paths(scene):
            page.tab.goto(desk.at(path))
            assert page.tab.evaluate(WIDER) <= 0, path


def test_a_keyboard_reaches_what_a_mouse_does(desk: Desk, chromium: Browsing) -> None:
    with watched(chromium) as page:
        page.tab.goto(desk.link)
        page.tab.keyboard.press("Tab")
        assert page.tab.evaluate("document.activeElement.className") == "skip"
        page.tab.keyboard.press("Enter")
        assert page.tab.evaluate("location.hash") == "#main"
        page.tab.get_by_text("Stop everything…").focus()
        page.tab.keyboard.press("Enter")
        page.tab.get_by_role("button", name="Yes: start nothing").wait_for()
