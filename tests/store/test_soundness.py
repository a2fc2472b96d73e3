"""What doctor is told of a store's surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bydawn.runner.clock import SystemClock
from bydawn.store import soundness
from bydawn.store.shared import open_server_store
from bydawn.store.soundness import file_weaknesses, server_weaknesses
from bydawn.store.store import open_store
from servers import Server


def test_a_server_that_does_not_write_through_is_named(postgres_server: Server) -> None:
    """The server of the tests is switched to be fast."""
    store = open_server_store(postgres_server.database(), SystemClock(), "s_1")
    told = server_weaknesses(store.session)
    store.close()
    assert [line.partition(" ")[0] for line in told] == ["fsync", "full_page_writes"]


def test_a_file_in_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path / "s.db", SystemClock(), "s_1")
    monkeypatch.setattr(soundness, "filesystem_of", lambda _: "ext4")
    assert file_weaknesses(store.session, tmp_path / "s.db") == []
    monkeypatch.setattr(soundness, "filesystem_of", lambda _: "tmpfs")
    (told,) = file_weaknesses(store.session, tmp_path / "s.db")
    store.close()
    assert "in memory" in told
