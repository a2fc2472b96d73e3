"""The table of the long runs adds up what it is told, and says what it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

from layers import Layer, part_of, record, table


def test_no_violation_leaves_a_bound_and_a_whole_leaves_none() -> None:
    assert Layer("nights", trials=300).bound == "1.0e-02"
    assert Layer("nights", trials=300, violations=1).bound == "-"
    assert Layer("points", trials=300, is_whole=True).bound == "all there are"
    assert Layer("points", trials=300, is_whole=True, left_out=7).bound == "7 left out"


def test_a_layer_that_this_machine_does_not_allow_is_named_with_its_reason() -> None:
    left_out = Layer("asleep", left_out=1, why="a cgroup is needed")
    assert left_out.bound == "left out: a cgroup is needed"
    assert table([left_out])[1].split()[:2] == ["asleep", "0"]


def test_the_lines_of_the_table_stand_below_one_another() -> None:
    lines = table([Layer("a", 1_000, 0, 12.4), Layer("a longer name", 3, 1, 0.6)])
    assert len({len(line.rpartition("  ")[0]) for line in lines}) == 1
    assert lines[1].split() == ["a", "1,000", "0", "12", "3.0e-03"]
    assert lines[2].split()[-4:] == ["3", "1", "1", "-"]


def test_a_slice_is_spread_evenly_and_a_long_run_goes_through_all() -> None:
    assert part_of(range(10), 200) == range(10)
    assert part_of(range(1_000), 100) == range(1_000)
    assert part_of(range(1_000), 4) == [0, 250, 500, 750]


def test_a_run_of_some_layers_keeps_what_is_known_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    record([Layer("a", 1), Layer("b", 1)], file)
    record([Layer("b", 5)], file)
    known = json.loads(file.read_text("utf-8"))
    assert {name: layer["trials"] for name, layer in known.items()} == {"a": 1, "b": 5}
    assert known["b"]["bound"] == "6.0e-01"
