"""How a plan earns to be left alone at night, and loses it again."""

from __future__ import annotations

from bydawn.app.values import Ran, RunWanted
from bydawn.core.errors import Refused
from bydawn.core.join import EXIT_OK
from bydawn.core.model import BatchTerms, PlannedBatch
from bydawn.core.trust import Autonomy, Trust, missing, trust_fingerprint
from bydawn.store import trust as facts
from bydawn.store.store import Batch, Store


def autonomy(store: Store | None, planned: PlannedBatch) -> Autonomy | None:
    """None where the plan asks for no stages."""
    terms = planned.terms
    if not terms.autonomy_required:
        return None
    trust = Trust()
    if store is not None:
        trust = facts.trust_of(store, planned.plan, trust_fingerprint(planned.specs, terms))
    return Autonomy(trust, terms.watched_runs, missing(trust, terms.watched_runs))


def refuse_unearned(store: Store, planned: PlannedBatch, wanted: RunWanted) -> None:
    """Refuse a plan that has not earned --unattended, before anything of it is recorded."""
    if wanted.unattended:
        name = trust_fingerprint(planned.specs, planned.terms)
        _refuse(store, planned.plan, name, planned.terms, planned.source)


def refuse_known_unearned(store: Store, batch: Batch, wanted: RunWanted) -> None:
    """The same for a plan that has not changed since it was recorded."""
    if wanted.unattended:
        name = facts.fingerprint_of(store, batch)
        _refuse(store, batch.plan, name, batch.terms, batch.source)


def _refuse(store: Store, plan: str, name: str, terms: BatchTerms, source: str) -> None:
    if not terms.autonomy_required:
        return
    _note_incidents(store, plan, name)
    trust = facts.trust_of(store, plan, name)
    owed = missing(trust, terms.watched_runs)
    if owed:
        step = "rehearse" if trust.rehearsed_at is None else "run"
        raise Refused(
            f"{plan} may not run unattended yet: {'; '.join(owed)}",
            f"bydawn {step} {source} leads there, bydawn check shows how far it is",
        )


def _note_incidents(store: Store, plan: str, name: str) -> None:
    for batch in facts.unnoted_incidents(store, plan, name):
        facts.note(store.session, plan, name, facts.INCIDENT, batch)


def note_rehearsed(store: Store, planned: PlannedBatch) -> None:
    """The plan, as it is written now, was played to its end."""
    name = trust_fingerprint(planned.specs, planned.terms)
    facts.note(store.session, planned.plan, name, facts.REHEARSED)


def note_beginning(store: Store, batch: Batch, wanted: RunWanted) -> None:
    """Earlier nights alone are judged; this one, if it is, counts as that whoever sees it end."""
    if not batch.terms.autonomy_required:
        return
    name = facts.fingerprint_of(store, batch)
    _note_incidents(store, batch.plan, name)
    if wanted.unattended:
        facts.note(store.session, batch.plan, name, facts.ALONE, batch.number)


def note_ending(store: Store, batch: Batch, wanted: RunWanted, ran: Ran) -> None:
    """A clean watched night counts once; one left alone that went wrong leads back."""
    if not batch.terms.autonomy_required:
        return
    name = facts.fingerprint_of(store, batch)
    if facts.was_alone(store.session, batch.number):
        if facts.went_wrong(store, batch):
            facts.note(store.session, batch.plan, name, facts.INCIDENT, batch.number)
    elif _is_clean(ran) and wanted.overrides.only is None:
        facts.note(store.session, batch.plan, name, facts.CLEAN, batch.number)


def _is_clean(ran: Ran) -> bool:
    return ran.exit_code == EXIT_OK and ran.outcome == "succeeded"
