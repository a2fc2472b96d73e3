"""``python -m bydawn.testing.fakes SERVICE``: one fake service until it is interrupted."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bydawn.testing.fakes.anthropic import AnthropicFake
from bydawn.testing.fakes.faults import Kind, read_fault
from bydawn.testing.fakes.frame import FakeServer, WireFormat
from bydawn.testing.fakes.gemini import GeminiFake
from bydawn.testing.fakes.http_jobs import FakeHttpJobs
from bydawn.testing.fakes.lives import Life, Lives
from bydawn.testing.fakes.openai import OpenAIFake
from bydawn.testing.fakes.ray import FakeRay
from bydawn.testing.fakes.runs import Scene


def _lives(scene: Scene) -> Lives:
    """Runs of agents that take as long as those of the other fakes."""
    return Lives(plan=lambda _: Life(takes_ms=scene.takes_ms or 0))


FAKES: dict[str, Callable[[Scene], WireFormat]] = {
    "anthropic": lambda scene: AnthropicFake(_lives(scene)),
    "gemini": lambda scene: GeminiFake(_lives(scene)),
    "openai": lambda scene: OpenAIFake(_lives(scene)),
    "http-jobs": FakeHttpJobs,
    "http-jobs-keyed": lambda scene: FakeHttpJobs(scene, is_keyed=True),
    "ray": lambda _: FakeRay(Path(tempfile.mkdtemp(prefix="bydawn-fake-ray-"))),
}


def main() -> None:
    said = _parser().parse_args()
    fake = FAKES[said.fake](Scene(takes_ms=said.takes_ms))
    server = FakeServer(fake, said.port, said.latency_ms, said.fault)
    with contextlib.suppress(KeyboardInterrupt), server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bydawn.testing.fakes",
        description="A fake service on the loopback. GET /ledger tells what was really started.",
    )
    parser.add_argument("fake", choices=sorted(FAKES))
    parser.add_argument("--port", type=int, default=0, help="0: any free one, printed at the start")
    parser.add_argument("--takes-ms", type=int, default=1000, help="how long a run takes (1000)")
    parser.add_argument("--latency-ms", type=int, default=0, help="how late every answer is (0)")
    parser.add_argument(
        "--fault",
        type=read_fault,
        action="append",
        default=[],
        metavar="KIND[:VERB[:TIMES[:AFTER]]]",
        help=f"what goes wrong, may be repeated: {', '.join(kind.value for kind in Kind)};"
        " error=401:poll:3 answers three looks with 401",
    )
    return parser


if __name__ == "__main__":
    main()
