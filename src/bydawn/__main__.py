"""``bydawn`` and ``python -m bydawn``."""

from __future__ import annotations

import sys

from bydawn.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
