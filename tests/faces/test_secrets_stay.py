"""Twenty secrets given to a hostile agent: nothing that we write, print or start shows one."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiving import Received
from starlette.testclient import TestClient
from test_real_runs import Place, until

from bydawn.app import Invocation
from bydawn.core.redaction import Redactor
from bydawn.web.guarding import Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build

SHAPES = (
    "sk-live-{}-Qw9z",
    'quo"te\\{}',
    "p@ss w/{}+&=?#",
    "{}-\u00fcn\u00efc\u00f6d\u00e9-\u9375",
    "<b>{}&'</b>",
)
SECRETS = {f"PLANTED_{n}": SHAPES[n % 5].format(f"canary{n:02}x{n * 7919}") for n in range(20)}

HOSTILE = r"""
import base64, html, json, os, sys, time, urllib.parse
secrets = [os.environ[f"PLANTED_{n}"] for n in range(20)]
def forms(s):
    b = s.encode()
    yield s; yield json.dumps({"k": s}); yield json.dumps(json.dumps(s)); yield repr(s)
    yield json.dumps(s, ensure_ascii=False); yield html.escape(s)
    yield urllib.parse.quote(s, safe=""); yield urllib.parse.quote_plus(s)
    for lead in (b"", b":", b"u:"):
        yield base64.b64encode(lead + b).decode(); yield base64.urlsafe_b64encode(lead + b).decode()
    yield b.hex(); yield b.hex().upper()
out = sys.stdout.buffer
report = open(os.environ["BYDAWN_REPORT"], "a", encoding="utf-8")
for s in secrets:
    for form in forms(s):
        data = (form + "\n").encode()
        for at in range(0, len(data), 5):
            out.write(data[at:at + 5]); out.flush()
    report.write(json.dumps({"result": {"said": s, "more": list(forms(s))}}) + "\n")
    report.write(json.dumps({"usage": {s[:60]: 5}}) + "\n")
report.write('{"result": ["%s"]}' % "".join("\\u%04x" % ord(c) for c in secrets[0]) + "\n")
report.write(json.dumps({"result": secrets}) + "\n")
report.flush()
print("\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\r=cmd|'/c calc'!A1 <script>alert(1)</script>")
print("\nts=2026 key=forged status=succeeded", flush=True)
while os.environ.get("HOLD") and not os.path.exists(os.environ["HOLD"]):
    time.sleep(0.02)
print("failed with", *secrets, "\x1b[31m")
sys.exit(int(sys.argv[1]))
"""

CALLED = """
import os
def leak(item):
    print(os.environ["PLANTED_3"])
    if item["n"]:
        raise ValueError("no " + os.environ["PLANTED_4"])
    return {"token": os.environ["PLANTED_5"], os.environ["PLANTED_6"]: 1}
