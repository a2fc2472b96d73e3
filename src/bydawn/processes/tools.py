"""One bounded call of a program that answers soon, such as git."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Timer
from typing import IO

from bydawn.core.values import value


@value
class Answered:
    """How the program ended. ``code`` is None when it was ended because its time was up."""

    code: int | None
    output: bytes
    errors: bytes

    @property
    def complaint(self) -> str:
        """Its own words about what went wrong, on one line."""
        text = self.errors.decode(errors="replace").strip() or "it said nothing"
        return " / ".join(line.strip() for line in text.splitlines() if line.strip())[:1000]


# What a program says to these words, in this folder and environment, given this to read.
Program = Callable[[Sequence[str], Path, Mapping[str, str], bytes], Answered]


def ask(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    given: bytes = b"",
    timeout_ms: int = 120_000,
) -> Answered:
    """Run ``argv`` to its end, or end it and all of its group when the time is up.

    Raises OSError where there is no such program.
    """
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            output, errors = process.communicate(given, timeout=timeout_ms / 1000)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            return Answered(None, output, errors)
    return Answered(process.returncode, output, errors)


@contextlib.contextmanager
def pouring(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    given: bytes,
    timeout_ms: int = 600_000,
) -> Iterator[IO[bytes]]:
    """What ``argv`` says, as it comes; it ends early where its time is up. OSError where there is
    no such program."""
    with tempfile.TemporaryFile() as words:  # a pipe in each direction could block both sides
        words.write(given)
        words.seek(0)
        process = subprocess.Popen(
            argv, cwd=folder, env=dict(environment), stdin=words, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        limit = Timer(timeout_ms / 1000, process.kill)
        limit.start()
        with process:
            try:
                assert process.stdout is not None
                yield process.stdout
            finally:
                limit.cancel()
                process.kill()
