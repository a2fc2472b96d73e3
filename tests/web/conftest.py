"""A dashboard over a night of the faces' tests, asked without a network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1] / "faces"))

from scene import Scene

from bydawn.app import Invocation
from bydawn.core.model import Job
from bydawn.store import read
from bydawn.store.store import Batch
from bydawn.web.guarding import Keys, hosts_of
from bydawn.web.looking import Site
from bydawn.web.site import build

HOST, ORIGIN = "127.0.0.1:8377", "http://127.0.0.1:8377"


@dataclass
class Desk:
    """One dashboard, and what a person's browser would send it."""

    scene: Scene
    batch: Batch
    keys: Keys
    client: TestClient
    entered: dict[str, str] = field(default_factory=dict)

    def jobs(self) -> list[Job]:
        return list(read.jobs(self.scene.store.session, self.batch.number))

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        answer = self.client.get(path, headers={**self.entered, **headers})
        return answer.status_code, answer.text

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        """As a form of our own page sends it."""
        answer = self.client.post(
            path, data={"form": self.keys.form_token, **fields},
            headers={**self.entered, "origin": ORIGIN, "sec-fetch-site": "same-origin"},
        )  # fmt: skip
        return answer.status_code, answer.headers.get("location", "")


def desk_over(scene: Scene, batch: Batch, is_read_only: bool = False) -> Desk:
    keys = Keys(hosts_of("127.0.0.1", 8377), is_read_only=is_read_only)
    site = build(Site(Invocation(scene.folder), keys))
    client = TestClient(
        site, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False
    )
    entered = {"authorization": f"Bearer {keys.token}"}
    return Desk(scene, batch, keys, client, entered)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def desk(scene: Scene) -> Iterator[Desk]:
    batch = scene.night()
    scene.drive(batch)
    made = desk_over(scene, scene.fresh(batch))
    with made.client:
        yield made
