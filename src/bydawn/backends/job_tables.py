"""What the tables of configured backends have in common: how a job's state is read.

Loads pydantic; imported late.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bydawn.backends.filled import named_variables
from bydawn.core.errors import TemplateError
from bydawn.core.fields import Argv, DraftPath, Filled, Length, Table, Variable
from bydawn.core.templates import render_value

Ours = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class PollEvery(Table):
    initial: Length = "5s"
    max: Length = "60s"


class StatePaths(Table):
    """Where things stand in a job as its service shows it (see ``paths``)."""

    id_path: Filled
    state_path: Filled
    states: dict[str, Ours] = {}
    exit_code_path: Filled | None = None
    result_path: Filled | None = None
    error_path: Filled | None = None
    progress_path: Filled | None = None
    usage_paths: dict[Filled, Filled] = {}
    poll_every: PollEvery = PollEvery()
    timeout: Length = "30s"
    settle: Length = "60s"
    keeps: Length | None = None


class CliAsyncTable(StatePaths):
    """``type = "cli-async"``: a program that starts a job, prints its id and leaves."""

    submit: Argv
    poll: Argv
    cancel: Argv | None = None
    listing: Argv | None = Field(default=None, alias="list")
    list_path: str | None = None
    key_path: Filled | None = None
    refused_exit: list[Annotated[int, Field(ge=1, le=255)]] = [2, 64, 77, 78]
    pass_env: list[Variable] = []

    @model_validator(mode="after")
    def _goes_together(self) -> CliAsyncTable:
        if len({self.listing is None, self.list_path is None, self.key_path is None}) > 1:
            raise ValueError("list, list_path and key_path belong together")
        if self.listing is not None and "launch_key" not in repr(self.submit):
            raise ValueError(
                "list looks for what submit never says: put {{ launch_key }} into submit"
            )
        for name, argv in (("poll", self.poll), ("cancel", self.cancel)):
            if argv is not None:
                must_speak_of_run(name, argv)
        return self


class HttpCall(Table):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Filled
    headers: dict[str, str] = {}
    body: Any = Field(default=None, alias="json")


class HttpJobsTable(StatePaths):
    """``type = "http-jobs"``: any job service that speaks HTTP and JSON."""

    launch: HttpCall
    poll: HttpCall
    cancel: HttpCall | None = None
    listing: HttpCall | None = Field(default=None, alias="list")
    list_path: str | None = None
    find: HttpCall | None = None
    find_path: Filled | None = None
    key_path: Filled | None = None
    key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] | None = None
    key_keeps: Length = "24h"
    refused_status: list[Annotated[int, Field(ge=400, le=599)]] = []
    files: dict[DraftPath, HttpCall] = {}

    @model_validator(mode="after")
    def _goes_together(self) -> HttpJobsTable:
        if (self.find is None) != (self.find_path is None):
            raise ValueError("find and find_path belong together")
        if (self.listing is None) != (self.list_path is None):
            raise ValueError("list and list_path belong together")
        if "remote" in repr(self.listing):
            raise ValueError("list is one for all jobs: it cannot say which")
        if self.find is not None and self.key_header is None and not _says_key(self.launch):
            raise ValueError(
                "find looks for what launch never says: put {{ launch_key }} into launch"
            )
        for name, call in (("poll", self.poll), ("cancel", self.cancel), *self.files.items()):
            if call is not None:
                must_speak_of_run(name, (call.url, call.headers, call.body))
        return self


class RayTable(Table):
    """``type = "ray"``: a cluster other than the one the environment names, or more about it."""

    address: Annotated[str, Field(pattern=r"^https?://")] | None = None
    headers: dict[str, str] = {}
    runtime_env: dict[str, Any] = {}
    resources: dict[Filled, Any] = {}
    upload: bool = True


def _says_key(call: HttpCall) -> bool:
    return "launch_key" in repr((call.url, call.headers, call.body))


def must_speak_of_run(name: str, texts: Any) -> None:
    """Raise ValueError unless the texts say which run, and name nothing that only a launch has."""
    if "remote" not in repr(texts):
        raise ValueError(f"{name} must say which job: {{{{ remote.id }}}}")
    try:
        named = dict.fromkeys(named_variables(texts), "x")
        render_value(texts, {"remote": {"id": "x"}, "env": named})
    except TemplateError as error:
        raise ValueError(f"{name} may name remote and env: {error.message}") from None
