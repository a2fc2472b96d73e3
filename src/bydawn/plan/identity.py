"""Which batch a plan means, without reading it in full: no validation, no schema, no templates.

The fingerprint covers every byte that could change the batch: the plan, the files it names, the
layers of configuration and what the command line said. Equal fingerprints mean equal batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, tzinfo
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from bydawn.core.editions import PERIODS, EditionError, edition, parse_edition
from bydawn.core.errors import PlanInvalid
from bydawn.core.keys import canonical
from bydawn.core.lengths import LengthError, parse_time_of_day
from bydawn.plan.configuration import Layers, gather
from bydawn.plan.items import ItemsFile
from bydawn.plan.read import Source, open_regular, read_toml
from bydawn.plan.values import Identity, Overrides, narrowed

# Rises when the same bytes would be expanded to another batch than before.
_EXPANSION = "bydawn/plan/1"
_CHUNK = 1 << 20


def identify(
    path: Path,
    *,
    at: int,
    overrides: Overrides,
    environment: Mapping[str, str],
    stdin: BinaryIO | None = None,
) -> Identity | None:
    """The batch this plan means at this instant; None when ``read_plan`` must say what is wrong."""
    try:
        source = read_toml(path)
        timezone = zone(str(source.data.get("timezone", "UTC")))
        if timezone is None or not isinstance(source.data.get("name"), str):
            return None
        named = edition_of(source.data, overrides.date, at, timezone)
    except (PlanInvalid, LengthError, EditionError, TypeError):
        return None
    layers = gather(source_folder(path), environment, overrides, source)
    if layers.unread:
        return None
    print_ = fingerprint(source, path, layers, overrides, stdin)
    return Identity(source.data["name"], named, print_)


def plan_name(path: Path) -> str:
    """Which plan a file is, for those who need no more of it; PlanInvalid where it does not say."""
    source = read_toml(path)
    name = source.data.get("name")
    if isinstance(name, str) and name:
        return name
    complaints = source.complaints()
    complaints.add(("name",), "is missing", 'every plan has one: name = "nightly"')
    raise PlanInvalid(tuple(complaints.found))


def source_folder(path: Path) -> Path:
    return path.absolute().parent


def zone(name: str) -> tzinfo | None:
    """The timezone of that name; UTC needs no database."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    with suppress(ValueError, OSError, LookupError, TypeError):
        return ZoneInfo(name)
    return None


def edition_of(data: Mapping[str, Any], date: str | None, at: int, timezone: tzinfo) -> str:
    """The edition a person named, or else the one of this instant."""
    per = data.get("per", "once")
    if per not in PERIODS:
        raise EditionError(f"{per} is no period")
    if date is not None:
        return parse_edition(per, date)
    return edition(per, at, timezone, parse_time_of_day(data.get("day_starts", "00:00")))


def fingerprint(
    source: Source, path: Path, layers: Layers, overrides: Overrides, stdin: BinaryIO | None
) -> str:
    """sha256 over everything the batch depends on; unreadable files count as such."""
    said = [
        _EXPANSION,
        sorted(overrides.sets.items()),
        sorted(overrides.raise_cap.items()),
        str(overrides.items) if overrides.items else None,
        layers.fingerprint(),
    ]
    whole = sha256(canonical(said).encode())
    whole.update(sha256(source.text.encode()).digest())
    folder = source_folder(path)
    for named in sorted(set(_named_files(source.data, layers, overrides))):
        whole.update(canonical(named).encode())
        at = overrides.spooled.get(named, folder / named)
        whole.update(_content(at, stdin if named == "-" else None))
    result = whole.hexdigest()
    return narrowed(result, overrides.only) if overrides.only else result


def _named_files(data: Mapping[str, Any], layers: Layers, overrides: Overrides) -> Iterator[str]:
    """Every file the plan names, as far as it is well formed."""
    if overrides.items is not None:
        yield str(overrides.items.absolute()) if str(overrides.items) != "-" else "-"
    jobs = data.get("job")
    tables = [*(jobs if isinstance(jobs, list) else []), *_defaults(layers)]
    for table in tables:
        if isinstance(table, dict):
            expect = table.get("expect")
            schema = expect.get("json_schema") if isinstance(expect, dict) else None
            named = (table.get("items"), table.get("prompt_file"), schema)
            yield from (each for each in named if isinstance(each, str))


def _defaults(layers: Layers) -> Iterator[Any]:
    yield from (layer.data.get("defaults") for layer in layers.layers)


def _content(path: Path, stdin: BinaryIO | None) -> bytes:
    """The digest of a file's bytes, streamed; something else when it cannot be read."""
    digest = sha256()
    try:
        with ItemsFile("-", None, stdin).opened() if stdin else open_regular(path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except (PlanInvalid, OSError, ValueError):
        return b"unreadable"
    return digest.digest()
