"""Guards of the product, each with the change that takes it away and the tests that must notice.

``before`` stands exactly once in its file and becomes ``after``. Guards that a test can take away
inside its own process are in tests/sim/test_mutants.py, tests/store/test_guards.py and
tests/gates/test_gate_mutants.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    guard: str
    file: str
    before: str
    after: str
    killer: str

    @property
    def name(self) -> str:
        return self.guard.replace(" ", "-")


LEASES, NAMED = "tests/core/test_leases.py", "tests/store/test_named_leases.py"
ADMISSION, KEYS = "tests/runner/test_admission.py", "tests/core/test_keys.py"
FILES, FENCING = "tests/gates/test_files.py", "tests/gates/test_fencing.py"
GIT, SQL, HTTP = (
    "tests/gates/test_git.py",
    "tests/gates/test_sql.py",
    "tests/gates/test_requests.py",
)
REFUSALS, COMMAND = "tests/store/test_sqlite_refusals.py", "tests/backends/test_command.py"
NIGHTS = "tests/sim/test_nights.py"
CONTENDED = "tests/store/test_postgres_contended.py"
POWER, SHOWN = "tests/crash/test_power_loss.py", "tests/crash/test_published_power_loss.py"

MUTANTS = (
    # A store put back
    Mutant("a launch that was refused is not made beside the next", "core/putting_back.py",
           "    return len(since) == max(since, default=generation - 1) - generation + 1",
           "    return True", "tests/core/test_putting_back.py"),
    Mutant("a keyed launch that was refused is not made beside the next", "core/putting_back.py",
           "    return spec.on_doubt is OnDoubt.RELAUNCH",
           "    return guarantee == Guarantee.KEYED or spec.on_doubt is OnDoubt.RELAUNCH",
           "tests/core/test_putting_back.py"),
    Mutant("only a good end settles what was put back", "core/decide/judging.py",
           "    if was_put_back(job):\n        return _left_to_a_person(event, failure)\n", "",
           "tests/core/test_putting_back.py"),
    Mutant("what was put back is marked until its check has spoken", "core/decide/running.py",
           "        if not was_put_back(job):", "        if True:",
           "tests/core/test_putting_back.py"),
    Mutant("a cancel is not confirmed by knowing nothing of the run", "core/decide/parked.py",
           'job.wish != "cancel" or job.reason == Reason.IN_DOUBT', 'job.wish != "cancel"',
           "tests/core/test_decide.py"),
    Mutant("a decision overtakes an older cancel", "store/people.py",
           "    session.change(_OVERTAKE, (job.number,))\n", "", "tests/store/test_revising.py"),
    Mutant("a night does not end over a cancel nobody heeded", "runner/joining.py",
           "    runner.heed_wishes()\n", "", NIGHTS),
    Mutant("an answer is as old as its question", "runner/held.py",
           "self.seeks_at - self.sought_at,", "boot - self.sought_at,",
           "tests/runner/test_late_answers.py"),
    Mutant("a refused repetition says nothing of the launch before it", "runner/actions.py",
           "    if isinstance(fact, LaunchRefused):\n        failure = fact.failure",
           "    if isinstance(fact, LaunchUnclear):\n        failure = fact.failure",
           "tests/runner/test_repeating.py"),
    # Leases and tokens
    Mutant("a call of a lost lease is not made under the next", "runner/runner.py",
           "        self._begin_life()\n        self.fenced_jobs", "        self.fenced_jobs",
           "tests/runner/test_loop.py"),
    Mutant("a holder distrusts its lease before the store does", "core/leases.py",
           "asked_at + lease_ms - margin_ms(lease_ms)", "asked_at + 2 * lease_ms", LEASES),
    Mutant("another boot ends every local lease", "core/leases.py",
           "boot != current_boot or now >= lease_until", "now >= lease_until", LEASES),
    Mutant("a name is given to nobody while it is held", "store/leases.py",
           "WHERE lease.released_at IS NOT NULL", "WHERE 1 = 1", NAMED),
    Mutant("a holder is on the disk before it is told", "store/wire.py",
           "turn_under(self._opening.brief)",
           "turn_under(self._opening.passing.replace(', pg_backend_pid()', ''))",
           "tests/store/test_postgres_leases.py"),
    Mutant("a lapsed lease cannot be renewed", "store/leases.py",
           "AND boot = ? AND lease_until > lease_now()", "AND boot = ?", NAMED),
    Mutant("a token without its nonce is not enough", "store/leases.py",
           "nonce in (None, found.nonce)", "True", NAMED),
    Mutant("the sequence follows what a name was given", "store/leases.py",
           "SET value = max(value,", "SET value = min(value,", NAMED),
    Mutant("a renewal is its holder's alone", "store/leases.py",
           "coalesce(?, nonce)\n    AND released_at IS NULL AND boot",
           "coalesce(nonce, ?)\n    AND released_at IS NULL AND boot", NAMED),
    # Identity
    Mutant("keys know one form of each letter", "core/keys.py",
           'normalize("NFC", value)', "value", KEYS),
    Mutant("parts of a key are framed by their length", "core/keys.py",
           'f"{len(text)}:{text}"', "text", KEYS),
    Mutant("a succeeded job is done again under a new revision", "store/people.py",
           'changes["revision"] = job.revision + 1', "pass", "tests/store/test_revising.py"),
    Mutant("a plan name belongs to one folder", "store/opening.py",
           "elif homes.may_be_guest(session, machine, planned.plan, planned.folder):", "elif True:",
           "tests/store/test_revising.py"),
    Mutant("items are recorded by one runner", "store/opening.py",
           "session.change(_EXPANDED, (batch, spec.id)) == 0", "False",
           "tests/store/test_dependencies.py"),
    # Caps
    Mutant("parallel holds over all runners", "store/claiming.py",
           "batch.terms.parallel - used", "batch.terms.parallel", "tests/runner/test_loop.py"),
    Mutant("a pool has so many places", "store/admission.py",
           "pool.parallel - counters.used(session, counting.pool_slots(pool.name))",
           "pool.parallel", NIGHTS),
    Mutant("a rate is kept over a minute", "store/admission.py",
           "paid = max(now, counters.used(session, name))", "paid = now", ADMISSION),
    Mutant("the canary goes first", "store/admission.py",
           "canary - counters.used(session, counting.started_as_canary(batch.number))",
           "canary", ADMISSION),
    Mutant("an open breaker lets nothing through", "store/admission.py",
           "if now < probe_at:", "if False:", ADMISSION),
    Mutant("probes of a breaker are far apart", "core/breakers.py",
           "min(_LONGEST_MS, _FIRST_PROBE_MS << min(probes, 10))", "1", ADMISSION),
    Mutant("a tag has a cap of its own", "core/accounts.py",
           'if terms.tag_bounds and tags != "{}":', "if False:", ADMISSION),
    Mutant("a day has a cap over its batches", "core/accounts.py",
           "caps[account_of_day(day)] = Bound(usd_micros=terms.per_day_usd_micros)", "pass",
           ADMISSION),
    Mutant("launches are counted", "core/accounts.py",
           "and has_room(cap.launches, used.get(launches_of(account), 0), 1)", "", ADMISSION),
    Mutant("a dependent waits for open jobs", "store/dependencies.py",
           "name in unexpanded or session.row(_OPEN, (batch, name))", "name in unexpanded",
           "tests/store/test_dependencies.py"),
    Mutant("nothing starts in a paused batch", "store/claiming.py",
           "AND revision = ? AND paused = 0", "AND revision = ?", "tests/store/test_revising.py"),
    # Launching and ending
    Mutant("what was sent too late is not started", "processes/supervisor.py",
           'bool(order["send_by"]) and machine.sleepless_ms() >= order["send_by"]', "False",
           COMMAND),
    Mutant("a claim file can be made once", "processes/folder.py",
           'os.link(private, self.file("claim"))', 'os.replace(private, self.file("claim"))',
           "tests/crash/test_supervisor_claim.py"),
    Mutant("a lost lease ends all acts", "runner/actions.py",
           "        if not self.belief.may_act():\n            return Absent()\n", "",
           "tests/runner/test_loop.py"),
    Mutant("only listed names reach a run", "processes/environment.py",
           'machine.items() if name in _PASSED or name.startswith("LC_")', "machine.items()",
           COMMAND),
    Mutant("a sandboxed run is sandboxed", "backends/local.py",
           "if request.isolate == NONE:", "if True:", "tests/backends/test_isolation.py"),
    # Success and what leaves
    Mutant("nothing is published unchecked", "core/decide/finishing.py",
           "if step.startswith(_COLLECTED) and spec.check:", "if False:", NIGHTS),
    Mutant("nothing is published unapproved", "core/decide/finishing.py",
           "if spec.approve and not (", "if False and not (", NIGHTS),
    Mutant("the draft that was approved is the one that leaves", "runner/publishing.py",
           "bool(seen) and draft_digest(draft) != seen", "False",
           "tests/runner/test_publishing.py"),
    Mutant("nothing leaves with a secret in it", "runner/publishing.py",
           "return Withheld(secret)", "pass", "tests/runner/test_publishing.py"),
    Mutant("a draft leads nowhere out of itself", "gates/drafts.py",
           "flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC\n    file",
           "flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC\n    file", FILES),
    Mutant("an empty file is no output", "runner/evidence.py",
           "if size == 0 and not expect.allow_empty:", "if False:",
           "tests/runner/test_evidence.py"),
    Mutant("a record of another store is a person's question", "core/fencing.py",
           "if seen.store != claim.store:", "if False:", FILES),
    Mutant("an old result does not follow a newer one of its job", "core/fencing.py",
           "if _is_superseded(claim, seen):", "if False:", FENCING),
    Mutant("a record that is gone is a person's question", "core/fencing.py",
           "if has_history:", "if False:", FILES),
    Mutant("a gate reads what was applied", "gates/paths.py",
           "if self._there() == record.sha256:", "if False:", FILES),
    Mutant("a damaged record is not believed", "core/fencing.py",
           'or body.pop("sum") != _sum({"schema": SCHEMA, **body})', 'or not body.pop("sum")',
           FENCING),
    Mutant("an effect in a database happens once", "store/fences.py",
           "return self.cursor.fetchone() is not None", "return False", SQL),
    Mutant("a database compares the number itself", "store/fences.py",
           "AND store = ? AND (edition < ? OR (edition = ? AND (token < ?\n"
           "    OR (token = ? AND nonce = ?))))",
           "AND store = ? AND (edition < ? OR edition = ? OR token < ?\n"
           "    OR (token = ? AND nonce = ?))", SQL),
    Mutant("a push compares and swaps the fence", "gates/git.py",
           'f"--force-with-lease={self._fence}:{standing.fence}"', '"--force"', GIT),
    Mutant("commits of others stay in a branch", "gates/git.py",
           "if related == 1:", "if False:", GIT),
    Mutant("an address is written over by its tag only", "gates/requests.py",
           'headers["If-Match"] = known.etag', "pass", HTTP),
    Mutant("a request in doubt is not repeated blindly", "gates/requests.py",
           'if self._method == "POST" and not may_repeat:', "if False:", HTTP),
    # What a loss of power leaves
    Mutant("a store flushes what it acknowledges", "store/sqlite.py",
           'connection.execute("PRAGMA synchronous=EXTRA")',
           'connection.execute("PRAGMA synchronous=OFF")', POWER),
    Mutant("content is flushed before it is shown", "gates/drafts.py",
           "        os.fchmod(descriptor, mode)\n        os.fsync(descriptor)\n",
           "        os.fchmod(descriptor, mode)\n", SHOWN),
    Mutant("what is shown is flushed before it is told", "gates/files.py",
           "        flush_folder(self._path.parent)\n", "", SHOWN),
    Mutant("a record is flushed before it has its name", "gates/beside.py",
           "that nobody believes.\n            os.fsync(descriptor)\n", "\n", SHOWN),
    Mutant("the name of a record is flushed before anything is shown", "gates/beside.py",
           "        if durable:\n            flush_folder(self.folder)\n", "", SHOWN),
    # The store
    Mutant("who lets others in waits for the disk", "store/wire.py",
           "    self._send_flush(writer)\n                self._hear_out()",
           "    self._hear_out()", CONTENDED),
    Mutant("who has rows does not wait long for a turn", "store/server.py",
           '"lock_timeout": _WAIT_WITH_ROWS', '"lock_timeout": _LOCK_WAIT', CONTENDED),
    Mutant("a commit that is found is waited for", "store/mark.py",
           "        wire.flush(self.writer)\n", "", CONTENDED),
    Mutant("a commit that may not be on the disk is looked up", "store/wire.py",
           "if said.statusmessage:", "if False:", CONTENDED),
    Mutant("a turn is undone where one guard did not match", "store/many.py",
           "1 / (count(*) = ${place}::bigint)::int", "1 + 0 * ${place}::bigint",
           "tests/store/test_whole_turns.py"),
    Mutant("a file of another program is left alone", "store/ownfile.py",
           "if found not in (APPLICATION_ID, 0) or (found == 0 and _has_tables(path)):",
           "if False:", REFUSALS),
    Mutant("a newer store is left alone", "store/migrate.py",
           "if number > NUMBERS[-1]:", "if False:", REFUSALS),
    Mutant("a network disk is refused", "store/disks.py",
           "if kind in _NETWORK:", "if False:", REFUSALS),
    Mutant("a connection does not cross a fork", "store/sqlite.py",
           "assert os.getpid() == self._pid", "assert self._pid", REFUSALS),
    Mutant("a second host is refused", "store/hosts.py",
           "if at_work and at_work[0]:", "if False:", "tests/store/test_hosts.py"),
    Mutant("an emptied store is no new one", "app/place.py",
           "path.stat().st_size == 0 and", "False and", "tests/faces/test_emptied_store.py"),
    # Faces
    Mutant("untrusted text is inert on a screen", "watch/sanitise.py",
           'return text if text.isprintable() else "".join(map(_shown, text))', "return text",
           "tests/faces/test_sanitise.py"),
    Mutant("a plan earns being left alone", "app/beforehand/earning.py",
           "    if owed:\n", "    if False:\n", "tests/faces/test_autonomy.py"),
)  # fmt: skip
