"""Dollars are capped, so what a model's tokens cost must be known, or the plan says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bydawn.core.templates import is_template
from bydawn.plan.check import Entry
from bydawn.plan.complaints import Complaints, quoted
from bydawn.plan.schema import BudgetTable

_BY_TOKENS = "tokens-only"


def check_prices(
    entries: Iterable[Entry],
    budget: BudgetTable,
    is_priced: Callable[[str], bool],
    told: Complaints,
) -> set[str]:
    """The jobs that run on tokens alone as nobody knows their price; refused unless allowed."""
    if not _caps_dollars(budget):
        return set()
    unpriced = list(_unpriced(entries, is_priced))
    if budget.unknown_price == _BY_TOKENS:
        return {entry.table.id for entry in unpriced}
    for entry in unpriced:
        model = quoted(entry.table.model or "")
        remedy = (
            f"bydawn cost prices set {entry.table.model} --input X --output Y, install the extra"
            f' bydawn[prices], or say unknown_price = "{_BY_TOKENS}" under [budget]'
        )
        told.add(entry.where("model"), f"the price of {model} is not known", remedy)
    return set()


def _caps_dollars(budget: BudgetTable) -> bool:
    tags = (each.usd for each in budget.tags.values())
    return any(cap is not None for cap in (budget.usd, budget.per_day_usd, *tags))


def _unpriced(entries: Iterable[Entry], is_priced: Callable[[str], bool]) -> Iterator[Entry]:
    """A model that each item names is priced when its run is seen, or charged at its bound."""
    for entry in entries:
        model = entry.table.model
        if model is None or is_template(model) or entry.table.budget.usd == 0:
            continue
        if not is_priced(model):
            yield entry
