"""Turn after turn until the work is joined, a person interrupts, or the time is up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bydawn.runner.joining import are_all_joined, expand, ready_to_expand, tell_kept_back
from bydawn.runner.runner import Runner
from bydawn.runner.scope import Served
from bydawn.runner.stopping import Interrupt, Stop

_LINGER_MS = 5_000


@dataclass(slots=True)
class Drive:
    """Keeps one runner turning. ``on_turn`` is told after every turn; ``is_done`` may end it early;
    ``is_last_join`` says, when everything is joined, whether that is the end. What lies in
    ``elsewhere`` says that others have written to the store. ``spoilt`` are batches whose items
    could not be read; ``complaints`` say why."""

    runner: Runner
    interrupt: Interrupt = field(default_factory=Interrupt)
    on_turn: Callable[[], None] = lambda: None
    is_done: Callable[[], bool] = lambda: False
    until_at: int | None = None
    rung: deque[str] = field(default_factory=deque)
    complaints: list[str] = field(default_factory=list)
    spoilt: set[int] = field(default_factory=set)
    _expanded_at: int = 0
    is_last_join: Callable[[Drive], bool] = lambda _: True
    elsewhere: deque[str] = field(default_factory=deque)

    def run(self) -> Stop:
        """Turn until there is a reason to stop; the runner has let go when this returns."""
        try:
            return self._turn_until_stop()
        finally:
            self.runner.leave()

    def _turn_until_stop(self) -> Stop:
        while True:
            self._answer_bells()
            self.runner.turn()
            self.on_turn()
            stop = self._stop()
            if stop:
                return stop
            self.runner.tools.dispatcher.wait(self._patience())

    def _answer_bells(self) -> None:
        while self.rung:
            self.runner.notice(self.rung.popleft())
        if self.elsewhere:
            self.elsewhere.clear()
            self.runner.look_soon()

    def _stop(self) -> Stop | None:
        if self.interrupt.signal is not None:
            return self._let_go()
        if self.is_done():
            return Stop.DONE
        if self.runner.halt and self.runner.is_quiet() and not self.runner.is_busy():
            return Stop.HALTED
        if self.until_at is not None and self._now() >= self.until_at:
            self._finish_acts()
            return Stop.TIMEOUT
        return Stop.JOINED if self._is_joined() and self.is_last_join(self) else None

    def _let_go(self) -> Stop:
        self.runner.is_leaving = True
        if self.interrupt.cancels:
            self._end_runs()
        self._finish_acts()
        return Stop.INTERRUPTED

    def _end_runs(self) -> None:
        """End what runs; a parked run that does not answer is left to whoever comes next."""
        self.runner.stop_all("interrupt")
        while self.runner.is_busy() or not self.runner.is_quiet():
            self._answer_bells()
            self.runner.turn()
            self.runner.tools.dispatcher.wait(self._patience())

    def _finish_acts(self) -> None:
        """Calls already out are waited for a little, so that what they started is recorded."""
        self.runner.is_leaving = True
        dispatcher = self.runner.tools.dispatcher
        give_up_at = self._now() + _LINGER_MS
        while dispatcher.outstanding() and self._now() < give_up_at:
            dispatcher.wait(50)
            self.runner.settle_only()

    def _is_joined(self) -> bool:
        runner = self.runner
        if runner.is_busy() or not runner.is_quiet():
            self._expand_resting()
            return False
        if sum(map(self._expand, list(runner.scope.served.values()))):
            runner.scope.refresh()
            return bool(self.complaints)
        if not are_all_joined(runner, self._now()):
            return False
        tell_kept_back(runner)
        return True

    def _expand_resting(self) -> None:
        """Where several batches are served, one of them waits for its items, not for the others.
        Asked once for every look at the store."""
        runner, looked_at = self.runner, self.runner.horizon.looked_at
        if looked_at == self._expanded_at or len(runner.scope.served) < 2:
            return
        self._expanded_at = looked_at
        resting = [
            served
            for number, served in runner.scope.served.items()
            if number not in self.spoilt and runner.is_at_rest(number)
        ]
        if sum(map(self._expand, resting)):
            runner.scope.refresh()

    def _expand(self, served: Served) -> bool:
        """Record items that upstream jobs have brought; whether there were any to record."""
        store, tools = self.runner.store, self.runner.tools
        ready = ready_to_expand(store, served, tools)
        for template in ready:
            found = expand(store, served, template, tools)
            if found:
                self.complaints += found
                self.spoilt.add(served.batch.number)
        return bool(ready)

    def _patience(self) -> int:
        wake = self.runner.next_wake_ms()
        return wake if self.until_at is None else max(0, min(wake, self.until_at - self._now()))

    def _now(self) -> int:
        return self.runner.tools.clock.utc_ms()
