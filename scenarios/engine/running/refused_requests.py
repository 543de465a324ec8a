"""What an external gateway refused of phones and site, and what it left without an answer."""

from collections.abc import Iterator
from typing import Final

from sim.trace.recorder import Event

MAX_WORDS: Final = 120
"""Characters of an answer in one line."""

_REQUESTS: Final = {
    "push.requested": "POST /notification/",
    "broadcast.requested": "POST /broadcast/",
    "app.registered": "registering a token",
}


class RefusedRequests:
    """Collects them from a trace. `lines` tells each kind of answer once, and what was never
    answered."""

    def __init__(self) -> None:
        self._alike: dict[tuple[str, int, str], list[Event]] = {}
        self._waiting: dict[tuple[str, str], None] = {}
        """Message and token reference of what the site is to ask for."""

    def __call__(self, event: Event) -> None:
        kind = event["kind"]
        if kind == "message.created":
            tokens = filter(None, str(event.get("pushes") or "").split(","))
            self._waiting |= dict.fromkeys((str(event["message"]), each) for each in tokens)
        elif kind == "push.requested":
            self._waiting.pop((str(event["message"]), str(event["token_ref"])), None)
        if kind not in _REQUESTS or event.get("where") == "site":
            return
        status, words = int(event["status"]), str(event.get("answer") or event.get("error") or "")
        if event.get("refused") or not status or (kind == "app.registered" and words):
            self._alike.setdefault((_REQUESTS[kind], status, words), []).append(event)

    def lines(self) -> Iterator[str]:
        """In the order of their first moments."""
        for (request, status, words), events in self._alike.items():
            count = len(events)
            times = f"{count} times, first at" if count > 1 else "at"
            said = f"answered {status}" if status else "got no answer"
            told = words if len(words) <= MAX_WORDS else f"{words[:MAX_WORDS]}..."
            yield f"{request} {said} {times} {events[0]['t'] / 1e9:.3f} s: {told or 'no words'}"
        if self._waiting:
            count = len(self._waiting)
            pushes = "1 push" if count == 1 else f"{count} pushes"
            yield f"{pushes} that the site was to ask for had no answer when the run ended"
