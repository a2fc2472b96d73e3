"""What ``bydawn audit`` does, over an open app."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bydawn.app.app import App
from bydawn.app.keeping.sealing import note_head, noted_heads, read_head, sealers
from bydawn.core.audit import Findings
from bydawn.core.chain import Head
from bydawn.core.values import value
from bydawn.store import audit, receipts
from bydawn.watch.audit import verify


@value
class Audited:
    """What an audit found, and against how many noted heads of which file it was held."""

    findings: Findings
    anchors: int
    heads_file: Path | None


def verify_journal(app: App, anchors: Sequence[str]) -> Audited:
    """Read the whole journal again, against these anchors and all heads this machine has seen."""
    given = [read_head(text) for text in anchors]
    store = app.existing_store()
    environment = app.invocation.environment
    path, noted = noted_heads(environment, receipts.store_id(store.session))
    findings = verify(store, sealers(environment), [*given, *noted])
    return Audited(findings, len(given) + len(noted), path if noted else None)


def head_of(app: App) -> Head | None:
    """The end of the journal's chain, which is noted on this machine too."""
    session = app.existing_store().session
    head = audit.head(session)
    note_head(app.invocation.environment, receipts.store_id(session), head)
    return head
