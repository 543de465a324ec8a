"""Schedules the faults of a scenario: when each starts and ends, and what it did.

Windows in virtual time count from the beginning of the flow. `step <...>` begins with the start of
the first step that has the name or number, and ends with the end of the first that has it and is
not over when the fault begins. A fault that is active when the flow ends stays active while the
world is taken down: ending it then would change what the run is about.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from scenarios.engine.format.fault_model import Fault
from scenarios.engine.format.fault_values import Moment
from scenarios.engine.world.faults.implemented import inject, stream
from scenarios.engine.world.faults.injection import Injection

if TYPE_CHECKING:
    from scenarios.engine.world.deployment import Deployment


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """What came of a fault. Times in ns of virtual time; None: it has not begun, or not ended."""

    fault: Fault
    started: int | None
    ended: int | None
    fired: int

    @property
    def is_missing(self) -> bool:
        """Whether it changed nothing although it should have."""
        return self.fired == 0 and not self.fault.may_not_fire

    def __str__(self) -> str:
        fault = f"the fault '{self.fault.id}'"
        if self.fired:
            often = "once" if self.fired == 1 else f"{self.fired} times"
            return f"{fault} fired {often}"
        if self.started is None:
            return f"{fault} did not fire: the flow was over before its window opened"
        start = f"{self.started / 1e9:.3f} s"
        if not self.fault.contract.lasting:
            return f"{fault} did not fire: at {start} there was nothing that it could change"
        end = "the end of the flow" if self.ended is None else f"{self.ended / 1e9:.3f} s"
        return f"{fault} did not fire: nothing met it from {start} to {end}"


class _Planned:
    """One fault on its way through the flow."""

    def __init__(self, deployment: "Deployment", fault: Fault) -> None:
        self.fault = fault
        self._deployment = deployment
        self._rng: Random = stream(deployment, fault)
        window = fault.window
        self._start, self._end = window.start, window.end
        # Drawn at once, so that the steps in between have no part in them.
        self._start_time = self._draw(self._start)
        self._end_time = self._draw(self._end)
        self._start_delay = _delay(self._start, self._rng)
        self._end_delay = _delay(self._end, self._rng)
        self._length = None if window.length is None else window.length.draw(self._rng)
        self._over = False
        self._awaited = self._start.step is not None
        """Whether the step with which it begins has not begun."""
        self._injection: Injection | None = None
        self._began: int | None = None
        self._ended: int | None = None

    def _draw(self, moment: Moment | None) -> float | None:
        return None if moment is None or moment.time is None else moment.time.draw(self._rng)

    def flow_begins(self) -> None:
        env = self._deployment.world.env
        if self._start_time == 0:
            self._begin()
        elif self._start_time is not None:
            env.call_later(self._start_time, self._begin)
        if self._end_time is not None:
            env.call_later(self._end_time, self._finish)

    def step_started(self, n: int, do: str) -> None:
        if self._awaited and self._start.step in (do, str(n)):
            self._awaited = False
            self._after(self._start_delay, self._begin)

    def step_finished(self, n: int, do: str) -> None:
        waits_for_step = self._start.step is not None and self._injection is None
        if self._end is not None and self._end.step in (do, str(n)) and not waits_for_step:
            self._after(self._end_delay, self._finish)

    def before_dispatch(self) -> None:
        if self._start.before_dispatch:
            self._begin()
        if self._end is not None and self._end.before_dispatch:
            self._finish()

    def flow_ended(self) -> None:
        """Nothing begins from now on, and nothing ends."""
        self._over = True

    def outcome(self) -> FaultOutcome:
        injection = self._injection
        ended = self._ended
        if ended is None and not self.fault.contract.lasting:
            ended = self._began
        return FaultOutcome(
            self.fault, self._began, ended, 0 if injection is None else injection.fired
        )

    def _begin(self) -> None:
        if self._over or self._injection is not None:
            return
        self._began = self._now()
        self._injection = inject(self._deployment, self.fault, self._rng)
        if self._length is not None:
            self._deployment.world.env.call_later(self._length, self._finish)

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        if self._injection is not None:
            self._ended = self._now()
            self._injection.end()

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        if delay:
            self._deployment.world.env.call_later(delay, action)
        else:
            action()

    def _now(self) -> int:
        return round(self._deployment.world.env.now * 1e9)


def _delay(moment: Moment | None, rng: Random) -> float:
    """Seconds after the step, if it is one."""
    return 0.0 if moment is None or moment.after is None else moment.after.draw(rng)


class FaultPlan:
    """All faults of a run, in the order of the file. Told how the flow goes."""

    def __init__(self, deployment: "Deployment", faults: Sequence[Fault]) -> None:
        self._planned = [_Planned(deployment, fault) for fault in faults]

    def flow_begins(self) -> None:
        for each in self._planned:
            each.flow_begins()

    def step_started(self, n: int, do: str) -> None:
        for each in self._planned:
            each.step_started(n, do)

    def step_finished(self, n: int, do: str) -> None:
        for each in self._planned:
            each.step_finished(n, do)

    def before_dispatch(self) -> None:
        """The first message or broadcast is about to be sent; called before every one."""
        for each in self._planned:
            each.before_dispatch()

    def flow_ended(self) -> None:
        for each in self._planned:
            each.flow_ended()

    def outcomes(self) -> Iterator[FaultOutcome]:
        """What came of each."""
        return (each.outcome() for each in self._planned)
