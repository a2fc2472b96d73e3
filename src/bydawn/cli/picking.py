"""Which batch is meant where none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bydawn.core.errors import UsageError

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import Batch


def newest_batch(app: App, address: str | None) -> Batch:
    """The batch that was named, else the one opened last."""
    if address is not None:
        return app.batch_at(address)
    found = app.existing_store().batches()
    if not found:
        raise UsageError("there are no batches in this store yet", "bydawn run PLAN makes one")
    return found[0]
