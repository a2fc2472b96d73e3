"""What all values share: they compare, hash and show themselves by their fields."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field

import pytest

from bydawn.core.values import value


@value
class Point:
    """A place."""

    x: int
    y: int = 0
    secret: str = field(default="", repr=False)
    note: str = field(default="", compare=False)


@value
class Other:
    x: int
    y: int = 0


@value
class Shy:
    password: str

    def __repr__(self) -> str:
        return "Shy(…)"


def test_values_are_equal_by_their_fields() -> None:
    assert Point(1, 2) == Point(1, 2, note="here") != Point(1, 3)
    assert Point(1, 2, "a") != Point(1, 2, "b")
    assert Point(1) != Other(1)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1), Other(1, 2)}) == 3


def test_a_value_shows_what_it_may() -> None:
    assert repr(Point(1, 2, "hush", "here")) == "Point(x=1, y=2, note='here')"
    assert repr(Shy("hush")) == "Shy(…)"


def test_a_value_is_a_dataclass_in_every_other_way() -> None:
    one = Point(1, 2, "a", "b")
    assert dataclasses.asdict(dataclasses.replace(one, y=3)) == dataclasses.asdict(
        Point(1, 3, "a", "b")
    )
    assert copy.copy(one) == pickle.loads(pickle.dumps(one)) == one
    assert not hasattr(one, "__dict__")
    match one:
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_what_holds_a_list_is_no_key() -> None:
    with pytest.raises(TypeError):
        hash(Point([]))  # type: ignore[arg-type]
