"""What an http address says beside the place."""

from __future__ import annotations

import re
from binascii import b2a_base64, unhexlify

_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


def sign_in(name: str | None, password: str | None) -> str:
    """Name and password as they stand in an address, as a value of the header Authorization;
    nothing where there are none."""
    if name is None:
        return ""
    pair = f"{name}:{password or ''}".encode()
    plain = _ESCAPED.sub(lambda found: unhexlify(found[1]), pair)
    return f"Basic {b2a_base64(plain, newline=False).decode()}"
