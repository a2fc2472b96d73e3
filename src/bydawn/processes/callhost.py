"""The program inside a call host: imports functions, calls them, tells how it went.

It stands alone. It runs in the interpreter and with the packages of the user's own code, so that a
function sees exactly the bydawn (or none) that its author installed.

What it loads, every host loads: orders come in a form that needs no module (four bytes of length,
then marshal's second), and the module for results is loaded with the first of them.
"""

from __future__ import annotations

import faulthandler
import importlib
import marshal
import os
import sys

# Loading typing would be a tenth of what it takes to start a host.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HOME = os.getpid()
_RESULT_CAP = 8_000_000


def main(orders: int, replies: int, folder: str) -> None:
    """Serve calls until the supervisor closes the orders."""
    for descriptor in (orders, replies):
        os.set_inheritable(descriptor, False)
    faulthandler.enable()
    if folder:
        sys.path.insert(0, folder)
    with os.fdopen(orders, "rb") as stream:
        while size := stream.read(4):
            _serve(marshal.loads(stream.read(int.from_bytes(size, "big"))), replies)
            os.chdir("/")


def _serve(order: dict[str, Any], replies: int) -> None:
    _enter(order)
    try:
        function = _imported(order["call"])
    except BaseException as problem:
        _print_trace()
        _reply(replies, "refused", f"{order['call']}: {_line(problem)}")
        return
    if not order["known"]:
        _reply(replies, "imported")
    ended = _called(function, order)
    if os.getpid() != _HOME:
        os._exit(0)  # A copy that the function forked must not answer in its place.
    _flush()
    threads_left = _threads_left()
    if ended == {"exit_code": 0} and not threads_left:
        _reply(replies, "ended")
    else:
        _reply(replies, "ended", {"facts": ended, "threads_left": threads_left})


def _enter(order: dict[str, Any]) -> None:
    wanted, found = order["environment"], os.environ.copy()
    for name in found.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if found.get(name) != value:
            os.environ[name] = value
    os.chdir(order["folder"])


def _imported(call: str) -> Callable[..., Any]:
    module_name, _, path = call.partition(":")
    if module_name not in sys.modules:
        importlib.invalidate_caches()
    found: Any = importlib.import_module(module_name)
    for name in path.split("."):
        found = getattr(found, name)
    if not callable(found):
        raise TypeError("it is not a function")
    return found  # type: ignore[no-any-return]


def _called(function: Callable[..., Any], order: dict[str, Any]) -> dict[str, Any]:
    try:
        value = function(order["item"]) if "item" in order else function()
        if hasattr(value, "__await__"):
            value = _awaited(value)
    except SystemExit as problem:
        return {"exit_code": _exit_code(problem)}
    except BaseException as problem:
        _print_trace()
        code = f"exception:{type(problem).__name__}"
        return {"exit_code": 1, "failure": ["transient", code, _line(problem)]}
    return _result(value)


def _awaited(value: Any) -> Any:
    import asyncio

    async def whole() -> Any:
        return await value

    return asyncio.run(whole())


def _result(value: Any) -> dict[str, Any]:
    if value is None:
        return {"exit_code": 0}
    import json

    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        return {"exit_code": 1, "failure": ["permanent", "not_json", _line(problem)]}
    if len(text) > _RESULT_CAP:
        said = f"{len(text)} characters, the most is {_RESULT_CAP}: write files instead"
        return {"exit_code": 1, "failure": ["permanent", "result_too_large", said]}
    return {"exit_code": 0, "result": text}


def _threads_left() -> bool:
    """Whether the call left threads behind, which would go on working past its end."""
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def _exit_code(problem: SystemExit) -> int:
    if problem.code is None:
        return 0
    if isinstance(problem.code, int):
        return problem.code & 0xFF
    sys.stderr.write(f"{problem.code}\n")
    return 1


def _print_trace() -> None:
    import traceback  # only for what fails

    traceback.print_exc()


def _line(problem: BaseException) -> str:
    text = f"{type(problem).__name__}: {problem}"
    return " ".join(text.split())[:1000]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


def _reply(replies: int, word: str, more: Any = None) -> None:
    """One line: a word and, where there is more to tell, JSON."""
    line = word.encode()
    if more is not None:
        import json

        line += b" " + json.dumps(more).encode()
    view = memoryview(line + b"\n")
    while view:
        view = view[os.write(replies, view) :]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
