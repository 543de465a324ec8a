"""The line at the bottom of a terminal while a run takes its time: how far it is.

    step 3 wait: 212 d 9 h of virtual time

A thread draws it, which only looks at the world's clock: from a second after the start, so that
short runs do not flicker, until the run is over. Output that is no terminal has no such line.
"""

import threading
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from reports.reading import seconds
from scenarios.engine.running.context import Context
from sim.trace.recorder import Event

PATIENCE: Final = 1.0
"""Wall seconds until it appears."""


class RunningLine:
    """An inspector (see `runner.Inspector`) that shows on a terminal how far the world is."""

    def __init__(self, console: Console) -> None:
        self._lock = threading.Lock()
        self._context: Context | None = None
        self._step = ""
        self._live = Live(
            console=console, transient=True, get_renderable=self.line,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def attach(self, context: Context, record: Path) -> None:
        """See Inspector."""
        self._context, self._step = context, "getting ready"
        context.deployment.world.trace.listen(self._note)
        timer = threading.Timer(PATIENCE, self._appear, (context,))
        timer.daemon = True
        timer.start()

    def detach(self) -> None:
        """See Inspector."""
        with self._lock:
            self._context = None
            self._live.stop()

    def line(self) -> Text:
        """What the line says now."""
        context = self._context
        if context is None:
            return Text()
        now = seconds(round(context.env.now * 1e9))
        return Text(f"{self._step}: {now} of virtual time", "dim")

    def _note(self, event: Event) -> None:
        if event["kind"] == "step.started":
            self._step = f"step {event['n']} {event['do']}"

    def _appear(self, context: Context) -> None:
        with self._lock:
            if self._context is context:
                self._live.start()
