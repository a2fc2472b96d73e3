"""Reports in the form they are filed in. Loaded only where one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bydawn.watch import exports
from bydawn.watch.documents import Document, Reading, batch_document
from bydawn.watch.morning import gather_morning, morning_document
from bydawn.watch.page import page
from bydawn.watch.sanitise import json_text

if TYPE_CHECKING:
    from bydawn.watch.rows import Batch


def report_lines(reading: Reading, batch: Batch) -> list[str]:
    """The report for a screen."""
    return exports.text(gather_morning(reading, reading.store.batch(batch.number)), None)


def report_text(reading: Reading, batch: Batch, form: str, document: Document | None = None) -> str:
    """A report in one of its forms, with its line ends."""
    if form in ("csv", "junit"):
        document = document or batch_document(reading, batch)
        return exports.table_csv(document) if form == "csv" else exports.junit(document)
    if form == "text":
        return "\n".join(report_lines(reading, batch)) + "\n"
    told = gather_morning(reading, reading.store.batch(batch.number))
    if form == "md":
        return "\n".join(exports.markdown(told, None)) + "\n"
    document = document or batch_document(reading, batch)
    if form == "html":
        return page(reading, told, document, None)
    return json_text({**document, "morning": morning_document(told)}) + "\n"
