"""When a batch will probably end."""

from __future__ import annotations

import pytest

from bydawn.core.foretelling import Open, foretold_end

NOW = 1_000_000


@pytest.mark.parametrize(
    ("parallel", "waiting", "running", "usual_ms", "left_ms"),
    [
        pytest.param(4, Open(), Open(), None, 0, id="nothing is left"),
        pytest.param(4, Open(8, 8, 80, 10), Open(), None, 20, id="work over places"),
        pytest.param(4, Open(), Open(2, 2, 90, 79), None, 79, id="the longest is the floor"),
        pytest.param(1, Open(2, 2, 30, 20), Open(1, 1, 5, 5), None, 35, id="one at a time"),
        pytest.param(2, Open(4, 0), Open(), 10, 20, id="as long as its like"),
        pytest.param(2, Open(2, 1, 30, 30), Open(), 10, 30, id="known and unknown"),
        pytest.param(9, Open(1, 0), Open(), 10, 10, id="an unknown one takes its time"),
    ],
)
def test_the_end(
    parallel: int, waiting: Open, running: Open, usual_ms: int | None, left_ms: int
) -> None:
    assert foretold_end(NOW, parallel, waiting, running, usual_ms) == NOW + left_ms


def test_where_nothing_is_known_nothing_is_foretold() -> None:
    assert foretold_end(NOW, 4, Open(3, 2, 20, 10), Open(), None) is None
