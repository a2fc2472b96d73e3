"""The runner publishes through the gates, under the claim of the job and of nothing else."""

from __future__ import annotations

import base64
import dataclasses
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from world import INSTANT, World, planned, spec

from bydawn.core.fencing import Claim, decoded
from bydawn.core.keys import effect_key, job_key
from bydawn.core.model import Job, JobSpec, PlannedJob, Publication
from bydawn.core.searching import Search
from bydawn.gates.beside import FOLDER
from bydawn.gates.files import FileGate
from bydawn.store import read
from bydawn.store.claiming import Claimer
from bydawn.store.receipts import tell_adopted, was_published_to
from bydawn.store.writing import Turn, Written
from bydawn.watch.feed import Feed
from bydawn.watch.journal import is_end_of_run


class Night:
    """One job that publishes one file, at as many editions as are asked for."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "state")
        self.plans = folder / "plans"
        self.plans.mkdir()
        self.target = self.plans / "public" / "page"

    def submit(
        self, edition: str, content: str = "", given: Mapping[str, object] = {}, **fields: object
    ) -> int:
        """A batch at an edition; its job's draft is there already, as a run would leave it."""
        fields.setdefault("publish", (Publication("page", "file", "public/page"),))
        one: JobSpec = spec("index", script=[INSTANT], **fields)
        one = dataclasses.replace(one, payload={**one.payload, **given})
        batch = dataclasses.replace(
            planned([one], plan="nightly"), edition=edition, folder=str(self.plans)
        )
        key = job_key("nightly", edition, "index", [])
        job = PlannedJob("index", "index", key, None, "{}", 0, "p:1")
        opened = self.world.store.open_batch(batch, [job])
        self.draft(opened.number, content or edition)
        return opened.number

    def job(self, batch: int) -> Job:
        (job,) = self.world.jobs(batch)
        return job

    def draft(self, batch: int, content: str, place: str = "1.1") -> None:
        folder = self.draft_of(batch, place)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "page").write_text(content)

    def draft_of(self, batch: int, place: str = "1.1") -> Path:
        return self.world.folder / "runs" / self.job(batch).job_id / place / "draft"

    def record(self) -> Path:
        return self.target.parent / FOLDER / "page.json"

    def fenced_writes(self, batch: int) -> int:
        return self.world.store.batch(batch).fenced


@pytest.fixture
def night(tmp_path: Path) -> Night:
    (tmp_path / "state").mkdir()
    return Night(tmp_path)


def test_the_record_at_the_target_is_the_jobs_own_claim(night: Night) -> None:
    batch = night.submit("2026-11-19")
    night.world.drive(batch)
    job = night.job(batch)
    assert (job.state, night.target.read_text()) == ("succeeded", "2026-11-19")
    record = decoded(night.record().read_bytes())
    effect = effect_key(job.key, job.revision)
    assert record.claim == Claim(
        "s_test", "nightly/index", job.token, job.nonce, "2026-11-19", effect
    )
    assert was_published_to(night.world.store.session, str(night.target))


def test_last_nights_late_run_ends_as_fenced_and_is_counted(night: Night) -> None:
    late, tonight = night.submit("2026-11-18"), night.submit("2026-11-19")
    night.world.drive(tonight)
    before = night.target.stat()
    night.world.drive(late)
    job = night.job(late)
    assert (job.state, job.reason, job.error_code) == ("failed", "fenced", "fenced")
    assert "2026-11-19" in (job.error_message or "")
    assert night.target.read_text() == "2026-11-19"
    assert night.target.stat().st_mtime_ns == before.st_mtime_ns
    assert (night.fenced_writes(late), night.fenced_writes(tonight)) == (1, 0)
    assert sum(map(is_end_of_run, Feed(night.world.store, late).fresh())) == 1


def test_a_later_edition_replaces_it_whatever_the_tokens_say(night: Night) -> None:
    late, tonight = night.submit("2026-11-18"), night.submit("2026-11-19")
    night.world.drive(late)
    night.world.drive(tonight)
    assert night.target.read_text() == "2026-11-19"


