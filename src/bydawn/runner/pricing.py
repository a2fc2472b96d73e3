"""Facts with the cost of their tokens worked out, where the meter itself names no dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bydawn.core.decide import Fact
from bydawn.core.errors import TemplateError
from bydawn.core.prices import PriceOf, priced
from bydawn.core.sightings import Alive, Ended, Launched, Sighting
from bydawn.runner.held import Held
from bydawn.runner.rendering import Beside, Place, render_words


def priced_fact(
    fact: Fact, held: Held, place: Place, price_of: PriceOf, environment: Mapping[str, str]
) -> Fact:
    """The fact as it came, or with the price of the job's model applied to its usage."""
    if "model" not in held.spec.payload or not isinstance(fact, Alive | Ended | Launched):
        return fact
    model = _model(held, place, environment)
    if isinstance(fact, Launched):
        seen = fact.sighting
        return replace(fact, sighting=seen and _priced_sighting(seen, model, price_of))
    return _priced_sighting(fact, model, price_of)


def _priced_sighting(sighting: Sighting, model: str | None, price_of: PriceOf) -> Sighting:
    if isinstance(sighting, Alive):
        return replace(sighting, usage=priced(sighting.usage, model, price_of))
    if isinstance(sighting, Ended):
        outcome = sighting.outcome
        return Ended(replace(outcome, usage=priced(outcome.usage, model, price_of)))
    return sighting


def _model(held: Held, place: Place, environment: Mapping[str, str]) -> str | None:
    """As it was rendered for the launch; None where that cannot be said any more."""
    written = str(held.spec.payload["model"])
    try:
        return render_words((written,), held.job, held.spec, place, Beside("", environment))[0]
    except TemplateError:
        return None
