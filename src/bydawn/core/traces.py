"""Names by which others can follow a job: the job is the trace, the claim of it is the span."""

from __future__ import annotations

_SPAN = 0xFFFF_FFFF_FFFF_FFFF


def trace_id(key: str) -> str:
    """One trace for each job, the same in every attempt."""
    return key[:32]


def span_id(token: int) -> str:
    return f"{token & _SPAN:016x}"


def trace_parent(key: str, token: int) -> str:
    """W3C trace context, for the environment of a run."""
    return f"00-{trace_id(key)}-{span_id(token)}-01"
