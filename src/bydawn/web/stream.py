"""The journal as a stream: one message for each event, its number as the id, so that whoever
comes back says where he was and misses nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from bydawn.app import App
from bydawn.watch import dashboard
from bydawn.watch.journal import event_document
from bydawn.watch.rows import EventRow
from bydawn.watch.sanitise import json_text
from bydawn.web.looking import Site

_AT_ONCE, _MOST = 200, 50
_LOOK_S, _BREATH_S = 0.5, 15.0
_LAST = "last-event-id"


class Stream:
    """All readers of the stream share one thread and one connection to the store."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._thread = ThreadPoolExecutor(1, "stream")
        self._app: App | None = None
        self._readers = 0
        self._newest, self._looked_at = 0, 0.0

    async def answer(self, request: Request) -> Response:
        if self._readers >= _MOST:
            return PlainTextResponse("too many are listening\n", 503)
        after = _number(request.headers.get(_LAST)) or _number(request.query_params.get("after"))
        messages = self._messages(after or 0)
        return StreamingResponse(messages, media_type="text/event-stream")

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)

    async def _messages(self, after: int) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        self._readers += 1
        silent_s = 0.0
        try:
            yield b": here\n\n"
            while not self._site.leaving.is_set():
                events = await loop.run_in_executor(self._thread, self._after, after)
                if events:
                    after, silent_s = events[-1].seq, 0.0
                    yield b"".join(map(_message, events))
                    continue
                await asyncio.sleep(_LOOK_S)
                silent_s += _LOOK_S
                if silent_s >= _BREATH_S:
                    silent_s = 0.0
                    yield b": still here\n\n"
        finally:
            self._readers -= 1

    def _after(self, after: int) -> list[EventRow]:
        if self._app is None:
            self._app = self._site.opened()
        if not self._app.has_store() or after >= self._newest_seen(self._app):
            return []
        return dashboard.events_after(self._app.existing_store(), after, _AT_ONCE)

    def _newest_seen(self, app: App) -> int:
        """One look serves all readers who ask within the same half second."""
        if time.monotonic() - self._looked_at >= _LOOK_S / 2:
            self._newest = dashboard.newest_event(app.existing_store())
            self._looked_at = time.monotonic()
        return self._newest

    def _let_go(self) -> None:
        if self._app is not None:
            self._app.close()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _message(event: EventRow) -> bytes:
    return f"id: {event.seq}\nevent: moved\ndata: {json_text(event_document(event))}\n\n".encode()
