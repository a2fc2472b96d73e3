"""The live screen as lines: what is on it, and that it always fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.watch.painting import (
    KEYS,
    Frame,
    Purse,
    Room,
    Shown,
    board_lines,
    keys_lines,
    log_lines,
    marked_state,
)
from bydawn.watch.sanitise import inert, width

HOUR = 3_600_000
NOW = 1_760_000_000_000
ROWS = st.lists(
    st.builds(
        Shown, st.integers(1, 99), st.text(max_size=50),
        st.sampled_from(["failed", "parked", "running", "queued"]),
        st.integers(0, 99), st.none() | st.integers(0, 10**9), st.integers(0, 10**9),
        st.none() | st.integers(0, 10**10), st.just("a note"), st.none() | st.integers(0, 10**9),
    ),
    max_size=30,
)  # fmt: skip
FRAME = Frame(
    title="nightly@2026-11-19",
    counts={"succeeded": 8, "failed": 1, "running": 2, "queued": 1},
    elapsed_ms=1_630_000,
    rows=[
        Shown(1, "link-audit-b", "failed", 1, 125_000, 0, None, "exit 3"),
        Shown(2, "article-c", "running", 2, 1_629_000, 402_000, 480_000, "", 4_250),
    ],
    deadline_at=NOW + 2 * HOUR,
    now=NOW,
    ends_at=NOW + HOUR,
    purse=Purse(3_580_000, 12_000_000, 1_970_000, 1_610_000, 6_000_000),
    pools=[("gemini", 2, 4), ("git", 0, 1)],
)


@given(ROWS, st.integers(20, 160), st.integers(4, 60), st.none() | st.integers(1, 99))
def test_a_screen_always_fits(
    rows: list[Shown], columns: int, lines: int, chosen: int | None
) -> None:
    frame = replace(FRAME, rows=rows, counts={"running": 40})
    room = Room(columns, lines)
    drawings = (
        board_lines(frame, room, UTC, chosen, "hint"),
        keys_lines(frame, room, UTC),
        log_lines("job", ["printed"] * 99, room),
    )
    for drawn in drawings:
        assert len(drawn) <= lines
        assert all(width(line) <= columns and inert(line) == line for line in drawn)


def test_the_board() -> None:
    bar = "#" * 27 + "-" * 9
    assert board_lines(FRAME, Room(110, 20), UTC, chosen=2, hint="? keys") == [
        " nightly@2026-11-19   27m10s   ends about 09:53   deadline 10:53 (in 2h00m00s)",
        f" [{bar}] 9/12   8 succeeded  1 failed  2 running  1 waiting",
        " $3.58 of $12.00 ($1.97 set aside)   1.61M of 6.00M tokens   gemini 2/4  git 0/1",
        "   JOB          STATE     TRY   ELAPSED LAST SIGN  TOKENS     USD  NOTE",
        " x link-audit-b failed      1     2m05s         -       -       -  exit 3",
        "*> article-c    running     2    27m09s  4.0s ago    402k    0.48",
        "   … 10 more",
        " ? keys",
    ]


def test_a_narrow_board_keeps_what_matters() -> None:
    drawn = board_lines(FRAME, Room(48, 20), UTC)
    assert drawn[3:6] == [
        "   JOB          STATE       ELAPSED  NOTE",
        " x link-audit-b failed        2m05s  exit 3",
        " > article-c    running      27m09s",
    ]


def test_a_paused_batch_says_so() -> None:
    assert "PAUSED" in board_lines(replace(FRAME, is_paused=True), Room(110, 20), UTC)[0]


def test_a_passed_deadline_says_so() -> None:
    late = replace(FRAME, now=NOW + 3 * HOUR)
    assert "(passed)" in board_lines(late, Room(110, 20), UTC)[0]


def test_the_end_of_a_log_is_shown() -> None:
    lines = [f"line {number}" for number in range(50)]
    drawn = log_lines("a job", lines, Room(80, 6))
    assert drawn == [
        " a job: what it prints", "line 46", "line 47", "line 48", "line 49",
        " any key goes back",
    ]  # fmt: skip
    assert log_lines("a job", [], Room(80, 6))[1] == "(it has printed nothing yet)"


@pytest.mark.parametrize("key", [key for key, _ in KEYS])
def test_every_key_is_explained(key: str) -> None:
    assert any(line.startswith(f"   {key}") for line in keys_lines(FRAME, Room(110, 30), UTC))


def test_lines_know_their_state() -> None:
    assert marked_state(" x link-audit-b   failed") == "failed"
    assert marked_state("*> article-c      running") == "running"
    assert marked_state(" [####----] 3/6") is None
