"""Says of a run that failed that an external gateway refused the access keys, or the application.

The gateway's answers are all there is to see: to the phone that registers its token, and to the
site. A scenario may be about refused keys, so this is told only where something went wrong.
"""

from rich.text import Text

from scenarios.engine.running.results import RunResult
from scenarios.engine.world.foreign_gateway import hint
from sim.trace.recorder import Event


class RefusedKeys:
    """Listens to a trace for requests of the site that the gateway refused."""

    def __init__(self) -> None:
        self._hint: str | None = None

    def __call__(self, event: Event) -> None:
        if event["kind"] in ("push.requested", "broadcast.requested") and event.get("refused"):
            self._hint = self._hint or hint(event["status"], str(event.get("answer") or ""))

    def explain(self, result: RunResult) -> None:
        """Add to the first failure of the run what to do about it, if keys were refused."""
        answers = (
            hint(step.results.get("status"), str(step.results.get("answer")))
            for step in result.steps
            if step.do == "register_gateway"
        )
        found = next((text for text in answers if text is not None), self._hint)
        if result.failures and found is not None:
            help_ = Text.assemble("\n       ", ("help: ", "bold cyan"), found)
            result.failures[0].append_text(help_)
