"""Who is told what: once, in bounded time, and never in the way of the night."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from receiving import Received
from scene import HOUR, Scene, ok, scripted
from test_real_runs import Place, until

from bydawn.app.sending.posting import bounded, ping, post
from bydawn.app.sending.sender import Outlets, Sender
from bydawn.core.alarms import AGAIN_MS, GROUPED_MS
from bydawn.core.chain import Head
from bydawn.core.model import JobSpec, Notify
from bydawn.store import notices
from bydawn.store.store import Batch
from bydawn.watch.notices import Message, trial, unsent_lines

ALL = Notify(("HOOK", "OTHER"), ("failed", "parked", "stalled", "digest"), ping="PING",
             anchor=("note", "{{ head }}"))  # fmt: skip
ENVIRONMENT = {"HOOK": "https://a/secret-1", "OTHER": "https://b/secret-2", "PING": "https://p/"}
BAD = {"takes_ms": 1000, "ends": "exit 3"}


@dataclass
class Outside:
    """The world of the receivers."""

    messages: list[tuple[str, Message]] = field(default_factory=list)
    pings: list[tuple[str, str, str]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    def post(self, url: str, message: Message) -> str:
        self.messages.append((url, message))
        return self.answers.get(url, "")

    def ping(self, _url: str, step: str, rid: str, said: str) -> str:
        self.pings.append((step, rid, said))
        return ""

    def anchor(self, _batch: Batch, head: Head) -> str:
        self.heads.append(head)
        return ""

    def titles(self, url: str = ENVIRONMENT["HOOK"]) -> list[str]:
        return [message.title for to, message in self.messages if to == url]


def sender_of(scene: Scene, outside: Outside, alive: bool = False, **environment: str) -> Sender:
    outlets = Outlets(outside.post, outside.ping, outside.anchor)
    return Sender(scene.store, {**ENVIRONMENT, **environment}, lambda _: alive,
                  lambda batch: (f"{batch.address}: so it went", ["line"]), outlets)  # fmt: skip


NIGHT = "nightly@2026-11-19"


def night(scene: Scene, *specs: JobSpec, notify: Notify = ALL) -> Batch:
    batch = scene.submit(*specs, notify=notify)
    scene.drive(batch)
    return scene.fresh(batch)


def test_each_cause_is_told_once_by_however_many_senders(scene: Scene) -> None:
    night(scene, scripted("a", BAD, retries=0), scripted("b", BAD, retries=0), scripted("c", ok()))
    outside = Outside()
    for _ in range(3):
        sender_of(scene, outside).turn()
        sender_of(scene, outside).turn()
    assert outside.titles() == [f"{NIGHT}: 2 jobs failed (exit 3)", f"{NIGHT}: so it went"]
    assert outside.titles(ENVIRONMENT["OTHER"]) == outside.titles()
    assert [step for step, _, _ in outside.pings] == ["fail"]
    assert len(outside.heads) == 1
    assert outside.messages[0][1].head is not None


def test_a_start_and_its_end_share_a_run_id(scene: Scene) -> None:
    batch = scene.submit(scripted("a", ok()), notify=ALL)
    outside = Outside()
    sender_of(scene, outside, alive=True).turn()
    scene.drive(batch)
    sender_of(scene, outside).turn()
    (start, first, _), (end, last, said) = outside.pings
    assert (start, end, said) == ("start", "", "exit 0 (succeeded)")
    assert first == last


def test_what_failed_is_tried_again_later_and_then_given_up(scene: Scene) -> None:
    batch = night(scene, scripted("a", BAD, retries=0), notify=Notify(("HOOK",), ("failed",)))
    outside = Outside(answers={ENVIRONMENT["HOOK"]: "answered 500 at https://a/secret-1"})
    sender = sender_of(scene, outside)
    for _ in range(20):
        assert sender.turn() == (len(outside.messages) < notices.MOST_TRIES)
        scene.clock.wind(HOUR)
    assert len({message.id for _, message in outside.messages}) == 1
    (told,) = notices.told(scene.store.session, batch.number)
    assert told.is_given_up
    (line,) = unsent_lines([told])
    assert line.startswith("not told: failed:exit_3 to HOOK: answered 500 at ****")
    assert "secret-1" not in line


def test_it_waits_while_others_are_told(scene: Scene) -> None:
    night(scene, scripted("a", BAD, retries=0))
    outside = Outside(answers={ENVIRONMENT["HOOK"]: "answered 500"})
    sender_of(scene, outside).turn()
    outside.answers.clear()
    scene.clock.wind(HOUR)
    sender_of(scene, outside).turn()
    assert len(outside.titles()) == 4
    assert len(outside.titles(ENVIRONMENT["OTHER"])) == 2


def test_a_sender_that_died_at_it_is_followed_by_another(scene: Scene) -> None:
    batch = night(scene, scripted("a", BAD, retries=0), notify=Notify(("HOOK",), ("failed",)))
    address = notices.Address(batch.number, "failed:exit_3", 0, "HOOK")
    assert notices.claim(scene.store.session, address)
    outside = Outside()
    sender_of(scene, outside).turn()
    assert outside.messages == []
    scene.clock.wind(HOUR)
    sender_of(scene, outside).turn()
    assert len(outside.messages) == 1


def test_a_variable_that_is_not_set_is_no_reason_to_wait(scene: Scene) -> None:
    batch = night(scene, scripted("a", ok()), notify=Notify(("NOWHERE",), ("digest",)))
    assert sender_of(scene, Outside()).turn() is False
    assert [one.error for one in notices.told(scene.store.session, batch.number)] == ["is not set"]


def test_what_is_parked_is_told_again_until_somebody_answers(scene: Scene) -> None:
    batch = night(scene, scripted("a", {"takes_ms": 1000, "ends": "vanish"}),
                  notify=Notify(("HOOK",), ("parked",)))  # fmt: skip
    outside = Outside()
    sender = sender_of(scene, outside)
    for _ in range(6):
        assert sender.turn() is True
        scene.clock.wind(AGAIN_MS[1])
    assert outside.titles() == [
        f"{NIGHT}: 1 job waits for you (lost)",
        f"{NIGHT}: 1 job waits for you (lost), for 1h00m00s now",
        f"{NIGHT}: 1 job waits for you (lost), for 4h00m00s now",
    ]
    job = scene.job(batch, "a")
    scene.store.resolve(job.number, "failed", "seen", scene.chance.nonce)
    assert sender.turn() is False
    scene.clock.wind(AGAIN_MS[3])
    sender.turn()
    assert len(outside.messages) == 3


def test_many_failures_in_a_running_night_come_together(scene: Scene) -> None:
    specs = [scripted(f"j{n}", BAD, retries=0) for n in range(6)]
    batch = scene.submit(*specs, scripted("long", ok(5 * HOUR)), notify=ALL)
    outside = Outside()
    sender = sender_of(scene, outside, alive=True)
    looked: list[int] = []

    def look() -> None:
        if scene.clock.utc_ms() - batch.opened_at < GROUPED_MS:
            sender.turn()
            looked.append(len(outside.messages))

    scene.drive(batch, hours=0.5, turned=look)
    assert set(looked) == {0}
    sender.turn()
    assert outside.titles() == [f"{NIGHT}: 6 jobs failed (exit 3)"]
    assert len(outside.messages[0][1].lines) == 5 + 3
    scene.clock.wind(AGAIN_MS[1])
    sender.turn()
    assert len(outside.titles()) == 1


def test_what_a_deadline_left_in_the_queue_is_told(scene: Scene) -> None:
    notify = Notify(("HOOK",), ("deadline", "budget"))
    at = scene.clock.utc_ms() + 60_000
    batch = scene.submit(
        scripted("a", ok(3_600_000)), scripted("b", ok()), scripted("c", ok()),
        parallel=1, deadline_at=at, on_deadline="finish", notify=notify,
    )  # fmt: skip
    scene.drive(batch)
    outside = Outside()
    sender_of(scene, outside).turn()
    assert outside.titles() == [f"{NIGHT}: 2 jobs stopped by the deadline (never started)"]


def test_a_digest_comes_at_its_hour_and_again_at_a_later_end(scene: Scene) -> None:
    notify = Notify(("HOOK",), ("digest",), digest_at="00:00")
    batch = scene.submit(scripted("a", ok()), notify=notify)
    outside = Outside()
    sender = sender_of(scene, outside, alive=True)
    sender.turn()
    assert outside.messages == []
    scene.clock.wind(24 * HOUR)
    sender.turn()
    assert len(outside.messages) == 1
    scene.drive(batch)
    sender.turn()
    sender.turn()
    assert len(outside.messages) == 2


def test_a_night_that_is_over_waits_for_the_hour_of_its_digest(scene: Scene) -> None:
    night(scene, scripted("a", ok()), notify=Notify(("HOOK",), ("digest",), digest_at="00:00"))
    outside = Outside()
    sender = sender_of(scene, outside)
    assert sender.turn() is True
    scene.clock.wind(24 * HOUR)
    assert sender.turn() is False
    assert len(outside.messages) == 1


def test_secrets_and_escapes_do_not_leave(scene: Scene) -> None:
    said = {"takes_ms": 1000, "ends": "error tok-SECRET-9\x1b[2J"}
    night(scene, scripted("a", said, retries=0))
    outside = Outside()
    sender_of(scene, outside, MY_TOKEN="tok-SECRET-9").turn()
    text = json.dumps([message.document() for _, message in outside.messages])
    assert "SECRET" not in text
    assert "\\u001b" not in text


def test_a_webhook_is_json_that_chats_understand(
    receiver: Received,
) -> None:
    url, seen = receiver
    assert post(f"{url}/ok", trial("night", "failed", 0)) == ""
    document = json.loads(seen[0][1])
    assert document["schema"] == "bydawn/notice/1"
    assert document["text"] == document["content"]
    assert "this is a test" in document["text"]


def test_endpoints_that_do_not_work_are_told_apart(
    receiver: Received,
) -> None:
    url, seen = receiver
    message = trial("night", "failed", 0)
    assert post(f"{url}/500", message) == "answered 500 Internal Server Error"
    assert post(f"{url}/away", message) == "answered 302 Found"
    assert [path for path, _ in seen] == ["/500", "/away"]
    assert "could not be reached" in post("http://127.0.0.1:9/x", message)
    assert post("http://[", message) != ""
    assert post("file:///etc/passwd", message) != ""
    assert ping("ftp://x", "", "", "") == "is not an http or https address"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own
def test_other_addresses_go_through_apprise(
    receiver: Received, capfd: pytest.CaptureFixture[str]
) -> None:
    url, seen = receiver
    place = url.removeprefix("http://")
    message = trial("night", "failed", 0)
    assert post(f"json://{place}/hook-secret", message) == ""
    assert "this is a test" in json.loads(seen[0][1])["title"]
    assert post("json://127.0.0.1:9/hook-secret", message) == "was not accepted"
    assert post("nosuch://hook-secret", message) == "is no address that apprise knows"
    assert "hook-secret" not in "".join(capfd.readouterr())


def test_an_endpoint_that_hangs_is_left(receiver: Received) -> None:
    url, _ = receiver
    message = trial("night", "failed", 0)
    assert bounded(lambda: post(f"{url}/hang", message), 0.2) == "gave no answer in 0 s"


def test_a_ping_goes_where_it_belongs(receiver: Received) -> None:
    url, seen = receiver
    assert ping(f"{url}/uuid", "start", "r-1") == ""
    assert ping(f"{url}/uuid/?a=1", "fail", "r-1", "exit 1") == ""
    assert ping(f"{url}/uuid", "", "r-1") == ""
    assert [path for path, _ in seen] == [
        "/uuid/start?rid=r-1", "/uuid/fail?a=1&rid=r-1", "/uuid?rid=r-1",
    ]  # fmt: skip


PLAN = """
schema = 1
name = "night"
[[job]]
id = "bad"
argv = ["false"]
retries = 0
[notify]
urls = ["env:HOOK"]
"""


@pytest.mark.parametrize("path", ["/ok", "/hang"])
def test_a_real_night_is_told_by_a_process_of_its_own(
    tmp_path: Path, receiver: Received, path: str
) -> None:
    """Where the endpoint hangs, the night is over all the same."""
    url, seen = receiver
    place = Place(tmp_path)
    place.environment["HOOK"] = url + path
    code, out, _ = place.run("run", place.plan(PLAN))
    assert (code, out.splitlines()[-1].split(" in ")[0]) == (1, "1 failed")
    until(lambda: len(seen) >= 1)
    with sqlite3.connect(tmp_path / ".bydawn" / "store.db") as store:
        if path == "/ok":
            until(lambda: not store.execute(
                "SELECT 1 FROM notice WHERE sent_at IS NULL").fetchone())  # fmt: skip
            assert len(seen) == 2
        else:
            assert store.execute("SELECT count(*) FROM notice WHERE sent_at IS NULL").fetchone()
    store.close()
    end_sender(tmp_path)


def end_sender(folder: Path) -> None:
    """End the sender of this place, if it is still at it."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = Path(os.readlink(entry / "cwd")) == folder
            if is_ours and b"sender" in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGTERM)
        except OSError:
            continue


