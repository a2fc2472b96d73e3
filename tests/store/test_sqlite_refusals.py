"""Files that must not be used are refused with a remedy and left exactly as they were."""

from __future__ import annotations

import os
import resource
import sqlite3
from pathlib import Path

import pytest
from filling import Hand, fill, listed, planned, spec

from bydawn.core.errors import StoreRefused, StoreUnavailable
from bydawn.store import claiming, due, migrate, read, settling, sharing, sqlite
from bydawn.store.store import Store, open_store
from bydawn.testing.virtual import HandWoundClock


def opened(path: Path) -> Store:
    return open_store(path, HandWoundClock(), "s_1")


def opened_and_read(path: Path) -> None:
    list(read.jobs(opened(path).session, 1))


def made(path: Path, jobs: int = 3) -> bytes:
    store = opened(path)
    store.open_batch(planned(spec()), listed(spec(), count=jobs))
    store.close()
    return path.read_bytes()


def refused(path: Path, content: bytes) -> StoreRefused:
    path.write_bytes(content)
    with pytest.raises(StoreRefused) as caught:
        opened_and_read(path)
    assert path.read_bytes() == content
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    "content",
    [b"name = 'night'\n", b"\x00" * 4096, b"SQLite format 2\x00" + b"x" * 200, b"S"],
    ids=["text", "zeros", "older", "one byte"],
)
def test_what_is_no_sqlite_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "s.db", content)


