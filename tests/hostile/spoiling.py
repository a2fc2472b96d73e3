"""Good input, and ways to spoil it."""

from __future__ import annotations

import random

PLAN = b"""schema = 1
name = "night"
per = "day"
timezone = "UTC"
day_starts = "12:00"
[run]
parallel = 12
deadline = "06:30"
allow_failures = "5%"
canary = 1
[budget]
usd = 12.00
tokens = 6_000_000
tags = { "site=a" = { usd = 4.00 } }
[pools]
git = { parallel = 4, per_minute = 60 }
[defaults]
timeout = "45m"
backoff = { initial = "15s", max = "10m" }
budget = { usd = 0.50, tokens = 1000 }
[[job]]
id = "audit"
argv = ["true", "{{ plan.dir }}/x", "--out", "links.json"]
expect = { files = ["links.json"], min_bytes = 2, matches = "a+" }
check = ["true", "links.json"]
publish = [ { from = "links.json", file = "public/links.json" } ]
[[job]]
id = "reshape"
items = "records.jsonl"
key = ["site", "slug"]
backend = "scripted"
script = [ { takes = "1s", ends = "exit 3" } ]
after = ["audit"]
pool = "git"
tags = { site = "{{ item.site }}" }
"""
ITEMS = b"""{"site": "a", "slug": "one", "n": 1}
{"site": "a", "slug": "two", "n": 2.5, "deep": {"x": [1, null, true]}}
{"site": "b", "slug": "three \\u00e9"}
"""
REPORT = b"""{"progress": 0.4}
{"usage": {"input_tokens": 9, "output_tokens": 12}}
{"cost_usd": "0.01"}
{"result": {"pages": 3}}
{"needs_input": "which one?"}
"""
_PIECES = (
    b"", b"\x00", b"\xff\xfe", b"\n", b'"', b"'", b"[[", b"]]", b"{", b"}", b"=", b"{{", b"{%",
    b"#", b"\\", b"\x1b[2J", "\u202e".encode(), b"9" * 400, b"-1", b"nan", b"1e999", b"a" * 5000,
    b"[" * 500, b"\r", b"../../x", b"/dev/zero", b"none", b"true", b"2026-02-30", "日本".encode(),
    b"\xed\xa0\x80",
)  # fmt: skip


def spoilt(good: bytes, chance: random.Random) -> bytes:
    """The same with a few bytes cut, doubled, changed, moved or put in."""
    data = good
    for _ in range(chance.choice((1, 1, 2, 5))):
        data = _spoilt_once(data, chance)
    return data


def _spoilt_once(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    end = min(len(data), start + chance.choice((0, 1, 3, 20, 200)))
    part = data[start:end]
    way = chance.randrange(5)
    if way == 0:
        return data[:start] + chance.choice(_PIECES) + data[start:]
    if way == 1:
        return data[:start] + chance.choice(_PIECES) + data[end:]
    if way == 2:
        return data[:end] + part + data[end:]
    if way == 3:
        return data[:start]
    flipped = bytes(byte ^ (1 << chance.randrange(8)) for byte in part[:4])
    return data[:start] + flipped + data[start + len(flipped) :]


def damaged(good: bytes, chance: random.Random) -> bytes:
    """A file as bad disks leave it: bits, blocks of nothing or of something else, an end cut."""
    data = bytearray(good)
    way = chance.randrange(4)
    if way == 0:
        for _ in range(chance.choice((1, 8, 64))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)
    start = chance.randrange(0, len(data), 512)
    if way == 1:
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))
        return bytes(data)
    if way == 2:
        other = chance.randrange(0, len(data), 512)
        block = bytes(data[other : other + 512])
        data[start : start + len(block)] = block
        return bytes(data)
    return bytes(data[:start])
