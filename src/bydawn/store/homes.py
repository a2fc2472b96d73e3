"""Where a plan lies on each machine of a store that several share.

A plan's name belongs to one folder of a machine. On another machine the same plan may lie
elsewhere: it is a guest there, and what it runs there finds its files where they are.
"""

from __future__ import annotations

from bydawn.store.connect import Session

_READ = "SELECT value FROM meta WHERE name = ?"
_NOTE = """
INSERT INTO meta (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_ANY = "SELECT 1 FROM meta WHERE name GLOB ? LIMIT 1"


def folder_on(session: Session, machine: str, plan: str) -> str | None:
    """Where a machine has a plan, as far as it has said."""
    found = session.row(_READ, (_name(machine, plan),)) if machine else None
    return str(found[0]) if found else None


def note(session: Session, machine: str, plan: str, folder: str) -> None:
    """A machine has a plan there; inside a write transaction."""
    if machine and folder_on(session, machine, plan) != folder:
        session.change(_NOTE, (_name(machine, plan), folder))


def note_if_new(session: Session, machine: str, plan: str, folder: str) -> None:
    """A machine has a plan there, unless it has named another place."""
    if folder_on(session, machine, plan) is None:
        session.transact(lambda: note(session, machine, plan, folder))


def may_be_guest(session: Session, machine: str, plan: str, folder: str) -> bool:
    """Whether a plan that another folder has may also lie in this one: on a machine that has it
    nowhere else, where another machine has said that the other folder is its own."""
    if not machine:
        return False
    here = folder_on(session, machine, plan)
    return here == folder or (here is None and session.row(_ANY, (_name("*", plan),)) is not None)


def _name(machine: str, plan: str) -> str:
    return f"home:{machine}:{plan}"