def test_a_successor_finds_the_receipt_of_a_dead_runner_and_repeats_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publishes, and dies before it can record that."""
    batch = night.submit("2026-11-19")
    first = night.world.runner(batch)
    monkeypatch.setattr(first.store, "write", _dying_after(first.store.write, night.target))
    with pytest.raises(_Died):
        night.world.drive_on(first)
    assert night.job(batch).state == "finishing"
    token = decoded(night.record().read_bytes()).claim.token
    before = night.target.stat()
    night.target.write_text("mended by a person meanwhile")
    night.world.clock.wind(60_000)
    night.world.drive(batch)
    job = night.job(batch)
    assert job.state == "succeeded"
    assert job.token > token
    assert night.target.read_text() == "mended by a person meanwhile"
    assert before.st_ino == night.target.stat().st_ino


class _Died(BaseException):
    pass


def _dying_after(
    written: Callable[[Turn, Claimer], Written], target: Path
) -> Callable[[Turn, Claimer], Written]:
    def write(turn: Turn, claimer: Claimer) -> Written:
        if target.exists():
            raise _Died
        return written(turn, claimer)

    return write


def test_a_runner_that_lost_its_job_while_publishing_drops_it_and_is_counted(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stands before the gate when B takes over, publishes and finishes; then A goes on."""
    batch = night.submit("2026-11-19")
    first, second = night.world.runner(batch), night.world.runner(batch, dead=lambda: True)
    digest = FileGate._digest
    over = False

    def slow(gate: FileGate, draft: Path, source: str) -> str:
        nonlocal over
        if not over:
            over = True
            night.world.drive_on(second)
        return digest(gate, draft, source)

    monkeypatch.setattr(FileGate, "_digest", slow)
    night.world.drive_on(first)
    job = night.job(batch)
    assert over
    assert (job.state, job.attempts, night.fenced_writes(batch)) == ("succeeded", 1, 1)
    assert decoded(night.record().read_bytes()).claim.token == job.token
    assert night.world.events(job.number).count("published") == 1


def test_a_runner_that_was_taken_over_while_publishing_is_fenced_at_the_target(
    night: Night,
) -> None:
    """A newer claim of the same job stands at the target: A's own write is refused and dropped."""
    batch = night.submit("2026-11-19")
    job = night.job(batch)
    newer = Claim("s_test", "nightly/index", 99, "b", "2026-11-19", effect_key(job.key, 1))
    (night.plans / "theirs").write_text("B's")
    FileGate(night.target).publish(night.plans, "theirs", newer)
    night.world.drive(batch)
    assert night.target.read_text() == "B's"
    assert night.fenced_writes(batch) == 1
    assert night.job(batch).reason == "fenced"


def test_a_target_that_lost_its_record_waits_for_a_person(night: Night) -> None:
    night.world.drive(night.submit("2026-11-18"))
    night.record().unlink()
    batch = night.submit("2026-11-19")
    night.world.drive(batch)
    job = night.job(batch)
    assert (job.state, job.reason) == ("parked", "publish_failed")
    assert "gate adopt" in (job.error_message or "")
    assert night.target.read_text() == "2026-11-18"


def test_after_an_adoption_the_parked_job_is_published_without_a_new_run(night: Night) -> None:
    night.world.drive(night.submit("2026-11-18"))
    night.record().write_text("{}")
    batch = night.submit("2026-11-19")
    night.world.drive(batch)
    assert night.job(batch).state == "parked"
    store = night.world.store
    FileGate(night.target).adopt(Claim("s_test", "person", night.job(batch).token, "p"))
    store.session.transact(lambda: tell_adopted(store.session, str(night.target), 1, "looked"))
    store.resolve(night.job(batch).number, "retry", "looked", lambda: "fresh")
    night.world.drive(batch)
    job = night.job(batch)
    assert (job.state, job.attempts) == ("succeeded", 1)
    assert night.target.read_text() == "2026-11-19"


def test_another_stores_target_waits_for_a_person(night: Night) -> None:
    (night.plans / "theirs").write_text("t")
    FileGate(night.target).publish(night.plans, "theirs", Claim("s_other", "x/y", 1, "n"))
    batch = night.submit("2026-11-19")
    night.world.drive(batch)
    assert night.job(batch).reason == "publish_failed"
    assert "another store" in (night.job(batch).error_message or "")


def test_a_whole_folder_is_published(night: Night) -> None:
    batch = night.submit("2026-11-19", publish=(Publication(".", "file", "site"),))
    night.world.drive(batch)
    assert (night.plans / "site" / "page").read_text() == "2026-11-19"
    assert (night.plans / "site").is_symlink()


