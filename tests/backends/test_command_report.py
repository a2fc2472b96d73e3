"""Whatever a run writes into its report, reading it is safe and only good values count."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydawn.processes.report import Report

_GOOD = b'{"progress": 0.5, "usage": {"in": 3}, "cost_usd": "0.02", "result": null}\n'


def _read(tmp_path: Path, data: bytes) -> Report:
    path = tmp_path / "report.jsonl"
    path.write_bytes(data)
    report = Report()
    report.refresh(str(path))
    report.finish()
    return report


def _good(report: Report) -> bool:
    return (report.progress, report.tokens, report.cost_micros, report.result) == (
        0.5,
        {"in": 3},
        20_000,
        "null",
    )


@pytest.mark.parametrize(
    "poison",
    [
        b"not json\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b'"text"\n',
        b'{"progress": "half", "usage": [], "cost_usd": [], "needs_input": 3}\n',
        b'{"progress": NaN, "cost_usd": NaN}\n',
        b'{"progress": Infinity, "cost_usd": -1, "usage": {"in": -5}}\n',
        b'{"progress": true, "cost_usd": true, "usage": {"in": true}}\n',
        b'{"progress": 7, "cost_usd": "a lot", "usage": {"in": 1.5, "out": "3"}}\n',
        b'{"cost_usd": "1e400", "usage": {"in": 1e300}}\n',
        b'{"cost_usd": "sNaN"}\n',
        b'{"result": NaN}\n',
        b'{"usage": ' + b"[" * 20_000 + b"\n",
        b'{"result": "' + b"x" * 1_100_000 + b'"}\n',
        b'{"progress": 1' + b"0" * 5_000 + b"}\n",
        b'{"progress": 9' + b"9" * 400 + b', "usage": {"in": 9' + b"9" * 400 + b"}}\n",
    ],
)
def test_poison_lines_change_nothing(tmp_path: Path, poison: bytes) -> None:
    assert _good(_read(tmp_path, _GOOD + poison))
    assert _good(_read(tmp_path, poison + _GOOD))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_harm(data: bytes) -> None:
    report = Report()
    report._lines.hear(data)
    report._lines.hear(b"\n" + _GOOD)
    assert report.progress == 0.5
    assert report.usage.cost_micros == 20_000


@given(st.lists(st.integers(1, 40)))
def test_it_does_not_matter_how_lines_arrive(cuts: list[int]) -> None:
    whole = b"".join(json.dumps({"usage": {"in": n}, "progress": n / 10}).encode() + b"\n"
                     for n in range(1, 8))  # fmt: skip
    report = Report()
    for cut in cuts:
        report._lines.hear(whole[:cut])
        whole = whole[cut:]
    report._lines.hear(whole)
    assert (report.tokens, report.progress) == ({"in": 7}, 0.7)


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    path.write_bytes(b'{"progress": 0.1}\n{"prog')
    report = Report()
    assert report.refresh(str(path)) == 24
    assert report.progress == 0.1
    with path.open("ab") as stream:
        stream.write(b'ress": 0.2}\n')
    report.refresh(str(path))
    assert report.progress == 0.2


@pytest.mark.parametrize("kind", ["missing", "link", "pipe", "folder"])
def test_only_a_plain_file_is_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").write_bytes(_GOOD)
    path = tmp_path / "report.jsonl"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    report = Report()
    report.refresh(str(path))
    assert report.progress is None


def test_the_names_of_tokens_are_bounded(tmp_path: Path) -> None:
    lines = b"".join(b'{"usage": {"kind%d": 1}}\n' % n for n in range(500))
    assert len(_read(tmp_path, lines).tokens) == 64
