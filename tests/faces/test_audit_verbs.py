"""``bydawn audit`` as it is typed, and where its key is and is not."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest
from test_real_runs import PLAN, Place

from bydawn.app.keeping.sealing import note_head, noted_heads, own_sealer, read_head, sealers
from bydawn.core.chain import Head
from bydawn.core.errors import UsageError
from servers import Server


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    made.plan(PLAN)
    return made


def keys(place: Place) -> Path:
    return place.folder / "config" / "bydawn" / "audit"


def spoil(place: Place, sql: str) -> None:
    with sqlite3.connect(place.folder / ".bydawn" / "store.db") as store:
        store.execute(sql)
    store.close()


def test_a_night_is_whole_until_somebody_touches_it(place: Place) -> None:
    place.run("run", "night.toml")
    head = place.run("audit", "head")[1].strip()
    code, out, _ = place.run("audit", "verify", "--anchor", head[:40])
    assert (code, out.splitlines()[0].split(":")[0]) == (0, "whole")
    assert out.splitlines()[-1] == f"head {head}"
    spoil(place, "UPDATE event SET at = at + 1 WHERE seq = 3")
    code, out, _ = place.run("audit", "verify", "--json")
    document = json.loads(out)
    assert (code, document["whole"], document["head"]) == (1, False, head)
    assert document["faults"] == [{"flaw": "changed", "first": 3, "last": 3, "about": ""}]


def test_whoever_comes_to_a_store_on_a_server_later_seals_as_well(
    place: Place, postgres_server: Server
) -> None:
    place.environment["BYDAWN_STORE"] = postgres_server.database()
    for _ in range(2):
        assert place.run("run", "night.toml", "--retry-failed")[0] == 1
    code, out, _ = place.run("audit", "verify")
    assert (code, out.splitlines()[0].split(":")[0]) == (0, "whole")


def test_a_cut_tail_shows_by_the_head_this_machine_has_seen(place: Place) -> None:
    place.run("run", "night.toml")
    spoil(place, "DELETE FROM event WHERE seq > 2")
    spoil(place, "DELETE FROM job")
    code, out, _ = place.run("audit", "verify")
    assert code == 1
    assert "are gone: the journal was longer when" in out
    assert f"if you put a backup back yourself: delete {keys(place)}/heads/" in out


def test_what_is_no_head_is_said_in_place(place: Place) -> None:
    place.run("run", "night.toml")
    code, _, err = place.run("audit", "verify", "--anchor", "yesterday")
    assert (code, "is no head" in err) == (2, True)


def test_the_key_is_private_and_not_among_what_a_job_is_given(place: Place) -> None:
    place.plan('schema = 1\nname = "night"\n[[job]]\nid = "a"\nargv = ["env"]\n')
    place.run("run", "night.toml")
    key = keys(place) / "own.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    secret = key.read_text().strip()
    state = place.folder / ".bydawn"
    found = [path for path in state.rglob("*") if path.is_file()]
    assert len(found) > 5
    assert [path for path in found if secret.encode() in path.read_bytes()] == []


def test_another_machine_checks_with_the_key_it_was_brought(place: Place) -> None:
    place.run("run", "night.toml")
    place.run("audit", "key", "export", "the.key")
    code, _, err = place.run("audit", "key", "export", "the.key")
    assert (code, "is there already" in err) == (2, True)
    place.environment["XDG_CONFIG_HOME"] = str(place.folder / "elsewhere")
    code, out, _ = place.run("audit", "verify")
    assert (code, "a key that is not here" in out) == (1, True)
    assert place.run("audit", "key", "import", "night.toml")[0] == 2
    assert place.run("audit", "key", "import", "the.key")[0] == 0
    assert place.run("audit", "verify")[0] == 0


def test_without_a_place_for_a_key_the_night_goes_on_and_the_audit_says_so(place: Place) -> None:
    (place.folder / "config").write_text("a file where a folder should be")
    code, out, _ = place.run("run", "night.toml")
    assert (code, "1 succeeded, 1 failed" in out) == (1, True)
    code, out, _ = place.run("audit", "verify")
    assert (code, "were written without a key" in out) == (1, True)


def test_two_processes_at_their_first_use_make_one_key(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    first, again = own_sealer(environment), own_sealer(environment)
    assert first is not None
    assert first == again
    assert sealers(environment) == [first]
    assert own_sealer({}) is None


def test_heads_are_noted_once_and_read_back(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    head = Head(7, "ab" * 32)
    for _ in range(3):
        note_head(environment, "s_1", head)
    note_head(environment, "s_1", Head(9, "cd" * 32))
    note_head(environment, "../s_2", None)
    assert noted_heads(environment, "s_1")[1] == [head, Head(9, "cd" * 32)]
    assert read_head(f" 7:{'ab' * 8}\n") == Head(7, "ab" * 8)
    for text in ("", "7", "7:ab", "x:" + "ab" * 32, "7:" + "zz" * 32):
        with pytest.raises(UsageError):
            read_head(text)
