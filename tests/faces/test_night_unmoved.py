"""Whatever becomes of its messages, the night is the same; its report says what was not told."""

from __future__ import annotations

import itertools
import socket
from datetime import UTC
from pathlib import Path

import pytest
from receiving import Received
from reference import reference_night
from scene import HOUR, Scene
from test_notices import end_sender
from test_real_runs import Place, until

from bydawn.app.sending.sender import Outlets, Sender
from bydawn.core.model import Notify
from bydawn.store import notices, read
from bydawn.watch.exports import text
from bydawn.watch.morning import gather_morning

_LOOKS = 20
HOOK = Notify(("HOOK",), ("failed", "parked", "budget", "stalled", "digest"))


def played(folder: Path, answer: str | None) -> tuple[list[tuple[object, ...]], str]:
    """When each job of the reference night began and ended, and the report of it; ``answer`` is
    what the endpoint says, None for a night nobody tells of."""
    folder.mkdir()
    scene = Scene(folder)
    sender = Sender(
        scene.store, {"HOOK": "https://a/hook-of-mine"}, lambda _: True,
        lambda batch: (batch.address, []), Outlets(post=lambda _, __: answer or ""),
    )  # fmt: skip

    turns = itertools.count()

    def turned() -> None:
        if answer is not None and next(turns) % _LOOKS == 0:
            sender.turn()

    batch = reference_night(scene, earlier=0, turned=turned, notify=HOOK)
    for _ in range(notices.MOST_TRIES * (answer is not None)):
        scene.clock.wind(HOUR)
        sender.turn()
    jobs = [
        (job.name, job.state, job.reason, job.attempts, job.intended_at, job.started_at,
         job.ended_at, job.cost_micros)
        for job in read.jobs(scene.store.session, batch.number)
    ]  # fmt: skip
    report = "\n".join(text(gather_morning(scene.reading(), scene.fresh(batch)), UTC))
    scene.store.close()
    return jobs, report


def test_the_night_is_the_same_to_the_millisecond(tmp_path: Path) -> None:
    untold, report = played(tmp_path / "untold", None)
    assert "not told" not in report
    jobs, report = played(tmp_path / "500", "answered 500")
    assert jobs == untold
    said = " ".join(report.split())
    assert "not told: failed:exit_3 to HOOK: answered 500 (given up)" in said
    assert "hook-of-mine" not in said


PLAN = """
schema = 1
name = "night"
[[job]]
id = "bad"
argv = ["false"]
retries = 0
[[job]]
id = "goes-on"
shell = "while [ ! -e {gate} ]; do sleep 0.05; done"
[notify]
urls = ["env:HOOK"]
on = ["failed"]
"""


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.wide
@pytest.mark.parametrize("path", ["/hang", "/500", "gone"])
def test_a_real_night_ends_while_the_endpoint_does_not_work(
    tmp_path: Path, receiver: Received, path: str
) -> None:
    """It has been called, and hangs still or has failed, before the last job may even end."""
    url, seen = receiver
    place = Place(tmp_path)
    place.environment["HOOK"] = (
        f"http://127.0.0.1:{closed_port()}/" if path == "gone" else url + path
    )
    plan = place.plan(PLAN.format(gate=tmp_path / "go"))
    running = place.start("run", plan)
    if path == "gone":
        until(lambda: "could not be reached" in place.run("report", "night")[1])
    else:
        until(lambda: bool(seen))
    (tmp_path / "go").touch()
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 1
    assert "1 succeeded, 1 failed" in out
    until(lambda: "not told: failed:exit_1 to HOOK: " in " ".join(
        place.run("report", "night")[1].split()))  # fmt: skip
    assert len(seen) <= notices.MOST_TRIES
    end_sender(tmp_path)
