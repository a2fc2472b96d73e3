"""Drive an errand. The runner itself, and all it needs, is loaded only then."""

from __future__ import annotations

from bydawn.app.place import Place
from bydawn.app.runs.errands import Driven, Errand
from bydawn.app.values import Face, Invocation
from bydawn.store.store import Store


def drive(place: Place, invocation: Invocation, store: Store, errand: Errand, face: Face) -> Driven:
    """Be a runner until the errand is done; the store connection is the caller's. Now and then
    what old runs left is aged out afterwards, unless somebody wants us gone."""
    from bydawn.app.keeping.ageing import age_now_and_then
    from bydawn.app.runs.turning import carry_out

    driven = carry_out(place, invocation, store, errand, face)
    if driven.signal is None:
        age_now_and_then(place, store)
    return driven
