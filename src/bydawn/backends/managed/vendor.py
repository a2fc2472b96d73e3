"""What the backends of managed agents do alike: one SDK client, its calls as plain JSON, readiness.

The client is made when it is first needed, with the SDK's own retries off and every call bounded in
time and size. Keys are read from the environment by name and are kept nowhere else.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from bydawn.backends.backend import Backend, Surroundings
from bydawn.backends.managed.artifacts import Artifact, chosen, fetch
from bydawn.backends.managed.troubles import Row, Trouble, Troubled, trouble_of
from bydawn.backends.readings import Pace
from bydawn.backends.unseen import Unseen
from bydawn.core.lengths import parse_length
from bydawn.core.sightings import (
    CancelAnswer,
    Failure,
    FailureClass,
    LaunchRefused,
    Readiness,
    Request,
    Sighting,
)
from bydawn.core.values import value

_T = TypeVar("_T")
PATIENCE = "30s"
EVERY = {"initial": "5s", "max": "60s"}
# How long a vendor's listing may lag behind what it has accepted.
LAG = "60s"
_MOST_PAGES = 500


@value
class Vendor:
    """What is particular to one SDK: its package, our extra for it, where keys and addresses are
    looked for in the environment, and its rows of troubles."""

    package: str
    module: str
    extra: str
    keys: tuple[str, ...]
    base_urls: tuple[str, ...]
    rows: Sequence[Row]


class VendorBackend(Backend):
    """A backend behind a vendor's SDK. One of its own says how it calls and what replies mean."""

    vendor: Vendor

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.options: Mapping[str, Any] = around.options
        self.patience_ms = parse_length(str(self.options.get("timeout", PATIENCE)))
        self.settle_ms = self.patience_ms + parse_length(str(self.options.get("settle", LAG)))
        self._guard = threading.Lock()
        self._hurry = threading.local()
        self._opened: Any = None
        self._http: Any = None
        self._unseen = Unseen(around.clock, self.settle_ms)
        every = {**EVERY, **self.options.get("poll_every", {})}
        self._pace = Pace(parse_length(every["initial"]), parse_length(every["max"]))

    @abstractmethod
    def open_client(self, key: str, base_url: str | None, http: Any) -> Any:
        """The SDK's client over ``http``, with retries off."""

    def client_terms(self, key: str, base_url: str | None, http: Any) -> dict[str, Any]:
        """What an SDK's client is made from where it is generated as most are."""
        return {
            "api_key": key,
            "base_url": base_url,
            "timeout": self.patience_ms / 1_000,
            "max_retries": 0,
            "http_client": http,
        }

    @abstractmethod
    def look(self, handle: str) -> Sighting:
        """One look at the run; Troubled where the vendor gave no usable answer."""

    def poll(self, handle: str) -> Sighting:
        """A run that is not there is only believed to be gone when it stays away for a while; of
        what looking again cannot mend, a person is told."""
        try:
            return self._unseen.seen(handle, self._pace.paced(handle, self.look(handle)))
        except Troubled as error:
            return self._looked_in_vain(handle, error.trouble)

    def _looked_in_vain(self, handle: str, trouble: Trouble) -> Sighting:
        failure, why = trouble.failure, f"{trouble.failure.code}: {trouble.failure.message}"
        if trouble.is_gone:
            return self._unseen.unknown(handle, why)
        if failure.kind is FailureClass.AUTH:
            return self._unseen.useless(handle, why, at_once=True)
        if failure.kind is FailureClass.PERMANENT or failure.code == "malformed":
            return self._unseen.useless(handle, why)
        return self._unseen.away(handle, why, failure.retry_after_ms)

    def collect(self, request: Request, handle: str, folder: str) -> Failure | None:
        del request
        try:
            answer, files = self.output(handle)
            patterns = tuple(map(str, self.options.get("collect", ())))
            return fetch(chosen(files, patterns), answer, folder)
        except Troubled as error:
            failure = error.trouble.failure
            if error.trouble.is_gone:
                return failure
            return Failure(FailureClass.TRANSIENT, failure.code, failure.message)

    def output(self, handle: str) -> tuple[str | None, Sequence[Artifact]]:
        """The answer of an ended run, and the files it left."""
        raise NotImplementedError

    def readiness(self) -> Readiness:
        found = _version(self.vendor)
        if not found:
            return Readiness(
                why_not=f"the package {self.vendor.package} is not installed: "
                f"pip install 'bydawn[{self.vendor.extra}]'"
            )
        if not self.key():
            return Readiness(found, f"{' or '.join(self._key_names())} is not set: export it")
        return Readiness(found)

    def inquire(self, model: str | None) -> Failure | None:
        try:
            for call in self.questions(model):
                self._try(partial(_called, call, self.client()))
        except Troubled as error:
            return error.trouble.failure
        return None

    @abstractmethod
    def questions(self, model: str | None) -> Iterator[Callable[[Any], Any]]:
        """Calls that cost nothing and fail where a job with this model would be refused."""

    def key(self) -> str:
        """The secret, from the first of its names that is set; empty where none is."""
        return self._first_set(self._key_names()) or ""

    def client(self) -> Any:
        """The SDK's client, made once."""
        with self._guard:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def ask(self, call: Callable[[Any], Any]) -> dict[str, Any]:
        """One call whose reply is a JSON object; Troubled says what went wrong with it."""
        from bydawn.backends.managed.sdk_line import table_of

        return self._try(lambda: table_of(call(self.client())))

    def tell(self, call: Callable[[Any], Any]) -> None:
        """One call whose reply does not matter, but for whether it was accepted."""
        self.read(call)

    def read(self, call: Callable[[Any], Any]) -> bytes:
        """One call whose reply is a file."""
        from bydawn.backends.managed.sdk_line import accepted

        return self._try(lambda: accepted(call(self.client())))

    def pages(
        self, call: Callable[..., Any], turn: Callable[[Mapping[str, Any]], dict[str, str]]
    ) -> Iterator[dict[str, Any]]:
        """A listing to its very end; one that fails half-way, or has none, raises and proves
        nothing. ``turn`` finds in a page what asks for the next one."""
        more: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            seen = self.ask(partial(call, **more))
            yield seen
            more = turn(seen)
            if not more:
                return
        message = f"a listing of more than {_MOST_PAGES} pages"
        failure = Failure(FailureClass.AMBIGUOUS, "endless", message)
        raise Troubled(Trouble(failure, is_definite=False))

    @contextlib.contextmanager
    def before(self, moment: int) -> Iterator[None]:
        """What this thread asks for meanwhile is on its way by then, or is not sent at all."""
        self._hurry.moment = moment
        try:
            yield
        finally:
            self._hurry.moment = 0

    def _left_s(self) -> float | None:
        """Asked by the line at the last moment before a request goes out."""
        self._hurry.is_sent = True
        moment = getattr(self._hurry, "moment", 0)
        return (moment - self._around.clock.boot_ms()) / 1_000 if moment else None

    def ask_to_end(self, call: Callable[[Any], Any]) -> CancelAnswer:
        """A cancel that was delivered; a later look says whether it was heeded."""
        try:
            self.tell(call)
        except Troubled as error:
            return CancelAnswer(False, str(error))
        return CancelAnswer(True)

    def close(self) -> None:
        with self._guard:
            if self._http is not None:
                self._http.close()
            self._opened = self._http = None

    def _try(self, call: Callable[[], _T]) -> _T:
        self._hurry.is_sent = False
        try:
            return call()
        except Exception as error:
            trouble = trouble_of(error, self.vendor.rows, self.key())
            if not (trouble.is_definite or self._hurry.is_sent):
                trouble = _unsendable(trouble)
            raise Troubled(trouble) from None

    def _open(self) -> Any:
        from bydawn.backends.managed.sdk_line import bounded_client

        self._http = bounded_client(self.patience_ms / 1_000, self._left_s)
        base_url = self.options.get("base_url") or self._first_set(self.vendor.base_urls)
        return self.open_client(self.key(), base_url, self._http)

    def _key_names(self) -> tuple[str, ...]:
        own = self.options.get("key_env")
        return (str(own),) if own else self.vendor.keys

    def _first_set(self, names: Sequence[str]) -> str | None:
        found = (self._around.environment.get(name) for name in names)
        return next((value for value in found if value), None)


