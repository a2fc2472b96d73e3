"""Fake services on the loopback, in the wire formats of real ones, that can do everything wrong.

For tests, and for whoever wants to try a plan without keys: ``python -m bydawn.testing.fakes
http-jobs --port 8421`` (``--help`` says more). What was really started stands in the ledger.
"""

from __future__ import annotations

from bydawn.testing.fakes.faults import Fault
from bydawn.testing.fakes.frame import Answer, Asked, Fake, FakeServer
from bydawn.testing.fakes.http_jobs import FakeHttpJobs
from bydawn.testing.fakes.ray import FakeRay
from bydawn.testing.fakes.runs import FakeRun, Launch, Runs, Scene

__all__ = [
    "Answer",
    "Asked",
    "Fake",
    "FakeHttpJobs",
    "FakeRay",
    "FakeRun",
    "FakeServer",
    "Fault",
    "Launch",
    "Runs",
    "Scene",
]
