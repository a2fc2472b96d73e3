"""The demonstration: played for real, and shown that its own judgement can fail."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from bydawn.app.first_hour import demo_night
from bydawn.app.first_hour.demo import demo
from bydawn.app.first_hour.demo_night import (
    FAILURES,
    FLAKY,
    FRONT,
    HOPELESS,
    LENGTHS,
    Night,
    Record,
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_it_tells_the_whole_story_and_leaves_nothing_behind(temporary: Path) -> None:
    told: list[str] = []
    pauses: list[float] = []
    began = time.monotonic()
    assert demo(told.append, True, pauses.append) == 0, "\n".join(told)
    assert time.monotonic() - began < 15
    text = "\n".join(told)
    order = [
        "A night of 12 jobs",
        "$ bydawn run nightly.toml",
        f"    {time.strftime('%H:')}",
        "kill -9",
        "They go on by themselves",
        "The same command again",
        "$ bydawn run nightly.toml",
        "11 succeeded, 1 failed",
        "$ bydawn report",
        "a third time",
        "Checked against",
        "Nothing was left behind",
    ]
    at = 0
    for words in order:
        at = text.index(words, at)
    assert text.count("  ok    ") == 7
    assert list(temporary.iterdir()) == []
    assert pauses


def test_slowly_it_gives_time_to_read_and_stays_under_a_minute() -> None:
    from bydawn.app.first_hour.demo import _UNIT_S

    assert max(LENGTHS.values()) * _UNIT_S < 20


def test_a_claim_that_is_false_is_told_and_the_folder_kept(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that says it was launched twice is what a second launch would look like."""
    agent = demo_night._AGENT
    twice = agent.replace(
        'record("launched", attempt=ATTEMPT)\n', 'record("launched", attempt=ATTEMPT)\n' * 2
    )
    assert twice != agent
    monkeypatch.setattr(demo_night, "_AGENT", twice)
    told: list[str] = []
    assert demo(told.append, True, lambda _: None) == 1
    assert any(line.startswith("  FALSE 14 launches in all") for line in told)
    (kept,) = temporary.iterdir()
    assert told[-1] == f"The folder was kept: {kept}"


def test_a_night_that_cannot_be_played_ends_in_words(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_night, "_JOB", "[[nonsense]]\n")
    told: list[str] = []
    assert demo(told.append, True, lambda _: None) == 1
    assert "  FALSE the runner ended before it could be killed" in told
    assert len(list(temporary.iterdir())) == 1


def test_the_night_is_the_reference_night() -> None:
    assert len(LENGTHS) == 12
    assert (sum(LENGTHS.values()), max(LENGTHS.values())) == (214, 79)
    assert {FLAKY, HOPELESS, FRONT} < set(LENGTHS)


def test_the_record_says_who_is_at_work(tmp_path: Path) -> None:
    night = Night(tmp_path, 0.1)
    assert night.record() == Record([])
    lines = [
        '{"what": "launched", "job": "a", "pid": 1}',
        '{"what": "launched", "job": "b", "pid": 2}',
        '{"what": "done", "job": "a", "pid": 1}',
        '{"what": "wrote", "job": "b", "pid": 2, "page": "x"}',
        '{"what": "laun',
    ]
    (tmp_path / "recorder.jsonl").write_text("\n".join(lines))
    record = night.record()
    assert record.launches == Counter({"a": 1, "b": 1})
    assert record.working() == ["b"]
    assert record.pages() == ["x"]
    assert FAILURES == 2
