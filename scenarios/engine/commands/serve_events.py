"""What `airbed serve` says while it runs: a line for each event, for people or for programs.

Events are those of a run's trace (docs/record.md): a token appears as its short one-way reference,
and no text of a message at all.

    12:31:05.123  gateway  push.accepted  app=moodle push=1 token_ref=3f2a...
    {"time": "2026-12-01T12:31:05.123Z", "kind": "push.accepted", "host": "gateway", "push": 1}

With `--json` everything on standard output is one JSON object a line. The first has the kind
`serve.ready` and all that `--info` writes; `serve.stopping` and `serve.stopped` are the last.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from scenarios.engine.commands.surroundings import let_go_of_output
from sim.trace.recorder import Event

Form = Literal["lines", "json", "quiet"]

_LEFT_OUT: Final = ("connection.", "server.started", "server.stopped", "server.stopping")
"""Kinds that add nothing for testing by hand: other events say the same."""
_WIDTHS: Final = (9, 20)
_LISTS: Final = ("pushes", "token_refs")
"""Fields with a name for each notification, of which a line shows the first `_SHOWN`."""
_SHOWN: Final = 5


class ServeOutput:
    """Standard output of `airbed serve`. `now`: the calendar time, in seconds since 1970."""

    def __init__(self, form: Form, now: Callable[[], float]) -> None:
        self._form = form
        self._now = now

    def ready(self, info: dict[str, Any], lines: list[str]) -> None:
        """The parts are started: all about them, for programs and for people."""
        if self._form == "json":
            self._object("serve.ready", info)
        else:
            self._print("\n".join(lines))

    def say(self, kind: str, text: str) -> None:
        """Something about the command itself."""
        if self._form == "json":
            self._object(kind, {})
        else:
            self._print(text)

    def event(self, event: Event) -> None:
        """Something happened in the parts."""
        kind = event["kind"]
        if self._form == "quiet" or kind.startswith(_LEFT_OUT):
            return
        fields = {
            name: value
            for name, value in event.items()
            if name not in ("t", "kind", "host") and value is not None
        }
        if self._form == "json":
            self._object(kind, {"host": event["host"], **fields})
            return
        moment = datetime.fromtimestamp(self._now(), UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        told = " ".join(f"{name}={_shown(name, value)}" for name, value in fields.items())
        host, what = event["host"], kind
        self._print(f"{moment}  {host:{_WIDTHS[0]}}{what:{_WIDTHS[1]}}{told}".rstrip())

    def _object(self, kind: str, fields: dict[str, Any]) -> None:
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        time = moment.replace("+00:00", "Z")
        self._print(json.dumps({"time": time, "kind": kind, **fields}, ensure_ascii=False))

    def _print(self, text: str) -> None:
        try:
            print(text, flush=True)
        except BrokenPipeError:  # who read it has gone: the parts go on without a word
            self._form = "quiet"
            let_go_of_output()


def _shown(name: str, value: object) -> str:
    text = str(value)
    items = text.split(",")
    if name in _LISTS and len(items) > _SHOWN:
        text = f"{','.join(items[:_SHOWN])} and {len(items) - _SHOWN} more"
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text
