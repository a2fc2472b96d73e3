"""Look for the evidence a success must show, in the draft and in the result. Reads, changes
nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from bydawn.core.model import Expect
from bydawn.core.sightings import Failure, FailureClass
from bydawn.gates.files import PublishError, digest_of, open_inside

_MATCHED_BYTES = 4 << 20


def missing(expect: Expect, draft: Path, result: str | None) -> Failure | None:
    """The first piece of declared evidence that is not there. Raises OSError or PublishError where
    it cannot be looked at now, which is no fault of the run."""
    text = _result_text(result)
    if _asks_for_result(expect) and not expect.files and _is_empty(text):
        return _unmet("no_output", "it ended well and gave no result")
    for name in expect.files:
        failure = _missing_file(expect, draft, name)
        if failure:
            return failure
    return _wrong_content(expect, draft, text)


def draft_digest(draft: Path) -> str:
    """One number for everything in a draft: names and contents, links as links."""
    total = hashlib.sha256()
    for path in sorted(draft.rglob("*")) if draft.is_dir() else ():
        name = path.relative_to(draft).as_posix()
        total.update(f"{len(name)}:{name}:{_content_digest(path)};".encode(errors="replace"))
    return total.hexdigest()


def _content_digest(path: Path) -> str:
    if path.is_symlink():
        return f"link:{os.readlink(path)}"
    if not path.is_file():
        return "folder"
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return digest_of(descriptor)
    finally:
        os.close(descriptor)


def _asks_for_result(expect: Expect) -> bool:
    wants = expect.min_bytes is not None or expect.matches or expect.json_schema is not None
    return bool(wants) or expect.allow_empty is False


def _is_empty(text: str) -> bool:
    return text in ("", "null")


def _missing_file(expect: Expect, draft: Path, name: str) -> Failure | None:
    try:
        descriptor = open_inside(draft, name)
    except PublishError as error:
        if not error.hopeless:
            raise
        return _unmet("unmet", str(error))
    try:
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    if expect.min_bytes is not None and size < expect.min_bytes:
        return _unmet("unmet", f"{name}: has {size} bytes, expected at least {expect.min_bytes}")
    if size == 0 and not expect.allow_empty:
        return _unmet("no_output", f"{name}: is empty")
    return None


def _wrong_content(expect: Expect, draft: Path, text: str) -> Failure | None:
    """Pattern and schema speak of the first expected file, else of the result."""
    what = "the result"
    if expect.files and (expect.matches or expect.json_schema is not None):
        what, text = expect.files[0], _read(draft, expect.files[0])
    elif (
        expect.min_bytes is not None and not expect.files and len(text.encode()) < expect.min_bytes
    ):
        return _unmet("unmet", f"the result is shorter than {expect.min_bytes} bytes")
    if expect.matches and not re.search(expect.matches, text, re.MULTILINE):
        return _unmet("unmet", f"{what}: does not match {expect.matches!r}")
    if expect.json_schema is not None:
        return _off_schema(expect.json_schema, what, text)
    return None


def _off_schema(schema: dict[str, Any], what: str, text: str) -> Failure | None:
    from jsonschema import Draft202012Validator

    try:
        value = json.loads(text)
    except ValueError as error:
        return _unmet("unmet", f"{what}: is not JSON ({error})")
    wrong = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    return wrong and _unmet("unmet", f"{what}: {wrong.json_path}: {wrong.message}"[:500])


def _read(draft: Path, name: str) -> str:
    descriptor = open_inside(draft, name)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_MATCHED_BYTES).decode(errors="replace")


def _result_text(result: str | None) -> str:
    """A string result speaks for itself; anything else as its JSON."""
    if result is None:
        return ""
    value = json.loads(result)
    return value if isinstance(value, str) else result


def _unmet(code: str, message: str) -> Failure:
    return Failure(FailureClass.TRANSIENT, code, message)
