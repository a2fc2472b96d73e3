"""``bydawn audit``: whether the journal is what was written, and a head to hold it against."""

from __future__ import annotations

from pathlib import Path

import click

from bydawn.cli.doing import say_done
from bydawn.cli.opening import opened
from bydawn.cli.settings import Settings
from bydawn.cli.talk import Talk
from bydawn.cli.verb import Family, verb

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.group(cls=Family)
def audit() -> None:
    """Whether the journal is what was written, and a head to hold it against later."""


@verb("bydawn audit verify", "bydawn audit verify --anchor 1204:9f86d081884c7d65…")
@click.option("--anchor", "anchors", multiple=True, metavar="HEAD", help="A head noted elsewhere.")
def verify(settings: Settings, talk: Talk, anchors: tuple[str, ...]) -> int:
    """Read the journal from its start and hold the state against it. Exit 1 when it is broken.

    Heads that this machine has seen count as anchors too."""
    from bydawn.app.keeping.auditing import verify_journal
    from bydawn.watch.audit import findings_document, findings_lines

    with opened(settings) as app:
        audited = verify_journal(app, anchors)
    findings = audited.findings
    document = {**findings_document(findings), "anchors": audited.anchors}
    talk.answer(document, findings_lines(findings, audited.anchors, audited.heads_file))
    return 1 if findings.total else 0


@verb("bydawn audit head", "bydawn audit head >> ../anchors")
def head(settings: Settings, talk: Talk) -> int:
    """The end of the journal's chain: note it where nobody who is here can change it."""
    from bydawn.app.keeping.auditing import head_of
    from bydawn.watch.audit import head_text

    with opened(settings) as app:
        found = head_of(app)
    text = head_text(found) if found else None
    talk.answer({"schema": "bydawn/audit-head/1", "head": text}, [text] if text else [])
    if text is None:
        talk.tell("nothing has been written yet")
    return 0


@click.group(cls=Family)
def key() -> None:
    """The keys that seal the journal: each machine has its own."""


@verb("bydawn audit key export laptop.key", name="export")
@_FILE
def export_key(settings: Settings, talk: Talk, file: Path) -> int:
    """Write this machine's key to a new file, to bring it to another machine."""
    from bydawn.app.keeping.sealing import export_key as write

    with opened(settings) as app:
        key_id = write(app.invocation.environment, settings.directory / file)
    say_done(talk, "export", [key_id], [])
    return 0


@verb("bydawn audit key import laptop.key", name="import")
@_FILE
def import_key(settings: Settings, talk: Talk, file: Path) -> int:
    """Keep another machine's key here, so that its seals can be checked."""
    from bydawn.app.keeping.sealing import import_key as keep

    with opened(settings) as app:
        key_id = keep(app.invocation.environment, settings.directory / file)
    say_done(talk, "import", [key_id], [])
    return 0


for _made in (export_key, import_key):
    key.add_command(_made)
for _each in (verify, head, key):
    audit.add_command(_each)
