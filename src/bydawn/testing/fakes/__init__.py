"""Fake services on the loopback, in the wire formats of real ones, that can do everything wrong.

For tests, and for whoever wants to try a plan without keys: ``python -m bydawn.testing.fakes
http-jobs --port 8421`` (``--help`` says more). What was really started stands in the ledger.
"""

from __future__ import annotations

from bydawn.testing.fakes.anthropic import AnthropicFake
from bydawn.testing.fakes.faults import Fault
from bydawn.testing.fakes.frame import Answer, Asked, Fake, FakeServer, WireFormat
from bydawn.testing.fakes.gemini import GeminiFake
from bydawn.testing.fakes.http_jobs import FakeHttpJobs
from bydawn.testing.fakes.lives import Life, Lives
from bydawn.testing.fakes.openai import OpenAIFake
from bydawn.testing.fakes.ray import FakeRay
from bydawn.testing.fakes.runs import FakeRun, Launch, Runs, Scene

__all__ = [
    "Answer",
    "AnthropicFake",
    "Asked",
    "Fake",
    "FakeHttpJobs",
    "FakeRay",
    "FakeRun",
    "FakeServer",
    "Fault",
    "GeminiFake",
    "Launch",
    "Life",
    "Lives",
    "OpenAIFake",
    "Runs",
    "Scene",
    "WireFormat",
]
