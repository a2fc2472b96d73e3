"""Randomness of the system, behind the argument it is everywhere else."""

from __future__ import annotations

import os
import random


class SystemChance:
    random = staticmethod(random.random)

    def nonce(self) -> str:
        return os.urandom(8).hex()
