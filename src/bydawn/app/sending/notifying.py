"""``bydawn notify test``: whether people can be reached, found out before the night."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bydawn.app.app import App
from bydawn.app.runs.reading import read_plan
from bydawn.app.sending.posting import ping, post
from bydawn.core.errors import UsageError
from bydawn.core.model import Notify
from bydawn.plan import Overrides
from bydawn.runner.secrets import Secrets
from bydawn.watch.notices import Message, trial


class Tried(NamedTuple):
    """One message that was tried; ``why`` is empty where it arrived."""

    target: str
    kind: str
    why: str


def try_all(app: App, plan: Path | None, kinds: tuple[str, ...]) -> Iterator[Tried]:
    """One message of each kind to each address of a plan, or of the newest batch that has any."""
    name, notify = _wanted(app, plan)
    environment = app.invocation.environment
    redactor = Secrets(environment, (*notify.urls, *filter(None, (notify.ping,)))).redactor
    now = app.clock.utc_ms()

    def tried(target: str, kind: str, act: Callable[[str], str]) -> Tried:
        url = environment.get(target, "")
        return Tried(target, kind, redactor.text(act(url)) if url else "is not set")

    for target in notify.urls:
        for kind in kinds or notify.on[:1]:
            yield tried(target, kind, partial(_post, trial(name, kind, now)))
    if notify.ping:
        yield tried(notify.ping, "ping", lambda url: ping(url, "", "", "bydawn notify test"))


def _post(message: Message, url: str) -> str:
    return post(url, message)


def _wanted(app: App, plan: Path | None) -> tuple[str, Notify]:
    if plan is not None:
        found = read_plan(app.invocation, plan, Overrides(), app.clock.utc_ms(), None).batch
        name, notify = found.address, found.terms.notify
    else:
        batches = [one for one in app.existing_store().batches() if one.terms.notify]
        name = batches[0].address if batches else ""
        notify = batches[0].terms.notify if batches else Notify()
    if not notify:
        raise UsageError(
            f"{plan or 'no batch'}: has no [notify]", 'write urls = ["env:NAME"] there'
        )
    return name, notify
