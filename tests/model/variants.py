"""The protocol as it is built, which holds, and with one guard missing each, which must not."""

from __future__ import annotations

from typing import NamedTuple


class Variant(NamedTuple):
    story: str
    switches: tuple[str, ...]
    holds: bool

    @property
    def name(self) -> str:
        return "+".join(self.switches) or "as-built"


KEYED, SEARCHABLE, BLIND = "SERVICE=0", "SERVICE=1", "SERVICE=2"

VARIANTS = (
    Variant("as built, on a service that knows launch keys", (KEYED,), True),
    Variant("as built, on a service that lists its runs", (SEARCHABLE,), True),
    Variant("as built, on a service that does neither", (BLIND,), True),
    Variant("launching again whatever is found launching, where keys are known",
            ("LAUNCHES_WHATEVER", KEYED), True),
    Variant("launching again whatever is found launching",
            ("LAUNCHES_WHATEVER", SEARCHABLE), False),
    Variant("a launch that is written down after it was made", ("NO_INTENT", KEYED), False),
    Variant("a launch that does not look at its lease first", ("NO_SEND_BY", SEARCHABLE), False),
    Variant("a listing that is believed at once", ("NO_SETTLE", SEARCHABLE), False),
    Variant("absence that is believed at once, where keys are known", ("NO_SETTLE", KEYED), False),
    Variant("launching again in doubt", ("RELAUNCHES_IN_DOUBT", BLIND), False),
    Variant("starting anew what has vanished", ("REPEATS_WHAT_VANISHED", KEYED), False),
    Variant("writes that do not name their token", ("NO_TOKEN", KEYED), False),
    Variant("tokens that are given out again", ("TOKENS_AGAIN", KEYED), False),
    Variant("a cancel that is believed unconfirmed", ("BELIEVES_ITS_CANCEL", KEYED), False),
    Variant("a person's cancel by number only", ("CANCELS_BY_NUMBER", KEYED), False),
    Variant("a sweep by number only", ("SWEEPS_BY_NUMBER", KEYED), False),
    Variant("a target without a fence", ("NO_FENCE", KEYED), False),
    Variant("a fence that compares and does not install", ("COMPARES_ONLY", KEYED), False),
    Variant("a fence whose comparison and write are two steps", ("SPLIT", KEYED), False),
)  # fmt: skip
