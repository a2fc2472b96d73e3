"""Ten thousand events: no edit, gap, swap, cut or rewriting goes unseen."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from bydawn.core import audit
from bydawn.core.audit import ChainReader, Findings, Flaw
from bydawn.core.chain import Head, Sealer, chained, sealer, start

Row = tuple[Any, ...]
EVENTS = 10_000
STORE = "s_test"
OURS = sealer(b"k" * 32)
THEIRS = sealer(b"x" * 32)
FIELDS = range(1, 12)


@pytest.fixture(autouse=True)
def list_all_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_FAULTS", EVENTS * 2)


def event(number: int) -> Row:
    """Like the ones runners write, with every field filled somewhere and empty somewhere."""
    detail = None if number % 3 else f'{{"target": "a b {number}\\n\u00e9"}}'
    return (
        1_700_000_000_000 + number, 1 + number % 3, None if number % 11 == 0 else number % 500,
        ("intended", "launched", "ended", "settled")[number % 4], None if number % 5 else "queued",
        None if number % 7 else "launching", None if number % 13 else "backoff",
        number, number % 4, None if number % 17 == 0 else f"r_{number % 2}", detail,
    )  # fmt: skip


def written(by: Sealer | None = OURS, count: int = EVENTS) -> list[Row]:
    """A journal, written in groups of one to nine."""
    head, rows, chance = start(STORE, 0), [], random.Random(7)
    while len(rows) < count:
        size = min(chance.randint(1, 9), count - len(rows))
        head, more = chained(head, [event(len(rows) + n + 1) for n in range(size)], by)
        rows += more
    return rows


WHOLE = written()
END = Head(WHOLE[-1][0], WHOLE[-1][12])


def read(rows: list[Row], *anchors: Head) -> Findings:
    reader = ChainReader(STORE, [OURS], anchors)
    for row in rows:
        reader.take(row)
    return reader.close()


def at(findings: Findings, *flaws: Flaw) -> set[int]:
    return {one.first for one in findings.faults if one.flaw in flaws}


def changed(row: Row, place: int, chance: random.Random) -> Row:
    """One byte of one field is another; what was empty is filled."""
    value = row[place]
    if isinstance(value, int):
        new: Any = value ^ (1 << chance.randrange(16))
    elif not value:
        new = "x"
    else:
        spot = chance.randrange(len(value))
        letter = chr(ord(value[spot]) ^ (1 << chance.randrange(7)))
        new = value[:spot] + letter + value[spot + 1 :]
    return (*row[:place], new, *row[place + 1 :])


def test_what_was_written_is_whole() -> None:
    found = read(WHOLE, END, Head(77, WHOLE[76][12][:16]))
    assert (found.total, found.events, found.head, found.uncovered) == (0, EVENTS, END, 0)


@pytest.mark.parametrize("place", FIELDS)
def test_every_event_shows_an_edit_of_any_field(place: int) -> None:
    chance = random.Random(place)
    found = read([changed(row, place, chance) for row in WHOLE])
    assert at(found, Flaw.CHANGED) == {row[0] for row in WHOLE}


@pytest.mark.parametrize("place", [12, 13])
def test_every_edit_of_a_hash_or_a_seal_shows(place: int) -> None:
    chance = random.Random(3)
    for row in WHOLE:
        if row[place] is None:
            continue
        reader = standing_before(row[0])
        reader.take(changed(row, place, chance))
        assert reader.close().total


def test_a_seal_taken_away_shows() -> None:
    rows = [(*row[:13], None) if row[13] else row for row in WHOLE]
    assert at(read(rows), Flaw.CHANGED) == {row[0] for row in WHOLE if row[13]}


def test_every_event_left_out_shows() -> None:
    gone = set(range(2, EVENTS, 2))
    rows = [row for row in WHOLE if row[0] not in gone]
    assert at(read(rows), Flaw.MISSING) == gone


def test_an_event_left_out_and_the_others_moved_up_shows() -> None:
    for gone in range(1, EVENTS, 97):
        reader = standing_before(gone)
        reader.take((gone, *WHOLE[gone][1:]))
        assert reader.close().total


def test_every_swap_of_neighbours_shows() -> None:
    for shift in (0, 1):
        rows = list(WHOLE)
        for place in range(shift, EVENTS - 1, 2):
            one, other = rows[place], rows[place + 1]
            rows[place] = (one[0], *other[1:])
            rows[place + 1] = (other[0], *one[1:])
        assert len(at(read(rows), Flaw.CHANGED)) >= EVENTS - 2


def test_swaps_over_any_distance_show() -> None:
    chance = random.Random(5)
    for _ in range(300):
        one, other = sorted(chance.sample(range(EVENTS), 2))
        reader = standing_before(one + 1)
        reader.take((one + 1, *WHOLE[other][1:]))
        assert reader.close().total


def test_every_cut_shows_against_a_noted_head() -> None:
    reader = ChainReader(STORE, [OURS], [END])
    for row in WHOLE[:-1]:
        reader.take(row)
        found = copy.deepcopy(reader).close()
        assert at(found, Flaw.CUT) == {row[0] + 1}


def test_a_cut_inside_a_group_shows_without_one() -> None:
    for row in WHOLE[:500]:
        found = standing_before(row[0] + 1).close()
        assert bool(found.total) == (row[13] is None)


@pytest.mark.parametrize("by", [None, THEIRS, sealer(b"")])
def test_a_tail_made_anew_without_the_key_shows_wherever_it_begins(by: Sealer | None) -> None:
    for first in range(1, EVENTS, 7):
        reader = standing_before(first)
        before = Head(first - 1, WHOLE[first - 2][12]) if first > 1 else start(STORE, 0)
        forged = [(*row[1:11], "forged") for row in WHOLE[first - 1 : first + 3]]
        _, rows = chained(before, forged, by)
        for row in rows:
            reader.take(row)
        assert reader.close().total


def test_a_tail_under_the_name_of_our_key_shows() -> None:
    liar = Sealer(OURS.id, THEIRS.key)
    head, rows = chained(start(STORE, 0), [event(1), event(2)], liar)
    assert at(read(rows), Flaw.BAD_SEAL) == {1}
    del head


def test_what_was_slipped_in_before_a_sealed_group_shows() -> None:
    head, first = chained(start(STORE, 0), [event(1)], OURS)
    head, slipped = chained(head, [event(2), event(3)], None)
    _, last = chained(head, [event(4), event(5)], OURS)
    found = read([*first, *slipped, *last])
    assert [(one.flaw, one.first, one.last) for one in found.faults] == [(Flaw.UNSEALED, 2, 3)]


def test_an_anchor_of_another_history_shows() -> None:
    other = written(OURS, 200)
    other[50] = changed(other[50], 1, random.Random(1))
    head, again = chained(Head(50, other[49][12]), [row[1:12] for row in other[50:]], OURS)
    rows = [*other[:50], *again]
    assert read(rows).total == 0
    found = read(rows, Head(200, WHOLE[199][12]))
    assert at(found, Flaw.NOT_ANCHORED) == {200}
    del head


def test_events_from_before_the_chain_are_counted_and_nothing_more() -> None:
    old = [(seq, *event(seq), None, None) for seq in (1, 2, 5)]
    _, new = chained(start(STORE, 5), [event(6), event(7)], OURS)
    found = read([*old, *new])
    assert (found.total, found.uncovered, found.events) == (0, 3, 5)


def test_making_covered_events_look_old_shows() -> None:
    rows = [(*row[:12], None, None) if row[0] <= 10 else row for row in WHOLE[:100]]
    assert read(rows).total


def test_values_of_other_kinds_show() -> None:
    seq, *fields = WHOLE[9]
    for place, value in ((0, "1"), (2, "-"), (4, b"queued"), (4, "-"), (10, 5), (6, 1.5)):
        other: list[Any] = [*fields]
        other[place] = value
        if value == fields[place]:
            continue
        reader = standing_before(seq)
        reader.take((seq, *other))
        assert reader.close().total, (place, value)


STANDINGS: dict[int, ChainReader] = {}


def standing_before(seq: int) -> ChainReader:
    """A reader that has taken all events before this one."""
    if not STANDINGS:
        reader = ChainReader(STORE, [OURS])
        for row in WHOLE:
            STANDINGS[row[0]] = copy.deepcopy(reader)
            reader.take(row)
    return copy.deepcopy(STANDINGS[seq])
