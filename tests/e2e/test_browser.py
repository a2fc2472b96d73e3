"""The dashboard as a person sees it: a real night, a real browser, real clicks."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from browsing import Browsing
from nightwatch import Nightwatch
from watching import Watched, watched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_page_follows_a_running_night_without_a_reload(night: Nightwatch, page: Watched) -> None:
    run = night.run()
    _, link = night.serve()
    page.tab.goto(link)
    page.shows(".count", "1 ✗ failed")
    page.tab.evaluate("window.wasHere = true")
    night.go_on()
    page.shows(".count", "2 ✓ succeeded")
    page.shows(".standing", "finished")
    assert page.tab.evaluate("window.wasHere")
    assert run.wait(timeout=60) == 1
    assert "token" not in page.tab.url


def test_the_log_of_a_running_job_follows(night: Nightwatch, page: Watched) -> None:
    night.run()
    _, link = night.serve()
    page.tab.goto(link)
    page.shows(".count", "running")
    page.tab.goto(link.partition("?")[0] + "batches/nightly?state=running")
    page.tab.get_by_role("link", name="article", exact=True).click()
    page.shows("#log pre", "begun")
    page.shows("#log", "as it comes")
    night.go_on()
    page.shows("#log pre", "written")
    page.shows("h1", "succeeded")
    assert page.tab.locator("#log pre").inner_text().splitlines() == ["begun", "written"]


def test_what_is_typed_survives_what_moves(night: Nightwatch, page: Watched) -> None:
    night.run()
    _, link = night.serve()
    page.tab.goto(link)
    page.shows(".count", "running")
    page.tab.goto(link.partition("?")[0] + "batches/nightly")
    page.tab.get_by_label("Name").fill("art")
    page.tab.get_by_text("Cancel the batch…").click()
    night.go_on()
    page.shows(".standing", "finished")
    assert page.tab.get_by_label("Name").input_value() == "art"


def test_a_page_says_when_the_dashboard_is_gone_and_when_its_key_is(
    night: Nightwatch, chromium: Browsing
) -> None:
    night.run()
    first, link = night.serve()
    port = urlsplit(link).port
    assert port is not None
    may_say = ("ERR_", "Failed to fetch", "NetworkError", "401", "network error", "htmx")
    with watched(chromium, *may_say) as page:
        page.tab.goto(link)
        page.shows(".count", "running")
        assert page.tab.locator("#stale").is_hidden()
        night.end(first)
        page.shows("#stale", "does not answer")
        page.shows(".count", "running")
        _, again = night.serve(port)
        page.shows("#stale", "has a new key")
        page.tab.goto(again)
        page.shows(".count", "running")
        assert page.tab.locator("#stale").is_hidden()


def test_a_page_catches_up_after_the_network_was_away(
    night: Nightwatch, chromium: Browsing
) -> None:
    run = night.run()
    _, link = night.serve()
    with watched(chromium, "ERR_", "Failed to fetch", "network error", "htmx") as page:
        page.tab.goto(link)
        page.shows(".count", "running")
        page.tab.context.set_offline(True)
        night.go_on()
        assert run.wait(timeout=60) == 1
        page.tab.context.set_offline(False)
        page.shows(".standing", "finished")
        page.tab.locator("#stale").wait_for(state="hidden")


def test_pausing_and_cancelling_by_clicks(night: Nightwatch, page: Watched) -> None:
    run = night.run()
    _, link = night.serve()
    page.tab.goto(link)
    page.shows(".count", "1 ▶ running")
    page.tab.get_by_role("link", name="nightly", exact=True).click()
    page.press("Pause: start nothing new")
    page.shows(".said", "Paused")
    assert night.status()["state"] == "paused"
    page.press("Go on")
    page.shows(".said", "It goes on.")
    assert not page.tab.get_by_role("button", name="Yes, cancel every open job").is_visible()
    page.tab.get_by_text("Cancel the batch…").click()
    page.press("Yes, cancel every open job")
    page.shows(".said", "Cancelled")
    page.shows(".count", "2 ~ cancelled")
    assert run.wait(timeout=60) in (1, 7)
    assert night.states() == {"article": "cancelled", "audit": "failed", "publish": "cancelled"}


def test_everything_is_stopped_and_let_go_again(night: Nightwatch, page: Watched) -> None:
    night.run()
    _, link = night.serve()
    page.tab.goto(link)
    page.shows(".count", "1 ▶ running")
    page.tab.get_by_text("Stop everything…").click()
    page.press("Yes: start nothing, end everything")
    page.shows(".alarm", "Everything is stopped")
    page.press("Lift the stop")
    page.shows(".said", "The stop is lifted")
    assert not (night.folder / ".bydawn/STOP").exists()


def test_a_parked_job_is_resolved_with_a_reason(night: Nightwatch, page: Watched) -> None:
    night.write('schema = 1\nname = "nightly"\n[[job]]\nid = "review"\nargv = ["true"]\n'
                "approve = true\n")  # fmt: skip
    assert night.run().wait(timeout=60) == 8
    _, link = night.serve()
    page.tab.goto(link)
    page.tab.get_by_role("link", name="Needs you").click()
    page.tab.get_by_role("link", name="review").click()
    page.press("Record the decision")
    assert night.states() == {"review": "parked"}, "the browser asks for the reason first"
    page.tab.get_by_label("Decide").select_option("failed")
    page.tab.get_by_label("because").fill("read it myself")
    page.press("Record the decision")
    page.shows(".said", "Decided")
    assert night.states() == {"review": "failed"}


def test_without_javascript_everything_is_there(night: Nightwatch, chromium: Browsing) -> None:
    run = night.run()
    _, link = night.serve()
    with watched(chromium, java_script_enabled=False) as page:
        page.tab.goto(link)
        assert page.tab.locator("svg").count()
        page.tab.goto(link.partition("?")[0] + "batches/nightly")
        page.press("Pause: start nothing new")
        page.shows(".said", "Paused")
        page.press("Go on")
        night.go_on()
        run.wait(timeout=60)
        page.tab.reload()
        page.shows(".standing", "finished")
