"""Runs one command on a machine where bydawn is not installed, and tells what became of it.

Its text is sent there; so it imports nothing of ours. BYDAWN_ORDER says what to run. The command
finds what any run finds: a draft to work in, a file to report to. It is ended with its whole group
when its time is up, also when nobody watches. The last line printed holds its report and the
small files of its draft.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from typing import Any

MARK = "BYDAWN-ENDED "
PLAN = "@bydawn-plan@"


def main() -> int:
    order: dict[str, Any] = json.loads(os.environ.pop("BYDAWN_ORDER"))
    folder = tempfile.mkdtemp(prefix="bydawn-")
    draft, report = os.path.join(folder, "draft"), os.path.join(folder, "report.jsonl")
    os.mkdir(draft)
    environment = {**os.environ, "BYDAWN_DRAFT": draft, "BYDAWN_REPORT": report}
    here = os.getcwd()
    argv = [word.replace(PLAN, here).replace(order["draft"], draft) for word in order["argv"]]
    cwd = order["cwd"].replace(PLAN, here) or draft
    code, stopped = run(argv, cwd, environment, order["timeout_s"], order["grace_s"])
    told = {"code": code, "stopped": stopped, "report": text_of(report, order["most_bytes"]),
            **files_of(draft, order["most_bytes"])}  # fmt: skip
    packed = base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()
    sys.stdout.write("\n" + MARK + packed + "\n")
    sys.stdout.flush()
    return code


def run(
    argv: list[str], cwd: str, environment: dict[str, str], timeout_s: float, grace_s: float
) -> tuple[int, str]:
    """The exit code, 128 + n for a signal, and whether its time was up."""
    sys.stdout.flush()
    try:
        child = subprocess.Popen(
            argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        sys.stdout.write(f"{argv[0]}: {error.strerror}\n")
        return 127, ""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end(child, grace_s))
    try:
        return exit_code(child.wait(timeout_s)), ""
    except subprocess.TimeoutExpired:
        return exit_code(end(child, grace_s)), "timeout"


def end(child: subprocess.Popen[bytes], grace_s: float) -> int:
    """Ask, wait, kill: the whole group."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, name)
            return child.wait(grace_s if name == signal.SIGTERM else None)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    return child.wait()


def exit_code(returned: int) -> int:
    return 128 - returned if returned < 0 else returned


def text_of(path: str, most_bytes: int) -> str:
    try:
        with open(path, "rb") as stream:
            return stream.read(most_bytes).decode("utf-8", "replace")
    except OSError:
        return ""


def files_of(draft: str, most_bytes: int) -> dict[str, Any]:
    """The files of the draft, as long as they are not too large together."""
    files: dict[str, str] = {}
    left_out: list[str] = []
    room = most_bytes
    for place, _, names in os.walk(draft):
        for name in sorted(names):
            path = os.path.join(place, name)
            below = os.path.relpath(path, draft)
            if os.path.islink(path) or os.path.getsize(path) > room:
                left_out.append(below)
                continue
            with open(path, "rb") as stream:
                content = stream.read()
            room -= len(content)
            files[below] = base64.b64encode(content).decode()
    return {"files": files, "left_out": left_out}


if __name__ == "__main__":
    sys.exit(main())
