"""The rows that reading starts from, by the names faces may use for them."""

from __future__ import annotations

from bydawn.store.finding import Wanted
from bydawn.store.read import EventRow
from bydawn.store.store import Batch, Store

__all__ = ["Batch", "EventRow", "Store", "Wanted"]
