"""``bydawn init``: a commented plan that runs at once, in a folder of its own or among others."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from bydawn.core.errors import UsageError
from bydawn.core.values import value

STARTERS = ("nightly", "items", "ci")
_IGNORED = ".bydawn/"
_FOLDER = "starters"
# Programs lie here under a name of their own, so that nothing takes them for a part of bydawn.
_PROGRAM = ".txt"


@value
class Started:
    """What was written, and the plan among it."""

    written: tuple[Path, ...]
    plan: Path


def start(folder: Path, starter: str, *, overwrite: bool = False) -> Started:
    """Write one of the starters into ``folder``; refuses to touch a file that is there."""
    texts = dict(_files(files("bydawn.app.first_hour") / _FOLDER / starter, Path()))
    there = [name for name in texts if (folder / name).exists()]
    if there and not overwrite:
        names = ", ".join(str(name) for name in there)
        raise UsageError(f"{folder}: {names} is there already", "--force writes over it")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    ignored = _ignore(folder / ".gitignore")
    plan = next(name for name in texts if name.suffix == ".toml")
    return Started((*texts, *ignored), plan)


def _files(source: Traversable, at: Path) -> list[tuple[Path, str]]:
    found = []
    for entry in sorted(source.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            found.extend(_files(entry, at / entry.name))
        else:
            found.append((at / entry.name.removesuffix(_PROGRAM), entry.read_text("utf-8")))
    return found


def _ignore(path: Path) -> list[Path]:
    """Keep the state folder out of git; what else the file says is left as it is."""
    text = path.read_text("utf-8") if path.exists() else ""
    if _IGNORED in text.splitlines():
        return []
    gap = "" if not text or text.endswith("\n") else "\n"
    path.write_text(f"{text}{gap}{_IGNORED}\n", "utf-8")
    return [Path(path.name)]
