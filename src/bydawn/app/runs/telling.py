"""Run a plan for a Python program and tell it how it came out."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from bydawn.app.app import App, open_app
from bydawn.app.readings import reading_of
from bydawn.app.results import BatchResult, Document, batch_result
from bydawn.app.values import Invocation, Ran, RunWanted
from bydawn.plan import Overrides, Plan
from bydawn.watch.documents import batch_document, batches_document, done_before

if TYPE_CHECKING:
    from bydawn.store.store import Batch, Store


def run_and_tell(app: App, planned: Plan, retry_failed: bool) -> BatchResult:
    """Run it until it is joined; a signal that made us let go then takes its usual course."""
    face = _Watching()
    wanted = RunWanted(Overrides(), retry_failed=retry_failed)
    ran = app.run_planned(planned, wanted, face)
    if ran.signal is not None:
        signal.raise_signal(ran.signal)
    return _result(app, ran, face.before)


class _Watching:
    """A face that says nothing aloud; notes become Python's warnings."""

    def __init__(self) -> None:
        self.before: frozenset[int] = frozenset()

    def opened(self, store: Store, batch: Batch, already_done: int) -> None:
        if already_done:
            self.before = done_before(store, batch)

    def hear(self, wake: Callable[[], None]) -> None:
        """Nobody to be woken for."""

    def turned(self) -> None:
        """Nothing to say."""

    def note(self, text: str) -> None:
        warnings.warn(text, stacklevel=2)


def _result(app: App, ran: Ran, before: frozenset[int]) -> BatchResult:
    assert ran.batch is not None
    number, invocation = ran.batch.number, app.invocation
    told = batches_document(reading_of(app, before), [app.store.batch(number)])["batches"][0]
    head = {**told, "exit_code": ran.exit_code, "outcome": ran.outcome, "reasons": [*ran.reasons]}
    head["counts"] = {**told["counts"], "already_done": ran.already_done}
    return batch_result(head, lambda: _jobs(invocation, number, before))


def _jobs(invocation: Invocation, number: int, before: frozenset[int]) -> list[Document]:
    app = open_app(invocation)
    try:
        batch = app.existing_store().batch(number)
        jobs: list[Document] = batch_document(reading_of(app, before), batch)["jobs"]
        return jobs
    finally:
        app.close()
