"""Reports in the form they are filed in. Loaded only where one is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.watch import exports
from bydawn.watch.documents import Document, Reading, batch_document
from bydawn.watch.morning import Morning, gather_morning, morning_document
from bydawn.watch.page import page
from bydawn.watch.sanitise import json_text

if TYPE_CHECKING:
    from bydawn.app import App
    from bydawn.watch.rows import Batch


def report_lines(app: App, reading: Reading, batch: Batch) -> list[str]:
    """The report for a screen."""
    return exports.text(morning_of(app, reading, batch), None)


def morning_of(app: App, reading: Reading, batch: Batch) -> Morning:
    """A night from all sides, as it stands now."""
    fresh = reading.store.batch(batch.number)
    return gather_morning(reading, fresh, app.next_night(Path(batch.source)))


def report_text(
    app: App, reading: Reading, batch: Batch, form: str, document: Document | None = None
) -> str:
    """A report in one of its forms, with its line ends."""
    if form in ("csv", "junit"):
        document = document or batch_document(reading, batch)
        return exports.table_csv(document) if form == "csv" else exports.junit(document)
    if form == "text":
        return "\n".join(report_lines(app, reading, batch)) + "\n"
    told = morning_of(app, reading, batch)
    if form == "md":
        return "\n".join(exports.markdown(told, None)) + "\n"
    document = document or batch_document(reading, batch)
    if form == "html":
        return page(reading, told, document, None)
    return json_text({**document, "morning": morning_document(told)}) + "\n"