RECIPE = Path(__file__).resolve().parents[2] / "docs" / "recipes" / "being-told.md"


def test_the_recipe_is_a_plan(tmp_path: Path) -> None:
    block = RECIPE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    place = Place(tmp_path)
    place.plan(f'schema = 1\nname = "night"\n[[job]]\nid = "a"\nargv = ["true"]\n{block}')
    place.environment["BYDAWN_NOTIFY_URL"] = "https://hooks.example/x"
    code, _, err = place.run("check", "night.toml")
    assert code == 0
    assert "BYDAWN_PING_URL is not set here (bydawn notify test tries it out)" in err
    assert "BYDAWN_NOTIFY_URL" not in err


def test_notify_test_says_who_was_reached(tmp_path: Path, receiver: Received) -> None:
    url, seen = receiver
    place = Place(tmp_path)
    place.environment |= {"HOOK": f"{url}/ok", "BAD": f"{url}/500"}
    plan = PLAN.replace('["env:HOOK"]', '["env:HOOK", "env:BAD", "env:NOWHERE"]')
    code, out, err = place.run("notify", "test", place.plan(plan), "--event", "parked")
    assert code == 69
    assert [line.split(maxsplit=2)[2] for line in out.splitlines()] == [
        "sent", "answered 500 Internal Server Error", "is not set",
    ]  # fmt: skip
    assert url not in out + err
    assert b"this is a test of what parked looks like" in seen[0][1]
    assert place.run("notify", "test")[0] == 2
