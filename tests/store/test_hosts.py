"""One SQLite file, one host at a time: what is refused, what is not, and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bydawn.core.errors import StoreRefused
from bydawn.store import hosts
from bydawn.store.store import Store, open_store
from bydawn.testing.virtual import HandWoundClock

LEASE_MS = 30_000


class Host:
    """A host with a clock of its own that opens the shared file."""

    def __init__(self, folder: Path, name: str, patch: pytest.MonkeyPatch) -> None:
        self.clock = HandWoundClock()
        self.name, self._folder, self._patch = name, folder, patch
        for _ in name:
            self.clock.reboot()
        self.opened: list[Store] = []

    def open(self) -> Store:
        self._patch.setattr(hosts, "host_name", lambda: self.name)
        self.opened.append(open_store(self._folder / "s.db", self.clock, "s_1"))
        return self.opened[-1]

    def move_here(self) -> None:
        self._patch.setattr(hosts, "host_name", lambda: self.name)
        hosts.move_here(self._folder / "s.db", self.clock)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Host]]:
    found = {name: Host(tmp_path, name, monkeypatch) for name in ("a", "bb", "")}
    yield found
    for host in found.values():
        for store in host.opened:
            store.close()


def register(store: Store, name: str) -> None:
    store.end_dead_runners(name, lambda _: False)
    store.register(name, f"m_{name}", 1, LEASE_MS, frozenset({1}))


def names(store: Store) -> list[str]:
    return [runner.id for runner in store.runners()]


def test_a_second_host_is_refused_while_the_first_is_at_work(made: dict[str, Host]) -> None:
    first = made["a"].open()
    register(first, "r_a")
    with pytest.raises(StoreRefused) as caught:
        made["bb"].open()
    assert "another machine" in str(caught.value)
    assert "--adopt" in caught.value.remedy
    assert "postgresql://" in caught.value.remedy
    assert names(first) == ["r_a"]


def test_one_that_was_open_already_may_not_start_beside_another(made: dict[str, Host]) -> None:
    second = made["bb"].open()
    first = made["a"].open()
    register(first, "r_a")
    with pytest.raises(StoreRefused):
        second.end_dead_runners("r_b", lambda _: True)
    with pytest.raises(StoreRefused):
        second.register("r_b", "m_b", 1, LEASE_MS, frozenset())
    assert names(first) == ["r_a"]


def test_a_store_nobody_works_on_may_be_carried_anywhere(made: dict[str, Host]) -> None:
    first = made["a"].open()
    register(first, "r_a")
    first.end_runner("r_a")
    second = made["bb"].open()
    register(second, "r_b")
    with pytest.raises(StoreRefused):
        made["a"].open()


def test_a_person_may_say_that_it_moved(made: dict[str, Host]) -> None:
    register(made["a"].open(), "r_a")
    made["bb"].move_here()
    second = made["bb"].open()
    assert names(second) == []
    register(second, "r_b")
    with pytest.raises(StoreRefused):
        made["a"].open()


def test_the_same_host_after_a_reboot_goes_on(made: dict[str, Host]) -> None:
    register(made["a"].open(), "r_1")
    made["a"].clock.reboot()
    again = made["a"].open()
    register(again, "r_2")
    assert names(again) == ["r_2"]


def test_another_name_in_the_same_boot_is_a_container(made: dict[str, Host]) -> None:
    register(made["a"].open(), "r_a")
    made["bb"].clock = made["a"].clock
    assert names(made["bb"].open()) == ["r_a"]


def test_a_host_that_cannot_tell_is_not_refused(made: dict[str, Host]) -> None:
    register(made["a"].open(), "r_a")
    made[""].open()


@pytest.mark.parametrize(
    ("text", "is_named"),
    [("0123456789abcdef0123456789abcdef\n", True), ("", False), ("uninitialized\n", False)],
)
def test_a_name_is_told_without_the_identity(tmp_path: Path, text: str, is_named: bool) -> None:
    path = tmp_path / "machine-id"
    path.write_text(text)
    name = hosts.host_name([tmp_path / "missing", path])
    assert bool(name) == is_named
    assert name not in text or not name


def test_nothing_to_move_is_no_mistake(tmp_path: Path) -> None:
    hosts.move_here(tmp_path / "none.db", HandWoundClock())
