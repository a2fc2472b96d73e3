"""Templates in a plan: ``{{ names }}`` filled in, without reach beyond the names and without end.

jinja2 is loaded only for a text that really has a template in it. The names a launch offers:

    batch ("nightly@2026-11-19"), edition, plan {dir}, job {id, name, and what it says: model,
    prompt, …}, item, draft, key, effect_key, launch_key, attempt, previous {error},
    results {job id: result}, set {name: text}, env {name: text, only those in pass_env};
    remote {id} for poll and cancel.

The table of a backend names TABLE_NAMES; its env is this machine's, read at the call.

Lists, tables, true, false and null are rendered as JSON. ``| sh`` quotes a value for a shell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = (
    "attempt", "batch", "draft", "edition", "effect_key", "env", "item", "job", "key",
    "launch_key", "plan", "previous", "remote", "results", "set",
)  # fmt: skip

# What the table of a backend may name: what is frozen with the job, and any variable it names.
TABLE_NAMES = (
    "attempt", "batch", "draft", "edition", "effect_key", "env", "item", "job", "key",
    "launch_key", "plan", "remote",
)  # fmt: skip


def is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def render(text: str, names: Mapping[str, Any]) -> str:
    """``text`` with ``names`` filled in; TemplateError when it is wrong, or wants too much."""
    if not is_template(text):
        return text
    from bydawn.core.sandbox import rendered

    return rendered(text, names)


def render_value(value: Any, names: Mapping[str, Any]) -> Any:
    """``value`` with every text in it rendered alone; the keys of tables stay as they are."""
    if isinstance(value, str):
        return render(value, names)
    if isinstance(value, dict):
        return {name: render_value(inner, names) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render_value(element, names) for element in value]
    return value
