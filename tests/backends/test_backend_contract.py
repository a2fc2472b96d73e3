"""Every built-in backend with a fake passes the suite other people's backends are given; and the
suite notices what it is there to notice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from agent_stages import Agents
from stages import Calls, Closing, Clusters, Commands, JobServices, Managed, Programs

from bydawn.app.backends import BUILT_IN
from bydawn.core.offers import kept_ms
from bydawn.testing.backend_contract import CHECKS
from bydawn.testing.stage import Stage
from vendors import KINDS

STAGES: dict[str, Callable[[Path], Closing]] = {
    "command": Commands,
    "python": Calls,
    "http-jobs keyed": lambda folder: JobServices(folder, is_keyed=True),
    "http-jobs searchable": lambda folder: JobServices(folder, is_searchable=True),
    "http-jobs blind": JobServices,
    **{
        name: lambda folder, name=name: Agents(folder, name)
        for name in ("claude-code", "codex", "gemini-cli", "agy")
    },
    "cli-async local": Programs,
    "ray": Clusters,
    **{kind.name: partial(Managed, kind=kind) for kind in KINDS},
    "cli-async searchable": lambda folder: Programs(folder, is_searchable=True),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", STAGES)
def test_contract(name: str, check: Callable[[Stage], None], tmp_path: Path) -> None:
    with STAGES[name](tmp_path) as stage:
        check(stage)


def test_what_a_row_says_is_what_the_backend_declares(tmp_path: Path) -> None:
    for name, make in STAGES.items():
        place = tmp_path / name
        place.mkdir()
        with make(place) as stage:
            backend = stage.backend()
            offer = BUILT_IN[name.split()[0]].offer
            said = getattr(backend, "_table", None)
            options = said.model_dump(by_alias=True, exclude_none=True) if said else {}
            options = options or getattr(backend, "options", {})
            assert offer.guarantee_of(options) is backend.capabilities.guarantee
            assert offer.default_effects == backend.capabilities.default_effects
            assert offer.caps == backend.capabilities.caps
            assert kept_ms(options, offer.keeps_ms) == backend.capabilities.keeps_ms
            backend.close()