def _version(vendor: Vendor) -> str:
    try:
        if importlib.util.find_spec(vendor.module) is None:
            return ""
        return importlib.metadata.version(vendor.package)
    except (ImportError, importlib.metadata.PackageNotFoundError):
        return ""


def _called(call: Callable[[Any], Any], client: Any) -> None:
    call(client)


def _unsendable(trouble: Trouble) -> Trouble:
    """The SDK did not like what it was given, and sent nothing."""
    message = f"the SDK does not take this: {trouble.failure.message}"
    return Trouble(Failure(FailureClass.PERMANENT, "unsendable", message), is_definite=True)


def prompt_of(request: Request) -> str:
    return str(request.payload.get("prompt") or "")


def unfit_of(request: Request) -> LaunchRefused | None:
    """Why a launch is not even tried: a run would cost money and could do nothing."""
    if not prompt_of(request):
        return LaunchRefused(Failure(FailureClass.PERMANENT, "no_prompt", "prompt says nothing"))
    if request.budget_tokens == 0:
        message = "nothing is left of the job's budget of tokens"
        return LaunchRefused(Failure(FailureClass.PERMANENT, "over_budget", message))
    return None


def with_options(body: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The body with what the backend's table adds to it. What stands in it already stands: it is
    what makes a run findable and bounded."""
    more: Mapping[str, Any] = options.get("options", {})
    merged = {**more, **body}
    for name in more.keys() & body.keys():
        if isinstance(more[name], Mapping) and isinstance(body[name], Mapping):
            merged[name] = {**more[name], **body[name]}
    return merged


def cents_of(micros: int | None) -> int | None:
    """A bound in whole cents, as vendors want it: rounded down, and at least one."""
    return None if micros is None else max(1, micros // 10_000)


def as_result(text: str | None) -> str | None:
    """An answer as the JSON text a result is kept as; an empty one is none."""
    return json.dumps(text) if text else None
