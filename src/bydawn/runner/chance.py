"""Randomness of the system, behind the argument it is everywhere else."""

from __future__ import annotations

import os
import random

_BYTES = 8
_DIGITS = 2 * _BYTES


class SystemChance:
    random = staticmethod(random.random)

    def nonce(self) -> str:
        return os.urandom(_BYTES).hex()

    def nonces(self, count: int) -> list[str]:
        """So many at once, for those who need them now: none is kept, so that a machine put back
        into an earlier state, with all its memory, does not give one out again."""
        drawn = os.urandom(_BYTES * count).hex()
        return [drawn[start : start + _DIGITS] for start in range(0, len(drawn), _DIGITS)]
