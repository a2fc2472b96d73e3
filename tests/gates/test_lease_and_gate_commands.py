"""`bydawn lease` and `bydawn gate` as a shell sees them: codes, documents, words."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bydawn.core.fencing import Claim
from bydawn.gates.files import FileGate
from saying import Say


def answered(say: Say, *words: str) -> Any:
    code, out, err = say(*words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_document_of_a_lease(say: Say) -> None:
    told = answered(say, "lease", "acquire", "site-a", "--ttl", "60s")
    assert set(told) == {"schema", "name", "token", "nonce", "expires_at", "holder"}
    assert (told["schema"], told["name"], told["token"]) == ("bydawn/lease/1", "site-a", 1)
    left = datetime.fromisoformat(told["expires_at"]).timestamp() - time.time()
    assert 30 < left <= 61
    assert answered(say, "lease", "show", "site-a")["holder"] == told["holder"]


def test_a_held_lease_is_refused_with_6_and_its_holder(say: Say) -> None:
    holder = answered(say, "lease", "acquire", "site-a")["holder"]
    code, out, err = say("lease", "acquire", "site-a", "--json")
    assert (code, out) == (6, "")
    assert holder in err
    assert json.loads(err.splitlines()[-1])["code"] == "refused"


def test_renewing_and_releasing_are_their_holders(say: Say) -> None:
    held = answered(say, "lease", "acquire", "a")
    token, nonce = str(held["token"]), held["nonce"]
    assert answered(say, "lease", "renew", "a", "--token", token)["nonce"] == nonce
    assert say("lease", "renew", "a", "--token", "7")[0] == 9
    assert say("lease", "renew", "a", "--token", token, "--nonce", "other")[0] == 9
    assert say("lease", "release", "a", "--token", token, "--nonce", "other")[0] == 9
    for _ in range(2):
        assert answered(say, "lease", "release", "a", "--token", token)["holder"] is None
    assert answered(say, "lease", "acquire", "a")["token"] == held["token"] + 1
    assert say("lease", "renew", "a", "--token", token)[0] == 9
    assert say("lease", "release", "a", "--token", token)[0] == 9


@pytest.mark.parametrize(
    "words",
    [
        ("acquire", "bad name"), ("acquire", ""), ("acquire", "a", "--ttl", "1ms"),
        ("acquire", "a", "--ttl", "soon"), ("renew", "a"), ("show", "never-taken"),
        ("run", "a"), ("run", "a", "--", "./nothing-here"),
    ],
)  # fmt: skip
def test_wrong_words_are_2_with_a_remedy(say: Say, words: tuple[str, ...]) -> None:
    say("lease", "acquire", "other")
    code, out, err = say("lease", *words)
    assert (code, out) == (2, "")
    assert err.startswith("bydawn: ")
    assert "Traceback" not in err


def test_the_session_of_the_manual(say: Say, tmp_path: Path) -> None:
    """As the interface promises it to shells."""
    (tmp_path / "draft.html").write_text("one")
    page = tmp_path / "public" / "index.html"
    publish = ("gate", "publish", "draft.html", "public/index.html", "--name", "site-a", "--token")
    one = str(answered(say, "lease", "acquire", "site-a")["token"])
    assert say(*publish, one)[0] == 0
    say("lease", "release", "site-a", "--token", one)
    two = str(answered(say, "lease", "acquire", "site-a")["token"])
    (tmp_path / "draft.html").write_text("two")
    told = answered(say, *publish, two)
    assert told["schema"] == "bydawn/published/1"
    assert told["written"] is True
    (tmp_path / "draft.html").write_text("late")
    code, _, err = say(*publish, one)
    assert code == 9
    assert "since" in err
    assert page.read_text() == "two"


def test_a_token_that_was_never_given_out_cannot_close_a_gate(say: Say, tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    say("lease", "acquire", "a")
    assert say("gate", "publish", "d", "out", "--name", "a", "--token", "999")[0] == 2
    assert say("gate", "publish", "d", "out", "--name", "b", "--token", "1")[0] == 2
    assert not (tmp_path / "out").exists()


def test_without_a_claim_nothing_is_published(say: Say, tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    say("lease", "acquire", "a")
    code, _, err = say("gate", "publish", "d", "out")
    assert code == 2
    assert "lease run" in err
    assert say("gate", "publish", "d", "out", "--name", "a")[0] == 2
    assert not (tmp_path / "out").exists()


def test_the_claim_of_a_job_is_taken_from_its_environment(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("lease", "acquire", "makes-a-store")
    draft = tmp_path / ".bydawn" / "runs" / "j" / "1.1" / "draft"
    draft.mkdir(parents=True)
    names = {
        "BATCH": "nightly@2026-11-19", "EDITION": "2026-11-19", "JOB": "index", "TOKEN": "41",
        "NONCE": "n", "EFFECT_KEY": "k-1", "DRAFT": str(draft),
    }  # fmt: skip
    for name, value in names.items():
        monkeypatch.setenv(f"BYDAWN_{name}", value)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "d").write_text("x")
    assert say("gate", "publish", "d", "out")[0] == 0
    seen = FileGate(elsewhere / "out").look()
    assert seen is not None
    assert (seen.claim.subject, seen.claim.edition) == ("nightly/index", "2026-11-19")
    assert (seen.claim.token, seen.claim.effect_key) == (41, "k-1")
    assert not (elsewhere / ".bydawn").exists()


def test_a_job_whose_store_is_out_of_reach_publishes_under_the_name_it_was_given(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"JOB": "a", "TOKEN": "4", "NONCE": "n", "STORE_ID": "s_far"}.items():
        monkeypatch.setenv(f"BYDAWN_{name}", value)
    (tmp_path / "d").write_text("x")
    assert say("gate", "publish", "d", "out")[0] == 0
    seen = FileGate(tmp_path / "out").look()
    assert seen is not None
    assert seen.claim.store == "s_far"
    assert not (tmp_path / ".bydawn").exists()


def test_checking_and_adopting(say: Say, tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    FileGate(tmp_path / "out").publish(tmp_path, "d", Claim("s_other", "lease:b", 9, "n"))
    held = str(answered(say, "lease", "acquire", "a")["token"])
    publish = ("gate", "publish", "d", "out", "--name", "a", "--token")
    assert answered(say, "gate", "check", "out")["state"] == "foreign"
    code, _, err = say(*publish, held)
    assert code == 6
    assert "bydawn gate adopt" in err
    told = answered(say, "gate", "adopt", "out", "--reason", "moved here from the old machine")
    assert told["claim"]["token"] == 2
    assert say(*publish, held)[0] == 9
    say("lease", "release", "a", "--token", held)
    anew = str(answered(say, "lease", "acquire", "a")["token"])
    assert say(*publish, anew)[0] == 0
    assert answered(say, "gate", "check", "out")["claim"]["token"] == int(anew)
    assert answered(say, "gate", "check", "nothing")["state"] == "none"
    (tmp_path / ".bydawn-gate" / "out.json").write_text("?")
    assert answered(say, "gate", "check", "out")["state"] == "damaged"


def test_an_adoption_is_in_the_journal_of_the_store(say: Say, tmp_path: Path) -> None:
    answered(say, "lease", "acquire", "a")
    answered(say, "gate", "adopt", "out", "--reason", "it is mine")
    event = answered(say, "events")
    assert (event["event"], event["token"], event["runner"]) == ("adopted", 2, "person")
    assert event["detail"] == {"target": str(tmp_path / "out"), "reason": "it is mine"}


def test_what_is_not_there_to_publish_is_a_wrong_word(say: Say, tmp_path: Path) -> None:
    say("lease", "acquire", "a")
    code, _, err = say("gate", "publish", "nothing", "out", "--name", "a", "--token", "1")
    assert code == 2
    assert "nothing" in err
    (tmp_path / "d").write_text("x")
    (tmp_path / "out").mkdir()
    assert say("gate", "publish", "d", "out", "--name", "a", "--token", "1")[0] == 75


def test_pushing_a_branch(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@t")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet", "--bare", "r.git"], check=True)
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "r.git"], check=True)
    for number in (1, 2):
        subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", f"{number}"], check=True)
    push = ("gate", "push", "origin", "content", "--name", "a", "--token")
    one = str(answered(say, "lease", "acquire", "a")["token"])
    assert answered(say, *push, one, "--from", "HEAD~1")["written"] is True
    say("lease", "release", "a", "--token", one)
    two = str(answered(say, "lease", "acquire", "a")["token"])
    assert answered(say, *push, two)["written"] is True
    assert say(*push, one, "--from", "HEAD~1")[0] == 9
    assert answered(say, "gate", "check", "origin#content")["claim"]["token"] == int(two)
