"""Counters over whole lives: whatever path a job takes, what it took it gives back."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from making import METERED, job

from bydawn.core import counting
from bydawn.core.accounts import account_of_day, launches_of, tokens_of, usd_of
from bydawn.core.budgets import total_tokens
from bydawn.core.decide import Move
from bydawn.core.recording import apply, begin
from bydawn.core.sightings import Usage
from bydawn.core.states import SLOTTED, TABLE, TERMINAL, Event, State

_MOVES = [(row.from_state, row.event, to) for row in TABLE for to in row.to_states]
_USAGES = (None, METERED, Usage(), Usage({"input_tokens": 4}), Usage({}, 900))


@given(st.data())
def test_slots_money_and_launches_of_any_legal_history(data: st.DataObject) -> None:
    """A walk over the table: the counters equal what the job itself says at every step."""
    known = job("queued", pool="p", attempts=0)
    used: Counter[str] = Counter()
    launched = 0
    for _ in range(data.draw(st.integers(1, 30))):
        legal = [move for move in _MOVES if move[0] == known.state]
        _, event, to = data.draw(st.sampled_from(legal))
        change = begin(known)
        if event is Event.INTENDED:
            known.reserved_micros, known.reserved_tokens = 100, 50
            used.update({"slots:1": 1, "pool:p": 1, "usd:1": 100, "tokens:1": 50, "launches:1": 1})
            launched += 1
            known.state, known.attempts = to.value, known.attempts + 1
            continue
        is_end = event in _ENDS and known.state in _LIVE and to is not State.RUNNING
        usage = data.draw(st.sampled_from(_USAGES)) if is_end else None
        before = known.state
        move = Move(event, to, None, _columns(known.usage, known.cost_micros, usage))
        apply(change, move, usage)
        launched -= change.deltas.get("launches:1", 0) and 1
        for name, delta in change.deltas.items():
            used[name] += delta
        assert used["slots:1"] == used["pool:p"] == (State(known.state) in SLOTTED), before
        assert used["launches:1"] == launched
        assert used["usd:1"] == known.reserved_micros + (known.cost_micros or 0)
        assert used["tokens:1"] == known.reserved_tokens + total_tokens(
            json.loads(known.usage or "{}")
        )
        if State(known.state) in TERMINAL | {State.QUEUED, State.FINISHING}:
            assert known.reserved_micros == known.reserved_tokens == 0


_ENDS = {Event.ENDED, Event.JUDGED, Event.STOPPED, Event.CANCELLED, Event.SURFACED}
_LIVE = (State.RUNNING.value, State.PARKED.value)


def _columns(
    tokens: str | None, cost: int | None, usage: Usage | None
) -> dict[str, str | int | None]:
    """What judging writes of a meter: the running totals."""
    columns: dict[str, str | int | None] = {}
    if usage is not None and usage.tokens:
        total = Counter(json.loads(tokens or "{}")) + Counter(usage.tokens)
        columns["usage"] = json.dumps(total)
    if usage is not None and usage.cost_micros is not None:
        columns["cost_micros"] = (cost or 0) + usage.cost_micros
    return columns


def test_every_cap_has_a_counter_of_its_own() -> None:
    names = [
        counting.slots(1), counting.slots(2), counting.pool_slots("1"), counting.pool_rate("1"),
        counting.started_as_canary(1), counting.succeeded(1), counting.retries(1),
        usd_of("1"), tokens_of("1"), launches_of("1"), usd_of("2"), usd_of("1:site=a"),
        usd_of(account_of_day("2026-11-19")),
    ]  # fmt: skip
    assert len(names) == len(set(names))