def test_the_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE moz_places (id INTEGER)")
    other.commit()
    other.close()
    assert "another program" in str(refused(path, path.read_bytes()))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_store_is_refused(tmp_path: Path, share: float) -> None:
    whole = made(tmp_path / "s.db", jobs=400)
    refused(tmp_path / "s.db", whole[: int(len(whole) * share) // 512 * 512])


def test_a_damaged_first_page_is_refused(tmp_path: Path) -> None:
    whole = made(tmp_path / "s.db")
    refused(tmp_path / "s.db", whole[:100] + b"\xff" * 3000 + whole[3100:])


def test_a_newer_store_is_refused_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    whole = made(path)
    monkeypatch.setattr(migrate, "NUMBERS", (0,))
    with pytest.raises(StoreRefused, match="newer"):
        opened(path)
    assert path.read_bytes() == whole


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    whole = made(path)
    for _ in range(2):
        opened(path).close()
    assert path.read_bytes() == whole


def test_an_empty_file_is_a_creation_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    opened(path).close()
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def _journal(pages_before: int) -> bytes:
    """The head of a journal that was never ended: of a file that had so many pages."""
    magic = bytes.fromhex("d9d505f920a163d7")
    numbers = (0, 0x1234, pages_before, 512, 4096)
    return (magic + b"".join(one.to_bytes(4, "big") for one in numbers)).ljust(512, b"\0")


TORN_FIRST_PAGE = bytes(512) + b"\x0d" * 512 + bytes(3072)


def test_a_creation_that_lost_its_power_is_begun_anew(tmp_path: Path) -> None:
    """The first page ever was on its way to the disk; its first sector did not come."""
    path = tmp_path / "s.db"
    path.write_bytes(TORN_FIRST_PAGE)
    path.with_name("s.db-journal").write_bytes(_journal(pages_before=0))
    opened(path).close()
    opened(path).close()
    assert path.read_bytes()[:6] == b"SQLite"


@pytest.mark.parametrize("journal", [b"", b"\0" * 512, _journal(pages_before=3)])
def test_a_lost_start_is_refused_where_there_was_something(tmp_path: Path, journal: bytes) -> None:
    path = tmp_path / "s.db"
    path.with_name("s.db-journal").write_bytes(journal)
    refused(path, TORN_FIRST_PAGE)
    assert path.with_name("s.db-journal").read_bytes() == journal


@pytest.mark.parametrize("name", ["what?.db", "a#b.db", "100%25.db", "new\nline.db", "ü b.db"])
def test_a_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    blank = sqlite3.connect(path)
    blank.execute("PRAGMA user_version = 1")  # leaves an empty database without our mark
    blank.close()
    made(path)
    opened(path).close()
    assert [found.name for found in tmp_path.iterdir() if found.suffix == ".db"] == [name]


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="not a regular file"):
        opened(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        opened(tmp_path / "file" / "below" / "s.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="permissions"):
        opened(tmp_path / "s.db")


def test_a_busy_store_says_so_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
    one, other = opened(tmp_path / "s.db"), opened(tmp_path / "s.db")

    def busy() -> None:
        with pytest.raises(StoreUnavailable, match="busy") as caught:
            fill(other, spec())
        assert caught.value.exit_code == 75

    one.session.transact(busy)
    fill(other, spec())
    one.close()
    other.close()


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk without room."""
    path = tmp_path / "s.db"
    store = opened(path)
    batch = fill(store, spec())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        with pytest.raises(StoreUnavailable):
            store.open_batch(planned(spec()), listed(spec(), count=5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [job.name for job in read.jobs(store.session, batch)] == ["work"]
    fill(store, spec(), count=10)
    store.close()


def test_a_backup_is_whole_while_others_write(tmp_path: Path) -> None:
    store, copy = opened(tmp_path / "s.db"), tmp_path / "copy.db"
    batch = fill(store, spec(), count=200, parallel=999)
    hand = Hand(store)
    hand.claim(batch, 50)
    store.session.copy_to(copy)
    hand.claim(batch, 50)
    backup = opened(copy)
    states = [job.state for job in read.jobs(backup.session, batch)]
    assert (states.count("launching"), states.count("queued")) == (50, 150)
    backup.close()
    store.close()


HOT = {
    "ready": (due._READY, "job_queued"),
    "timed": (due._TIMED, "job_queued"),
    "orphans": (claiming._ORPHANS, "job_held"),
    "settle": (settling._UPDATE, "INTEGER PRIMARY KEY"),
    "intend": (claiming._INTEND, "INTEGER PRIMARY KEY"),
    "in flight": (read._IN_FLIGHT, "job_held"),
    "fair share": (sharing._AT_WORK, "job_held"),
    "earliest": (read._QUEUED_EARLIEST, "job_queued"),
    "wishes": (read._WISHES, "job_wished"),
}


@pytest.mark.parametrize("name", HOT)
def test_hot_statements_use_their_index_and_sort_nothing(tmp_path: Path, name: str) -> None:
    """What they visit then depends on what is in flight or asked for, not on the batch's size."""
    store = opened(tmp_path / "s.db")
    sql, index = HOT[name]
    rows = store.session.rows("EXPLAIN QUERY PLAN " + sql, (None,) * sql.count("?"))
    plan = "\n".join(str(row[3]) for row in rows)
    assert index in plan
    assert "SCAN job" not in plan.replace("SCAN job USING INDEX job_held", "")
    assert "TEMP B-TREE" not in plan
    store.close()


def test_held_jobs_are_asked_for_in_the_words_of_their_index() -> None:
    """A condition that means the same in other words reads every job of the batch."""
    otherwise = "IN ('launching', 'running', 'finishing', 'parked')"
    modules = Path(claiming.__file__).parent.glob("*.py")
    assert [one.name for one in modules if otherwise in one.read_text()] == []


def test_a_connection_does_not_cross_a_fork(tmp_path: Path) -> None:
    store = opened(tmp_path / "s.db")
    child = os.fork()
    if child == 0:
        try:
            store.pause(1, True)
        except AssertionError:
            os._exit(7)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.close()


def test_a_network_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bydawn.store.disks.filesystem_of", lambda _: "nfs4")
    with pytest.raises(StoreRefused, match=r"network disk \(nfs4\)"):
        opened(tmp_path / "s.db")
    assert not (tmp_path / "s.db").exists()
