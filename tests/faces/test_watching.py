"""``bydawn watch``: a batch that others are at work on, or that nobody is."""

from __future__ import annotations

import pytest
from test_real_runs import WAITING, Place, place, until

from bydawn.watch.wording import UNSERVED

__all__ = ["place"]


@pytest.fixture
def abandoned(place: Place) -> Place:
    """A night whose runner was killed, while its run goes on."""
    plan = place.plan(WAITING.format(gate=place.folder / "go"))
    running = place.start("run", plan)
    until(lambda: place.state_of("night/long") == "running")
    running.kill()
    running.communicate()
    return place


def test_a_night_nobody_is_at_work_on_is_told_and_then_followed(abandoned: Place) -> None:
    watching = abandoned.start("watch", "night")
    assert watching.stderr is not None
    said = ""
    while UNSERVED not in said:
        line = watching.stderr.readline()
        assert line, "it left"
        said += line
    assert f"night: {UNSERVED}" in abandoned.run("status")[2]
    (abandoned.folder / "go").touch()
    code, _, told = abandoned.run("run", "night.toml")
    assert (code, "night: 1 job, 1 already running" in told) == (0, True)
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert out.startswith("1 succeeded in ")
    assert "long succeeded" in err
    assert (said + err).count(UNSERVED) == 1


def test_a_night_that_is_over_is_told_at_once(place: Place) -> None:
    place.plan('name = "night"\n[[job]]\nid = "a"\nargv = ["true"]\n')
    assert place.run("run", "night.toml")[0] == 0
    code, out, err = place.run("watch")
    assert (code, UNSERVED in err) == (0, False)
    assert out.startswith("1 succeeded in ")
