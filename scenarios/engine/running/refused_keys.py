"""Says of a run that failed that an external gateway refused the access keys.

The gateway's answers are all there is to see: to the phone that registers its token, and to the
site. A scenario may be about refused keys, so this is told only where something went wrong.
"""

from rich.text import Text

from scenarios.engine.running.results import RunResult
from scenarios.engine.world.foreign_gateway import KEYS_HINT, TAKEN, refuses
from sim.trace.recorder import Event


class RefusedKeys:
    """Listens to a trace for requests of the site that the gateway refused."""

    def __init__(self) -> None:
        self._site_refused = False

    def __call__(self, event: Event) -> None:
        if event["kind"] in ("push.requested", "broadcast.requested"):
            self._site_refused |= refuses(event["status"], said=bool(event.get("refused")))

    def explain(self, result: RunResult) -> None:
        """Add to the first failure of the run what to do about it, if keys were refused."""
        phone_refused = any(
            step.do == "register_gateway"
            and refuses(step.results.get("status"), said=step.results.get("answer") not in TAKEN)
            for step in result.steps
        )
        if result.failures and (self._site_refused or phone_refused):
            help_ = Text.assemble("\n       ", ("help: ", "bold cyan"), KEYS_HINT)
            result.failures[0].append_text(help_)