"""

PLAN = """
schema = 1
name = "night"
[notify]
urls = ["env:HOOK"]
on = ["failed", "digest"]
[defaults]
retries = 0
pass_env = [{names}, "HOLD"]
[[job]]
id = "good"
argv = ["python3", "{{{{ plan.dir }}}}/hostile.py", "0"]
[[job]]
id = "bad"
argv = ["python3", "{{{{ plan.dir }}}}/hostile.py", "3"]
[[job]]
id = "shell"
shell = "echo $PLANTED_7 | tee -a $BYDAWN_REPORT; exit 9"
[[job]]
id = "not-there"
argv = ["/nowhere/{{{{ env.PLANTED_8 }}}}"]
[[job]]
id = "checked"
argv = ["true"]
check = ["sh", "-c", "echo $PLANTED_9; exit 1"]
[[job]]
id = "page"
shell = 'printf "key: %s" "$PLANTED_2" | base64 > page.html; echo "<p>" >> page.html'
publish = [ {{ from = "page.html", file = "public/page.html" }} ]
[[job]]
id = "call"
items = "items.jsonl"
key = ["n"]
backend = "python"
call = "called:leak"
"""
VERBS = (("report",), ("results", "night"), ("events",), ("status",))
JOBS = ("good", "bad", "not-there")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.environment |= {**SECRETS, "HOLD": str(tmp_path / "go")}
    (tmp_path / "hostile.py").write_text(HOSTILE)
    (tmp_path / "called.py").write_text(CALLED)
    (tmp_path / "items.jsonl").write_text('{"n": 0}\n{"n": 1}\n')
    names = ", ".join(f'"{name}"' for name in SECRETS)
    made.plan(PLAN.format(names=names))
    return made


def shown_forms() -> tuple[bytes, ...]:
    """What must be nowhere: every form of every secret, as it would stand in a file."""
    return Redactor(SECRETS.values()).forms


def leaks(data: bytes) -> list[bytes]:
    return [form for form in shown_forms() if form in data]


def files(folder: Path) -> Iterator[Path]:
    """All but what the runs keep for themselves: what a job writes to its draft is its own."""
    for path in folder.rglob("*"):
        if path.is_file() and "draft" not in path.parts:
            yield path


def command_lines() -> bytes:
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:
            continue
    return found


def words() -> Iterator[tuple[str, ...]]:
    for more in ((), ("--json",)):
        for verb in VERBS:
            yield (*verb, *more)
        for verb, job in itertools.product(("show", "logs"), JOBS):
            yield (verb, f"night/{job}", *more)


def printed() -> Iterator[tuple[str, ...]]:
    """What people file away or hand to other tools, and did not ask the run for."""
    for form in ("html", "csv"):
        yield ("report", "--format", form)
    yield ("results", "night", "--format", "csv")
    yield ("events", "--format", "logfmt")
    yield from (("db", "export"), ("export", "metrics"), ("cost", "--by", "job"))


def pages(place: Place) -> dict[str, str]:
    """Every page of the dashboard that a link leads to, as a browser would find them."""
    keys = Keys(hosts_of("127.0.0.1", 8377))
    site = build(Site(Invocation(place.folder, environment=place.environment), keys))
    entered = {"authorization": f"Bearer {keys.token}"}
    found: dict[str, str] = {}
    with TestClient(site, base_url="http://127.0.0.1:8377") as browser:
        ahead = ["/"]
        while ahead:
            path = ahead.pop()
            found[path] = browser.get(path, headers=entered).text
            links = set(re.findall(r'(?:href|action)="(/[^"#]*)"', found[path]))
            ahead += sorted(links - {*found, *ahead})
    return found


def is_inert(text: str) -> bool:
    return all(letter.isprintable() or letter in "\n\t" for letter in text)


def test_no_secret_is_written_printed_listed_or_sent(place: Place, receiver: Received) -> None:
    url, received = receiver
    place.environment |= {
        "HOOK": f"{url}/hook", "BYDAWN_OTEL": "on", "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "BYDAWN_METRICS_FILE": "m.prom",
    }  # fmt: skip
    running = place.start("run", "night.toml", "-v", "--events", "e.jsonl", "--report", "r.md",
                          "--junit", "j.xml", "--annotate")  # fmt: skip
    log = place.folder / ".bydawn" / "runs"
    until(lambda: sum("forged" in path.read_text(errors="replace")
                      for path in log.rglob("output.log")) == 2)  # fmt: skip
    if Path("/proc/self/cmdline").exists():
        seen = command_lines()
        assert b"bydawn" in seen
        assert leaks(seen) == []
    said = "".join(place.run("show", f"night/{job}")[1] for job in ("good", "bad"))
    (place.folder / "go").touch()
    out, err = running.communicate(timeout=60)
    assert err.count("::error file=night.toml,line=") > 3
    assert leaks((out + err + said).encode()) == []
    assert is_inert(out + err + said)
    until(lambda: {"/hook", "/v1/traces"} <= {path for path, _ in list(received)})
    assert [path for path, body in list(received) if leaks(body)] == []
    for argv in (*words(), *printed()):
        code, out, err = place.run(*argv)
        assert (code, "Traceback" in err) == (0, False), argv
        assert leaks((out + err).encode()) == [], argv
        assert is_inert(out + err), argv
    shown = pages(place)
    assert {one.split("/")[1] for one in shown} >= {"batches", "jobs"}, sorted(shown)
    assert any("forged" in page for page in shown.values()), "no page shows what a job printed"
    assert [path for path, page in shown.items() if leaks(page.encode())] == []
    assert json.loads(place.run("show", "night/page", "--json")[1])["error"]["code"] == (
        "secret_in_draft"
    )
    assert not (place.folder / "public").exists()
    found = {path: leaks(path.read_bytes()) for path in files(place.folder)}
    assert len(found) > 20
    assert {path: forms for path, forms in found.items() if forms} == {}


def test_the_rest_is_still_there(place: Place) -> None:
    """Covered, not cut: lines, results and messages keep what is not secret."""
    (place.folder / "go").touch()
    place.run("run", "night.toml")
    document = json.loads(place.run("show", "night/bad", "--json")[1])
    assert document["error"]["message"].startswith("failed with ****")
    assert document["exit_code"] == 3
    assert "forged" in place.run("logs", "night/good")[1]
    result = json.loads(place.run("show", "night/good", "--json")[1])["result"]
    assert [set(one) for one in result] == [{"*"}] * len(SECRETS)
    called = {
        json.loads(line)["job"]: json.loads(line)
        for line in place.run("results", "night")[1].splitlines()
    }
    assert any("******" in json.dumps(one) for one in called.values())


def test_the_forms_are_what_the_job_printed() -> None:
    """The test itself would see a leak."""
    secret = SECRETS["PLANTED_0"]
    assert leaks(f"x{secret}y".encode())
    assert leaks(base64.b64encode(f"a:{secret}".encode()))
    assert os.fsencode(secret) in shown_forms()


def test_check_names_what_nobody_can_hide(place: Place) -> None:
    place.environment["PLANTED_0"] = "abc"
    _, out, err = place.run("check", "night.toml")
    assert "the value of PLANTED_0 is shorter than 6 characters" in out + err
    assert 'job "not-there".argv: everybody on this machine can read' in out + err
    assert "PLANTED_1 is shorter" not in out + err
    (asked,) = (line for line in err.splitlines() if 'job "page".publish' in line)
    assert "nothing is published that holds the value of PLANTED_1, PLANTED_10" in asked
    assert "name it in may_publish" in asked
