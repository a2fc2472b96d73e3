"""A plan that asks for more watched nights than it can ever have is warned about."""

from __future__ import annotations

from pathlib import Path

import pytest
from planning import warnings

PLAN = 'name = "p"\n{per}\n[autonomy]\nrequired = true\n{nights}\n[[job]]\nid = "a"\nargv = ["x"]\n'


def test_one_night_cannot_be_three(tmp_path: Path) -> None:
    (told,) = warnings(tmp_path, PLAN.format(per="", nights=""))
    assert told == (
        "plan.toml:4: autonomy.required: a plan without editions has only one night"
        ' (say per = "day", or watched_runs = 1)'
    )


@pytest.mark.parametrize(("per", "nights"), [('per = "day"', ""), ("", "watched_runs = 1")])
def test_enough_nights_are_fine(tmp_path: Path, per: str, nights: str) -> None:
    assert warnings(tmp_path, PLAN.format(per=per, nights=nights)) == []
