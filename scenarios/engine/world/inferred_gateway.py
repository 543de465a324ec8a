"""Stands in for the log of an external gateway: infers it from what others saw.

The site knows what it was answered; the push services know what reached them, for which token, in
which order. From these come the gateway's own events, each with `inferred: true`: accepted when the
site was answered so, refused likewise, dispatched when a push service has it (the oldest push for
that token that has not arrived yet), completed at once. A push may arrive before the site has told
of its answer; the answer then belongs to it. One more arrival at APNs over another connection is
the last push for that token, sent again.

What cannot be seen: a push that was accepted and never written to a push service stays where it is,
and nobody knows which tokens the gateway has removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sim.trace.recorder import Event

HOST: Final = "gateway"


@dataclass(slots=True)
class _Push:
    """One push that the gateway must have."""

    number: str
    attempts: int = 0
    claimed: bool = True
    """Whether it is known who asked for it."""
    peer: str = ""
    """The connection over which it went last."""


class InferredGateway:
    """Feed it every event in order; it gives back the event and what must have come before it."""

    def __init__(self, app: str) -> None:
        self._app = app
        self._pushes: dict[str, list[_Push]] = {}
        """By token reference, in the order of acceptance."""
        self._made = 0
        self._broadcast = 0
        """The last one's number."""
        self._reached: set[str] = set()
        """Tokens that it has reached."""

    def interpret(self, event: Event) -> Iterator[Event]:
        """The inferred events before this one, it, and those that follow from it."""
        match event["kind"]:
            case "push.requested":
                yield from self._requested(event)
            case "broadcast.requested":
                if _accepted(event):
                    self._broadcast += 1
                    self._reached.clear()
                yield event
            case "vendor.accepted" | "vendor.rejected":
                yield from self._arrived(event)
            case _:
                yield event

    def _requested(self, event: Event) -> Iterator[Event]:
        status, token_ref = int(event["status"]), str(event["token_ref"])
        if _accepted(event):
            known = self._pushes.get(token_ref, ())
            early = next((push for push in known if not push.claimed), None)
            push = early or self._accept(token_ref)
            push.claimed = True
            if early is None:
                yield self._accepted(event, push, None)
            yield {**event, "gateway_push": push.number}
            return
        if status:
            yield self._inferred(
                event, "push.refused", app=self._app, reason="answer", status=status,
                token_ref=token_ref,
            )  # fmt: skip
        yield event

    def _arrived(self, event: Event) -> Iterator[Event]:
        token_ref, service = str(event["token_ref"]), str(event["service"])
        known = self._pushes.get(token_ref, [])
        peer = str(event.get("peer", "")) if service == "apns" else ""
        push = next((push for push in known if not push.attempts), None)
        if push is None and known and peer != known[-1].peer:
            push = known[-1]
        if push is None:
            push = self._accept(token_ref)
            push.claimed = self._broadcast > 0 and token_ref not in self._reached
            self._reached.add(token_ref)
            yield self._accepted(event, push, self._broadcast if push.claimed else None)
        push.attempts += 1
        push.peer = peer
        yield self._inferred(
            event, "push.dispatched", push=push.number, provider=service,
            connection=event.get("peer") if service == "apns" else None,
            identifier=event.get("identifier"), attempt=push.attempts,
        )  # fmt: skip
        yield event
        if event["kind"] == "vendor.accepted":
            yield self._inferred(
                event, "push.completed", push=push.number, provider=service,
                message_id=event.get("message_id"),
            )  # fmt: skip
        else:
            yield self._inferred(
                event, "push.rejected", push=push.number, provider=service,
                reason=event.get("reason"), token_ref=token_ref,
            )  # fmt: skip

    def _accept(self, token_ref: str) -> _Push:
        self._made += 1
        push = _Push(f"inferred-{self._made}")
        self._pushes.setdefault(token_ref, []).append(push)
        return push

    def _accepted(self, event: Event, push: _Push, broadcast: int | None) -> Event:
        return self._inferred(
            event, "push.accepted", push=push.number, app=self._app, device=None,
            token_ref=event["token_ref"], broadcast=broadcast,
        )  # fmt: skip

    def _inferred(self, event: Event, kind: str, **fields: Any) -> Event:
        return {"t": event["t"], "host": HOST, "kind": kind, **fields, "inferred": True}


def _accepted(event: Event) -> bool:
    """Whether a request of the site was. A gateway of 2013 refuses with status 200; in records made
    before the site knew of that, nothing else is said.
    """
    return 200 <= int(event["status"]) < 300 and not event.get("refused")
