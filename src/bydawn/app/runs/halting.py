"""``bydawn stop``: this machine by its STOP file, all that share the store by a row of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bydawn.app.names import STOP
from bydawn.app.runs.driving import drive
from bydawn.app.runs.errands import Errand
from bydawn.app.values import Face
from bydawn.core.errors import BydawnError
from bydawn.runner.stopping import Stop
from bydawn.store import read, stopping

if TYPE_CHECKING:
    from bydawn.app import App


def stop(app: App, face: Face) -> Stop:
    """Every runner ends its runs. Where none is alive, end them here."""
    app.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = app.state_folder / STOP
    file.write_text("bydawn stop\n", "utf-8")
    if not _has_told_all(app, file, face) or app.runners():
        return Stop.DONE
    store = app.store
    busy = [b.number for b in store.batches() if read.is_in_flight(store.session, b.number)]
    if not busy:
        return Stop.DONE
    errand = Errand(lambda: busy, claims=False)
    return drive(app.place, app.invocation, store, errand, face).stop


def clear(app: App) -> bool:
    """Lift a stop, here and in the store; False when there was none."""
    file = app.state_folder / STOP
    was_here = file.exists()
    file.unlink(missing_ok=True)
    return bool(app.has_store() and stopping.lift(app.store.session)) or was_here


def _has_told_all(app: App, file: Path, face: Face) -> bool:
    """Write the stop into the store; False where there is none yet."""
    try:
        if app.has_store():
            stopping.stop(app.store.session)
            return True
    except BydawnError:
        face.note(
            f"{file} is written: runners of this machine end; those of others were not told, so"
            " say it again when the store is back"
        )
        raise
    return False
