"""What all tests share: nobody's own settings, and one knob for how long the long runs are."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from layers import Layers, left_out, trials
from saying import Say, saying
from servers import Server, running_server

__all__ = ["left_out", "trials"]

PROVE_SIZE = "BYDAWN_PROVE_SIZE"

# The same examples each time: a change that passes here passes there.
settings.register_profile("test", derandomize=True, deadline=None, max_examples=100)
settings.register_profile(
    "prove",
    deadline=None,
    max_examples=int(os.environ.get(PROVE_SIZE, "1000")),
    print_blob=True,
)
settings.load_profile("prove" if PROVE_SIZE in os.environ else "test")


def pytest_configure(config: pytest.Config) -> None:
    # Where the tests were started in the background Ctrl-C is ignored, by all they start as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Layers(), "layers")


@pytest.fixture(scope="session")
def prove_size() -> int:
    """How many rounds a test marked ``prove`` is asked for."""
    return int(os.environ.get(PROVE_SIZE, "1000"))


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No BYDAWN_* variable and no configuration file of the person who runs the tests is seen."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BYDAWN_")]:
            if name != PROVE_SIZE:
                patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A real server for this process of the test run, started when a test first asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """One command line, typed in a fresh folder."""
    return saying(tmp_path, monkeypatch, capsys)
