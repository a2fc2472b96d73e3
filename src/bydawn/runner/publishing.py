"""Publish what a job made, through the gates, under the job's own claim."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from bydawn.core.decide import Fact
from bydawn.core.decide.finishing import draft_hash
from bydawn.core.decide.step import Published, PublishFenced, PublishTrouble, Withheld
from bydawn.core.errors import Fenced, Refused, TemplateError
from bydawn.core.fencing import Claim
from bydawn.core.keys import effect_key
from bydawn.core.model import Publication
from bydawn.core.searching import SECRET_IN_DRAFT, Search
from bydawn.core.sightings import Failure, FailureClass
from bydawn.core.values import value
from bydawn.gates.choosing import DraftGate, leaving_by
from bydawn.gates.drafts import Leaving
from bydawn.gates.gate import PublishError
from bydawn.runner.dispatch import Call
from bydawn.runner.evidence import draft_digest
from bydawn.runner.held import Held
from bydawn.runner.rendering import Beside, Place, render_words
from bydawn.runner.secrets import search_for
from bydawn.runner.tools import Tools
from bydawn.store.receipts import store_id, was_published_to
from bydawn.store.store import Store

_SAYS = (
    "{name} holds the value of {found}, nothing was published; leave it out and retry,"
    ' or say may_publish = ["{found}"]'
)


@value
class Wanted:
    """One publication with its templates filled in. ``has_history``: this store published there."""

    gate: DraftGate
    draft: Path
    source: str
    claim: Claim
    has_history: bool


@value
class Outgoing:
    """All that is to be published, read when it is looked at, and what is looked for in it."""

    search: Search
    leaving: list[Iterator[Leaving]]

    def secret(self) -> Failure | None:
        """The first secret in it, in the words of a failure."""
        for name, pieces in chain.from_iterable(self.leaving):
            found = self.search.found_in(chain((os.fsencode(name), b"\0"), pieces))
            if found:
                return Failure(
                    FailureClass.PERMANENT, SECRET_IN_DRAFT, _SAYS.format(name=name, found=found)
                )
        return None


class Publisher:
    """Makes the publishing calls of one runner. The store is asked in the loop's own thread."""

    def __init__(self, tools: Tools, may_act: Callable[[], bool], store: Store) -> None:
        self._tools, self._may_act, self._store = tools, may_act, store
        self.store_id = store_id(store.session)

    def call(self, held: Held, place: Place, index: int, folder: str) -> Call:
        """The call that brings one publication of a held job to its target."""
        publication = held.spec.publish[index]
        draft = Path(folder, "draft")
        try:
            wanted = self._wanted(held, place, publication, draft)
            # Where the first may not leave, none may: a half of it would be out already.
            outgoing = None if index else self._outgoing(held, place, draft)
        except (TemplateError, PublishError) as error:
            is_hopeless = getattr(error, "hopeless", True)
            trouble = PublishTrouble(publication.target, str(error), is_hopeless)
            return lambda: trouble
        return lambda: self._publish(held, wanted, outgoing)

    def held_back(self, held: Held, place: Place, folder: str) -> Failure | None:
        """What a person should not be asked to approve; a draft that cannot be read is for the
        gate to refuse."""
        try:
            outgoing = self._outgoing(held, place, Path(folder, "draft"))
            return outgoing.secret() if outgoing else None
        except (TemplateError, PublishError, OSError):
            return None

    def _wanted(self, held: Held, place: Place, publication: Publication, draft: Path) -> Wanted:
        gate, source = self._gate(held, place, publication, draft)
        history = was_published_to(self._store.session, gate.target)
        return Wanted(gate, draft, source, self._claim(held, place), history)

    def _gate(
        self, held: Held, place: Place, publication: Publication, draft: Path
    ) -> tuple[DraftGate, str]:
        """The gate of a publication, and what is to go through it."""
        beside = Beside(str(draft), self._tools.environment)
        words = (publication.source, publication.target, publication.branch or "")
        source, target, branch = render_words(words, held.job, held.spec, place, beside)
        rendered = Publication(source, publication.kind, target, branch)
        tools, folder = self._tools, Path(place.plan_folder)
        made = tools.gate_of(rendered, draft, folder, tools.state_folder, tools.environment)
        return made, source

    def _outgoing(self, held: Held, place: Place, draft: Path) -> Outgoing | None:
        """None where there are no secrets to look for."""
        search = search_for(held.spec, self._tools.environment)
        if not search:
            return None
        gates = (self._gate(held, place, each, draft) for each in held.spec.publish)
        return Outgoing(search, [leaving_by(gate, draft, source) for gate, source in gates])

    def _claim(self, held: Held, place: Place) -> Claim:
        job, plan = held.job, place.batch.partition("@")[0]
        effect = effect_key(job.key, job.revision)
        subject = f"{plan}/{job.name}"
        return Claim(self.store_id, subject, job.token, job.nonce, place.edition, effect)

    def _publish(self, held: Held, wanted: Wanted, outgoing: Outgoing | None) -> Fact:
        target = wanted.gate.target
        if not self._may_act():
            return PublishTrouble(target, "the lease is over")
        if _was_changed(held, wanted.draft):
            message = "the draft is no longer what was checked and approved"
            return PublishTrouble(target, message, hopeless=True)
        try:
            secret = outgoing.secret() if outgoing else None
            if secret:
                return Withheld(secret)
            receipt = wanted.gate.publish(
                wanted.draft, wanted.source, wanted.claim, wanted.has_history
            )
        except Fenced as error:
            return PublishFenced(target, str(error))
        except Refused as error:
            return PublishTrouble(target, str(error), hopeless=True)
        except PublishError as error:
            return PublishTrouble(target, str(error), error.hopeless)
        return Published(receipt.target, receipt.sha256)


def _was_changed(held: Held, draft: Path) -> bool:
    seen = draft_hash(held.job.step)
    return bool(seen) and draft_digest(draft) != seen
