"""``bydawn doctor``: it finds what would fail tonight, and says so with a remedy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bydawn.testing.fakes import FakeServer, GeminiFake
from saying import Say

PLAN = """
schema = 1
name = "nightly"
per = "day"
[schedule]
cron = "30 22 * * *"
{more}
[[job]]
id = "one"
argv = ["{program}"]
{job}
"""


@pytest.fixture
def say(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BYDAWN_STORE", raising=False)
    return say


def write(folder: Path, more: str = "", program: str = "true", job: str = "") -> None:
    text = PLAN.format(more=more, program=program, job=job)
    (folder / "nightly.toml").write_text(text)


def failing(answer: tuple[int, str, str]) -> list[dict[str, Any]]:
    """The checks that failed, of an answer in JSON."""
    document = json.loads(answer[1])
    failed = [one for one in document["checks"] if not one["ok"]]
    assert document["ok"] == (not failed)
    assert answer[0] == (69 if failed else 0)
    return failed


def test_a_sound_place_leaves_nothing_behind(say: Say, tmp_path: Path) -> None:
    assert failing(say("doctor", "--json")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_sound_plan(say: Say, tmp_path: Path) -> None:
    write(tmp_path)
    code, out, err = say("doctor", "nightly.toml")
    assert (code, "FAIL" in out, "bydawn run nightly.toml" in err) == (0, False, True)
    assert "silence will look like success" in out


@pytest.mark.parametrize(
    ("more", "program", "job", "name", "words"),
    [
        ("", "no-such-program", "", "program", "no-such-program"),
        ("", "true", 'check = ["no-such-check"]', "program", "no-such-check"),
        ("", "true", 'pass_env = ["NOT_SET_ANYWHERE"]', "pass_env", "NOT_SET_ANYWHERE"),
        ('[notify]\nping = "env:NOT_SET_PING"', "true", "", "notify", "NOT_SET_PING"),
        ("", "true", 'publish = [{ from = "x", git = "nowhere", branch = "b" }]', "target", "git"),
        ("nonsense = 1", "true", "", "plan", "nonsense"),
    ],
)
def test_what_would_fail(
    say: Say, tmp_path: Path, more: str, program: str, job: str, name: str, words: str
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, more, program, job)
    (found,) = failing(say("doctor", "nightly.toml", "--json"))
    assert found["name"] == name
    assert words in found["message"]


def test_a_stop_is_found(say: Say) -> None:
    assert say("stop")[0] == 0
    (found,) = failing(say("doctor", "--json"))
    assert found["hint"] == "bydawn stop --clear"


def test_a_damaged_store_is_found(say: Say, tmp_path: Path) -> None:
    write(tmp_path)
    assert say("run", "nightly.toml")[0] == 0
    store = tmp_path / ".bydawn" / "store.db"
    content = bytearray(store.read_bytes())
    content[5000:9000] = b"\xff" * 4000
    store.write_bytes(content)
    found = failing(say("doctor", "--json"))
    assert found
    assert {one["name"] for one in found} == {"store"}


def test_a_state_folder_others_may_read(say: Say, tmp_path: Path) -> None:
    (tmp_path / ".bydawn").mkdir(mode=0o755)
    code, out, _ = say("doctor")
    assert (code, "chmod 700" in out) == (0, True)


def test_the_scheduler_has_another_environment(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only a person's PATH holds is not found by the scheduler until it was written down."""
    (tmp_path / "bin").mkdir()
    for name, text in (
        ("mine", "#!/bin/sh\n"),
        ("systemctl", "#!/bin/sh\nexit 1\n"),
        ("crontab", f'#!/bin/sh\n[ "$1" = - ] && cat > {tmp_path}/t || cat {tmp_path}/t\n'),
    ):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "t").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    write(tmp_path, program="mine")
    assert failing(say("doctor", "nightly.toml", "--json")) == []
    names = [one["name"] for one in failing(say("doctor", "nightly.toml", "--as-scheduled",
             "--json"))]  # fmt: skip
    assert names == ["schedule", "program"]
    assert say("schedule", "install", "nightly.toml")[0] == 0
    assert failing(say("doctor", "nightly.toml", "--as-scheduled", "--json")) == []


def test_as_scheduled_needs_a_plan(say: Say) -> None:
    assert say("doctor", "--as-scheduled")[0] == 2


def test_models_without_a_price_are_named(say: Say, tmp_path: Path) -> None:
    write(tmp_path, job='model = "own-model"')
    code, out, _ = say("doctor", "nightly.toml")
    assert (code, "what own-model costs is not known" in out) == (0, True)
    assert "fix: bydawn cost prices set own-model" in out
    assert say("cost", "prices", "set", "own-model", "--input", "1", "--output", "2")[0] == 0
    code, out, _ = say("doctor", "nightly.toml")
    assert (code, "own-model has a price, from prices.toml" in out) == (0, True)


@pytest.mark.parametrize(
    ("key", "model", "expected"),
    [
        ("good", "model-1", None),
        ("wrong", "model-1", "the key is wrong or was revoked"),
        ("good", "nobody", "the vendor does not know it"),
        ("", "model-1", "GEMINI_API_KEY"),
    ],
)
def test_a_vendor_is_asked_itself_before_the_night(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, model: str,
    expected: str | None,
) -> None:  # fmt: skip
    monkeypatch.setenv("GEMINI_API_KEY", key)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    fake = GeminiFake(keys=frozenset({"good"}))
    with FakeServer(fake) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        (tmp_path / "night.toml").write_text(
            'name = "night"\n[[job]]\nid = "a"\nbackend = "gemini-agent"\nprompt = "x"\n'
            f'model = "{model}"\n'
        )
        told = failing(say("doctor", "night.toml", "--json"))
    assert not fake.runs.ledger
    told = [one for one in told if one["name"] == "backend"]
    assert len(told) == (expected is not None)
    assert expected is None or expected in json.dumps(told)


def test_every_backend_that_is_missing_is_named(say: Say, tmp_path: Path) -> None:
    """Whoever starts on a bare machine learns it all at once, and each with its own remedy."""
    text = 'name = "x"\n[[job]]\nid = "one"\nbackend = "ray"\nargv = ["true"]\n'
    text += '[[job]]\nid = "two"\nbackend = "openai-background"\nmodel = "m"\nprompt = "p"\n'
    (tmp_path / "nightly.toml").write_text(text)
    code, _, err = say("check", "nightly.toml")
    assert code == 69
    assert "; then 1 more, which bydawn doctor names" in err
    told = failing(say("doctor", "nightly.toml", "--json"))
    failed = {one["message"]: one["hint"] for one in told}
    ray = next(message for message in failed if message.startswith("ray: no Ray head answers at"))
    assert "refused" in ray
    assert failed[ray] == "start one, or set RAY_API_SERVER_ADDRESS"
    assert failed["openai-background: OPENAI_API_KEY is not set"] == "export it"
