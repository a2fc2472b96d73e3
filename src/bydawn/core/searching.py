"""Looking for secrets in what is about to leave: by value, in every form the redactor knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from bydawn.core.redaction import forms_of, is_hideable

# How a job fails in whose draft one was found.
SECRET_IN_DRAFT = "secret_in_draft"
# Every key in this form begins and ends alike: these lines give nothing away.
_FRAME = b"-----"
# Longer than words and names, and what no text holds by chance.
NOT_BY_CHANCE = 16
_WORDS = re.compile(r"[\w.,:;!?()-]+(?: [\w.,:;!?()-]+)+")
_WITH_PASSWORD = re.compile(r"://[^/?#@:]*:[^/?#@]+@")


class Search:
    """Knows values by the names of their variables, and tells only the names."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._forms = {
            form: name
            for name, value in sorted(values.items())
            if is_hideable(value)
            for form in forms_of(value)
            if not form.startswith(_FRAME)
        }
        self._overlap = max(map(len, self._forms), default=1) - 1

    def __repr__(self) -> str:
        return f"Search({len(self._forms)} forms)"

    def __bool__(self) -> bool:
        return bool(self._forms)

    def found_in(self, pieces: Iterable[bytes]) -> str | None:
        """Whose value stands in data that comes in pieces; memory does not grow with the data."""
        if not self._forms:
            return None
        before = b""
        for piece in pieces:
            data = before + piece
            for form, name in self._forms.items():
                if form in data:
                    return name
            before = data[-self._overlap :]
        return None


def looks_secret(value: str) -> bool:
    """Whether a value is like a key or a token; words, paths and addresses are not, but for an
    address with a password in it."""
    if "://" in value:
        return _WITH_PASSWORD.search(value) is not None
    if len(value) < NOT_BY_CHANCE or value.startswith(("/", "~", ".")) or _WORDS.fullmatch(value):
        return False
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


@lru_cache(maxsize=32)
def search_of(values: tuple[tuple[str, str], ...]) -> Search:
    """One for the same values again and again."""
    return Search(dict(values))
