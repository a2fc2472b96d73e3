"""What a run is told of those before it: its last error, and the trace it belongs to."""

from __future__ import annotations

from world import World, planned

from bydawn.backends.scripted import ScriptedBackend
from bydawn.core.keys import job_key
from bydawn.core.model import JobSpec, PlannedJob
from bydawn.core.sightings import LaunchAnswer, Request
from bydawn.runner.drive import Drive

PROMPT = "{% if previous.error %}last time: {{ previous.error }}{% else %}first try{% endif %}"


class Listening(ScriptedBackend):
    """Remembers what it was asked to launch."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.asked: list[Request] = []

    def launch(self, request: Request) -> LaunchAnswer:
        self.asked.append(request)
        return super().launch(request)

    @property
    def prompts(self) -> list[str]:
        return [request.payload["prompt"] for request in self.asked]


def told(world: World, *ends: str, **fields: int) -> tuple[Listening, int]:
    """A job that ends like this, attempt by attempt, and whose prompt speaks of its last error."""
    script = [{"takes_ms": 1, "ends": end} for end in ends]
    spec = JobSpec("work", "scripted", payload={"script": script, "prompt": PROMPT}, **fields)
    job = PlannedJob("work", "work", job_key("night", "", "work", []), None, "{}", 0, "p:1")
    batch = world.store.open_batch(planned([spec]), [job]).number
    backend = Listening(world)
    Drive(world.runner(batch, backend=backend)).run()
    return backend, batch


def test_the_next_attempt_is_told_what_went_wrong(world: World) -> None:
    backend, _ = told(world, "exit 3", "error 503", "ok")
    assert backend.prompts == [
        "first try",
        "last time: the script ends with exit 3",
        "last time: the script ends with error 503",
    ]


def test_so_is_one_a_person_asked_for(world: World) -> None:
    backend, batch = told(world, "exit 3", "ok", retries=0)
    (job,) = world.jobs(batch)
    assert job.state == "failed"
    assert world.store.retry(job.number, world.chance.nonce)
    again = Listening(world)
    Drive(world.runner(batch, backend=again)).run()
    assert backend.prompts == ["first try"]
    assert again.prompts == ["last time: the script ends with exit 3"]


def test_a_good_end_leaves_no_error_behind(world: World) -> None:
    _, batch = told(world, "exit 3", "ok")
    (job,) = world.jobs(batch)
    assert world.store.retry(job.number, world.chance.nonce)
    again = Listening(world)
    Drive(world.runner(batch, backend=again)).run()
    assert again.prompts == ["first try"]


def test_all_attempts_of_a_job_are_one_trace(world: World) -> None:
    backend, batch = told(world, "error 503", "ok")
    (job,) = world.jobs(batch)
    parents = [request.trace_parent.split("-") for request in backend.asked]
    assert [(version, flags) for version, _, _, flags in parents] == [("00", "01")] * 2
    assert {trace for _, trace, _, _ in parents} == {job.key[:32]}
    assert all(len(span) == 16 and int(span, 16) for _, _, span, _ in parents)