def test_a_branch_is_published_with_its_fence(night: Night, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    target = (Publication(".", "git", str(remote), "content"),)
    batches = [night.submit(edition, publish=target) for edition in ("2026-11-18", "2026-11-19")]
    for batch in reversed(batches):
        night.world.drive(batch)
    show = ["git", "-C", str(remote), "show", "content:page"]
    assert subprocess.run(show, check=True, capture_output=True).stdout == b"2026-11-19"
    assert [night.job(batch).reason for batch in batches] == ["fenced", None]
    (receipt,) = read.receipts(night.world.store.session, night.job(batches[1]).number)
    assert receipt[0] == f"{remote}#content"


SECRET = "sk-live-49x-correct-horse"
GIVEN = {"pass_env": ["SITE_TOKEN", "MODE"]}
AS_BASE64 = base64.b64encode(f"u:{SECRET}".encode()).decode()


@pytest.fixture
def secretive(night: Night) -> Night:
    """Its job is given a secret, and something that only might be one."""
    night.world.environment |= {"SITE_TOKEN": SECRET, "MODE": "night-and-day-2026-11"}
    return night


@pytest.mark.parametrize("written", [SECRET, AS_BASE64])
def test_a_draft_with_a_secret_is_not_published_and_not_touched(
    secretive: Night, written: str
) -> None:
    batch = secretive.submit("2026-11-19", f"a page {written}", GIVEN)
    secretive.world.drive(batch)
    job = secretive.job(batch)
    assert (job.state, job.reason, job.error_code) == ("failed", "permanent", "secret_in_draft")
    said = job.error_message or ""
    assert "page holds the value of SITE_TOKEN" in said
    assert 'may_publish = ["SITE_TOKEN"]' in said
    assert SECRET not in said
    assert job.attempts == 1
    assert not secretive.target.parent.exists()
    assert (secretive.draft_of(batch) / "page").read_text() == f"a page {written}"


def test_what_may_be_published_is(secretive: Night) -> None:
    said = f"by {secretive.world.environment['MODE']}"
    batch = secretive.submit("2026-11-19", said, GIVEN | {"may_publish": ["MODE"]})
    secretive.world.drive(batch)
    assert secretive.target.read_text() == said
    batch = secretive.submit("2026-11-20", said, GIVEN)
    secretive.world.drive(batch)
    assert secretive.job(batch).error_code == "secret_in_draft"


@pytest.mark.parametrize("value", ["https://example.com/a-long-path-1", "hello to everybody 1"])
def test_what_neither_is_called_nor_looks_secret_is_published(night: Night, value: str) -> None:
    night.world.environment["SITE"] = value
    batch = night.submit("2026-11-19", f"see {value}", {"pass_env": ["SITE"]})
    night.world.drive(batch)
    assert night.target.read_text() == f"see {value}"


def test_where_one_of_several_may_not_leave_none_does(secretive: Night) -> None:
    two = tuple(Publication(name, "file", f"public/{name}") for name in ("page", "other"))
    batch = secretive.submit("2026-11-19", "harmless", GIVEN, publish=two)
    (secretive.draft_of(batch) / "other").write_text(SECRET)
    secretive.world.drive(batch)
    assert secretive.job(batch).error_code == "secret_in_draft"
    assert not secretive.target.parent.exists()


def test_the_name_of_a_file_tells_too(secretive: Night) -> None:
    site = (Publication(".", "file", "site"),)
    batch = secretive.submit("2026-11-19", "harmless", GIVEN, publish=site)
    (secretive.draft_of(batch) / SECRET).write_text("harmless")
    secretive.world.drive(batch)
    job = secretive.job(batch)
    assert job.error_code == "secret_in_draft"
    assert SECRET not in (job.error_message or "")
    assert not (secretive.plans / "site").exists()


def test_nobody_is_asked_to_approve_what_may_not_leave(secretive: Night) -> None:
    batch = secretive.submit("2026-11-19", f"a page {SECRET}", GIVEN, approve=True)
    secretive.world.drive(batch)
    assert secretive.job(batch).error_code == "secret_in_draft"
    assert "approval_asked" not in secretive.world.events()


def test_what_is_not_published_is_the_jobs_own(secretive: Night) -> None:
    batch = secretive.submit("2026-11-19", "harmless", GIVEN)
    (secretive.draft_of(batch) / "notes").write_text(SECRET)
    secretive.world.drive(batch)
    assert secretive.target.read_text() == "harmless"


def test_keys_of_the_runner_itself_do_not_leave_either(night: Night) -> None:
    """The job was not given it, and read it where it could. A word that may stand there by chance
    is let through."""
    night.world.environment |= {"VENDOR_API_KEY": SECRET, "DB_PASSWORD": "postgres"}
    good, bad = (night.submit(f"2026-11-{day}", said) for day, said in
                 ((19, "about postgres"), (20, f"about {SECRET}")))  # fmt: skip
    night.world.drive(good)
    night.world.drive(bad)
    assert [night.job(batch).state for batch in (good, bad)] == ["succeeded", "failed"]


def test_a_draft_that_cannot_be_searched_is_not_published(
    secretive: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Search, "found_in", fail)
    batch = secretive.submit("2026-11-19", "harmless", GIVEN)
    secretive.world.drive(batch)
    assert secretive.job(batch).reason == "publish_failed"
    assert not secretive.target.parent.exists()


def test_a_template_that_does_not_render_is_parked_with_words(night: Night) -> None:
    target = (Publication("page", "file", "public/{{ item.nothing }}"),)
    batch = night.submit("2026-11-19", publish=target)
    night.world.drive(batch)
    job = night.job(batch)
    assert (job.state, job.reason) == ("parked", "publish_failed")


def test_the_draft_that_was_approved_is_the_one_that_leaves(night: Night) -> None:
    batch = night.submit("2026-11-19", approve=True)
    night.world.drive(batch)
    assert night.job(batch).reason == "awaiting_approval"
    night.draft(batch, "something else")
    store = night.world.store
    store.resolve(night.job(batch).number, "approve", "looks good", night.world.chance.nonce)
    night.world.drive(batch)
    job = night.job(batch)
    assert (job.state, job.reason) == ("parked", "publish_failed")
    assert "no longer what was checked and approved" in (job.error_message or "")
    assert not night.target.exists()
