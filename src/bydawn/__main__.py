"""``bydawn`` and ``python -m bydawn``."""

from __future__ import annotations

import sys
from typing import Any

from bydawn.cli.entry import carry_out


def main() -> int:
    """Carry out this process's command line."""
    return carry_out(sys.argv[1:], _dashboard)


def _dashboard(*wanted: Any) -> None:
    """The other face; loaded only for ``bydawn serve``."""
    from bydawn.web.serving import serve

    serve(*wanted)


if __name__ == "__main__":
    sys.exit(main())
