"""bydawn: an overnight batch of long jobs, every one taking effect once, joined by dawn.

    batch = bydawn.Batch("reshape", parallel=16, budget=bydawn.Budget(usd=5))
    batch.add("reshape", items=records, key=["site", "slug"], call=reshape_one)
    result = bydawn.run(batch)

Importing this loads next to nothing; each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bydawn.api import Batch, Budget, key, run
    from bydawn.app.leases.writing import fenced_sql, fenced_transaction, lease, publish
    from bydawn.app.results import BatchResult, JobResult
    from bydawn.core.errors import (
        BackendMissing,
        BydawnError,
        Fenced,
        PlanInvalid,
        Refused,
        StoreRefused,
        StoreUnavailable,
        UsageError,
    )
    from bydawn.version import __version__

__all__ = [
    "BackendMissing",
    "Batch",
    "BatchResult",
    "Budget",
    "BydawnError",
    "Fenced",
    "JobResult",
    "PlanInvalid",
    "Refused",
    "StoreRefused",
    "StoreUnavailable",
    "UsageError",
    "__version__",
    "fenced_sql",
    "fenced_transaction",
    "key",
    "lease",
    "publish",
    "run",
]

_HOMES = {
    **dict.fromkeys(("Batch", "Budget", "key", "run"), "bydawn.api"),
    **dict.fromkeys(("BatchResult", "JobResult"), "bydawn.app.results"),
    **dict.fromkeys(
        ("fenced_sql", "fenced_transaction", "lease", "publish"), "bydawn.app.leases.writing"
    ),
    "__version__": "bydawn.version",
}
_ERRORS = "bydawn.core.errors"


def __getattr__(name: str) -> Any:
    """A public name, loaded now."""
    if name not in __all__:
        raise AttributeError(f"module 'bydawn' has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(_HOMES.get(name, _ERRORS)), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
