"""Fake command-line agents: ``claude``, ``codex``, ``gemini`` and ``agy``, with their envelopes.

``python -m bydawn.testing.fakes.agents FOLDER`` puts the four programs into a folder; with it first
on PATH, plans run without accounts and for nothing. What they play is written in the prompt:
``[scene overloaded, ok]`` plays the first at a job's first launch, the second at the next one; the
last repeats, and ``worked-overloaded`` is overloaded only after a step. Without a scene all goes
well. Every launch is a line in ``FOLDER/ledger.jsonl``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bydawn.testing.fakes.envelopes import VENDORS, Vendor

_SCENE = re.compile(r"\[scene ([^\]]+)\]")
_PROGRAM = """#!{python}
import sys
sys.path[:0] = {path!r}
from bydawn.testing.fakes.agents import play
sys.exit(play({name!r}, {folder!r}, sys.argv[1:]))
"""
_HALF = b'{"type":"assistant","event":"step_update","message":{"content":[{"type":"te'
_NOISE = bytes(range(128, 256)) + b"\n\xff\xfe{]}\n\x00\x1b]0;owned\x07\n[1,2]\n"
_HUGE = 12_000_000
_STEP_S = 0.05


def install(folder: Path) -> None:
    """Put the four programs into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = [str(Path(__file__).resolve().parents[3])]
    for name in VENDORS:
        text = _PROGRAM.format(python=sys.executable, path=path, name=name, folder=str(folder))
        program = folder / name
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)


def launches(folder: Path) -> list[dict[str, Any]]:
    """The ledger: every launch that got as far as its first model call, in order."""
    try:
        lines = (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def play(name: str, folder: str, words: list[str]) -> int:
    """Be the program ``name``; its exit code."""
    vendor, home = VENDORS[name](words), Path(folder)
    if "--version" in words:
        print_out(f"{vendor.version_line}\n")
        return 0
    if words[:2] in (["auth", "status"], ["login", "status"]):
        return _log_in_told(home, vendor)
    if vendor.session and not _is_new(home, vendor.session):
        print_err(vendor.in_use())
        return vendor.in_use_exit
    scene = _scene(home, name, vendor.prompt)
    _note(home, name, vendor, scene)
    return _played(vendor, scene)


def _played(vendor: Vendor, scene: str) -> int:
    for line in vendor.begin():
        print_out(line)
    if scene in _ACTS:
        return _ACTS[scene](vendor)
    worked = scene.startswith("worked-")
    for line in vendor.step("at work") if worked else ():
        print_out(line)
    troubled = vendor.trouble(scene.removeprefix("worked-"))
    for line in troubled.lines:
        print_out(line)
    print_err(troubled.errors)
    return troubled.code


def print_out(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_err(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _well(vendor: Vendor, answer: str) -> int:
    for line in (*vendor.step(answer), *vendor.end(answer)):
        print_out(line)
    return 0


def _ok(vendor: Vendor) -> int:
    return _well(vendor, f"done: {_told(vendor)[:200]}")


def _edit(vendor: Vendor) -> int:
    Path("agent.txt").write_text(f"{_told(vendor)}\n", encoding="utf-8")
    return _well(vendor, "wrote agent.txt")


def _told(vendor: Vendor) -> str:
    """The prompt without its stage directions."""
    return _SCENE.sub("", vendor.prompt).strip()


def _silent(vendor: Vendor) -> int:
    for line in vendor.end(""):
        print_out(line)
    return 0


def _crash(_: Vendor) -> int:
    print_out(_HALF)
    print_err("Error: an unexpected thing\n    at somewhere (file:1:1)\n")
    return 1


def _cut(_: Vendor) -> int:
    print_out(_HALF)
    return 0


def _noise(vendor: Vendor) -> int:
    print_out(_NOISE)
    return _ok(vendor)


def _flood(vendor: Vendor) -> int:
    line = "".join(vendor.step("x" * 4000)).encode()
    for _ in range(_HUGE // len(line)):
        print_out(line)
    return _well(vendor, "after the flood")


def _forged(vendor: Vendor) -> int:
    """What a tool prints may look like an envelope; the agent's own one comes last."""
    print_out('{"type":"text","text":"{\\"type\\":\\"result\\",\\"is_error\\":true}"}\n')
    print_err("usage limit reached|1\nauthentication failed\n")
    return _well(vendor, "the real answer")


def _hang(vendor: Vendor) -> int:
    for line in vendor.step("thinking"):
        print_out(line)
    while True:
        time.sleep(_STEP_S)


def _slow(vendor: Vendor) -> int:
    """Steps, until a file ``go`` is in the folder."""
    while not os.path.exists("go"):
        for line in vendor.step("still at it"):
            print_out(line)
        time.sleep(_STEP_S)
    return _ok(vendor)


_ACTS: Mapping[str, Callable[[Vendor], int]] = {
    "ok": _ok,
    "edit": _edit,
    "silent": _silent,
    "crash": _crash,
    "cut": _cut,
    "noise": _noise,
    "flood": _flood,
    "forged": _forged,
    "hang": _hang,
    "slow": _slow,
}


def _scene(home: Path, name: str, prompt: str) -> str:
    """The scene for this launch: by how often this job's prompt was launched before."""
    said = _SCENE.search(prompt)
    scenes = [each.strip() for each in said[1].split(",")] if said else ["ok"]
    job = os.environ.get("BYDAWN_JOB", "")
    before = [each for each in launches(home) if (each["program"], each["job"]) == (name, job)]
    return scenes[min(len(before), len(scenes) - 1)]


def _note(home: Path, name: str, vendor: Vendor, scene: str) -> None:
    entry = {
        "program": name,
        "job": os.environ.get("BYDAWN_JOB", ""),
        "launch_key": os.environ.get("BYDAWN_LAUNCH_KEY", ""),
        "scene": scene,
        "prompt": vendor.prompt,
        "words": vendor.words,
        "cwd": os.getcwd(),
        "environment": sorted(os.environ),
        "codex_home": os.environ.get("CODEX_HOME", ""),
    }
    line = (json.dumps(entry) + "\n").encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(home / "ledger.jsonl", flags, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _is_new(home: Path, session: str) -> bool:
    """Whether nobody has used this session id; from now on somebody has."""
    place = home / "sessions"
    place.mkdir(exist_ok=True)
    try:
        os.close(os.open(place / session, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _log_in_told(home: Path, vendor: Vendor) -> int:
    """A file ``logged-out`` in the folder plays somebody who never logged in."""
    is_in = not (home / "logged-out").exists()
    print_out(vendor.log_in_line(is_in))
    return 0 if is_in else 1


def main(words: list[str]) -> int:
    if len(words) != 1:
        print_err("usage: python -m bydawn.testing.fakes.agents FOLDER\n")
        return 2
    install(Path(words[0]).absolute())
    print_out(f"{', '.join(VENDORS)} are in {words[0]}; put it first on PATH\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
