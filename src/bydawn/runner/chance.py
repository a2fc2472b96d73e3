"""Randomness of the system, behind the argument it is everywhere else."""

from __future__ import annotations

import random
import secrets


class SystemChance:
    def random(self) -> float:
        return random.random()

    def nonce(self) -> str:
        return secrets.token_hex(8)
