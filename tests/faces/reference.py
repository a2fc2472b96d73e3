"""The reference night: twelve jobs, of which one fails, one is retried, one stalls and one runs
into its budget; and quiet nights before it, to compare with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scene import HOUR, SERVICE_TROUBLE, Scene, ok, scripted

from bydawn.core.model import Bound, JobSpec, Limits
from bydawn.store.sqlite import forgo_durability
from bydawn.store.store import Batch

CAP = Bound(usd_micros=12_000_000)
MODEL, DEARER = "gemini-3.5-flash", "gemini-3.5-pro"
_FIRST_DAY = 5
# Minutes, thousands of tokens, dollars.
_JOBS: dict[str, tuple[int, int, str]] = {
    "article-a": (24, 388, "0.61"),
    "article-b": (22, 266, "0.55"),
    "article-c": (27, 402, "0.48"),
    "mediation-report": (14, 301, "0.92"),
    "seo-review": (16, 160, "0.33"),
    "screens-en": (11, 90, "0.15"),
    "screens-ja": (11, 92, "0.16"),
    "link-audit-a": (9, 0, ""),
    "link-audit-b": (9, 0, ""),
    "embed-refresh": (8, 40, "0.04"),
    "release-notes": (7, 60, "0.09"),
    "front-page": (4, 20, "0.03"),
}


def scene_of(name: str, night: int) -> dict[str, Any]:
    """A quiet night of a job; no two are quite alike."""
    minutes, tokens, usd = _JOBS[name]
    sway = 1 + ((night * 7 + len(name)) % 11 - 5) / 100
    usage = {"input_tokens": int(tokens * 900 * sway), "output_tokens": int(tokens * 100 * sway)}
    cost = {"cost_usd": f"{float(usd) * sway:.4f}"} if usd else {}
    metered = {"usage": usage} if tokens else {}
    return ok(int(minutes * 60_000 * sway), **metered, **cost)


def spec_of(name: str, *script: dict[str, Any], **fields: Any) -> JobSpec:
    """One of the twelve, with what is asked of it. Audits are commands and cost nothing."""
    asked = {} if name.startswith("link") else {"model": MODEL, "prompt": f"Do {name}."}
    asked |= fields.pop("payload", {})
    kind = {"kind": name.partition("-")[0]}
    made = scripted(name, *script, tags=kind, **fields)
    if name.startswith("link"):
        made = dataclasses.replace(made, bound=Bound(usd_micros=0))
    return dataclasses.replace(made, payload={**made.payload, **asked})


def until_evening(scene: Scene, day: int) -> None:
    """Wind the clock to half past ten in the evening of a day of November."""
    at = datetime(2026, 11, day, 22, 30, tzinfo=UTC)
    scene.clock.wind(int(at.timestamp() * 1000) - scene.clock.utc_ms())


def quiet_night(scene: Scene, number: int) -> Batch:
    """All twelve as usual."""
    until_evening(scene, _FIRST_DAY + number)
    specs = [spec_of(name, scene_of(name, number)) for name in _JOBS]
    edition = f"2026-11-{_FIRST_DAY + number:02}"
    batch = scene.submit(*specs, edition=edition, bound=CAP, parallel=12)
    scene.drive(batch)
    return batch


def reference_night(
    scene: Scene, earlier: int = 14, turned: Callable[[], None] = lambda: None, **terms: Any
) -> Batch:
    """So many quiet nights, then the one to be told of; ``turned`` hears of each turn of that."""
    forgo_durability(scene.store.session)
    for number in range(earlier):
        quiet_night(scene, number)
    until_evening(scene, _FIRST_DAY + earlier)
    scripts: dict[str, JobSpec] = {
        "link-audit-b": spec_of(
            "link-audit-b", {"takes_ms": 125_000, "ends": "exit 3"}, permanent_exit=(3,)
        ),
        "article-b": spec_of(
            "article-b", {**SERVICE_TROUBLE, "cost_usd": "0.12"}, scene_of("article-b", 3)
        ),
        "seo-review": spec_of("seo-review", {"ends": "hang"}, limits=Limits(stall_ms=900_000)),
        "embed-refresh": spec_of(
            "embed-refresh",
            {"takes_ms": 480_000, "ends": "error 500", "cost_usd": "0.31"},
            bound=Bound(usd_micros=300_000),
        ),
        "article-c": spec_of(
            "article-c",
            ok(4_740_000, usage={"input_tokens": 1_100_000, "output_tokens": 106_000},
               cost_usd="1.38"),
            limits=Limits(timeout_ms=2 * HOUR),
            payload={"model": DEARER, "prompt": "Do article-c, and check every source."},
        ),
    }  # fmt: skip
    specs = [scripts.get(name) or spec_of(name, scene_of(name, earlier)) for name in _JOBS]
    edition = f"2026-11-{_FIRST_DAY + earlier:02}"
    wanted = {"bound": CAP, "parallel": 12, **terms}
    batch = scene.submit(*specs, edition=edition, **wanted)
    scene.drive(batch, turned=turned)
    return scene.fresh(batch)
