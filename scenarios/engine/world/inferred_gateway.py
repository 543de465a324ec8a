"""Stands in for the log of an external gateway: infers it from what others saw.

The site knows what it was answered; the push services know what reached them, for which token, in
which order. From these come the gateway's own events, each with `inferred: true`: accepted when the
site was answered so, refused likewise, dispatched when a push service has it (the oldest push for
that token that has not arrived yet), completed at once. A push may arrive before the site has told
of its answer; the answer then belongs to it, whatever it says. One more arrival at APNs over
another connection is a push for that token sent again.

What APNs read behind a bad notification and threw away was written, too (`push.discarded`), and is
lost unless the gateway sends it again; so is what was accepted when APNs closed a connection and
never came (`resending.py`).

What a gateway still had to send from before this run is marked `leftover`: pushes for a `token`
that none of this run's phones ever had, and those that arrive at a `moment` before this run has
sent anything. They are counted nowhere.

What cannot be seen: a push that was accepted and never read by a push service stays where it is,
and nobody knows which tokens the gateway has removed.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from scenarios.engine.world.resending import Clock, Missing, Resending
from sim.trace.recorder import Event

HOST: Final = "gateway"
_INFERRED: Final = {"inferred": True}

_NOTICED_WITHIN: Final = 500_000_000
"""Nanoseconds in which a gateway has seen that its connection is closed, also on a busy machine."""

_DISCARDED: Final = "APNs discarded it, and the gateway did not send it again"
_UNREAD: Final = "no push service read it; the API answered ok when APNs was closing a connection"


@dataclass(slots=True)
class _Push:
    """One push that the gateway must have."""

    number: str
    attempts: int = 0
    claimed: bool = True
    """Whether it is known who asked for it."""
    peer: str = ""
    """The connection over which it went last."""
    arrived: int = 0
    """When (ns)."""
    was_refused: bool = False
    """The gateway refused it, and sent it all the same."""
    broadcast: int | None = None
    """The broadcast that it is of."""
    is_put_off: bool = False
    """GCM took nothing of the last request that it was in: it may come again."""


class InferredGateway:
    """Feed it every event in order; it gives back the event and what must have come before it.

    `emit` records what becomes certain only later, when nothing happened. `service_of` gives
    the push service of a token by its reference; None if no phone of this run ever had it.
    """

    def __init__(
        self,
        app: str,
        clock: Clock,
        emit: Callable[..., None],
        service_of: Callable[[str], str | None],
    ) -> None:
        self._app = app
        self._emit = emit
        self._service_of = service_of
        self._pushes: dict[str, list[_Push]] = {}
        """By token reference, in the order of acceptance."""
        self._made = 0
        self._planned: Counter[str] = Counter()
        """By token reference: what the site is going to ask for."""
        self._unanswered: Counter[str] = Counter()
        """By token reference: what it has asked for and had no answer to."""
        self._refused: Counter[str] = Counter()
        """By token reference: what was refused, and has come to no push service either."""
        self._has_sent = False
        """Whether this run has sent anything."""
        self._broadcast = 0
        """The last one's number."""
        self._reached: set[str] = set()
        """Tokens that it has reached."""
        self._put_off: Counter[str] = Counter()
        """By token reference: in how many requests it was that GCM refused before the site had an
        answer."""
        self._last_on: dict[str, int] = {}
        """Connection to APNs -> when APNs took or rejected something on it last (ns)."""
        self._unread: dict[str, str] = {}
        """Push to an iPhone that the API answered ok to and no push service has read -> token."""
        self._closed_at = -_NOTICED_WITHIN
        """When APNs closed a connection last (ns)."""
        self._resending = Resending(clock, self._lost)

    def interpret(self, event: Event) -> Iterator[Event]:
        """The inferred events before this one, it, and those that follow from it."""
        match event["kind"]:
            case "message.created":
                self._has_sent = True
                self._planned.update(filter(None, str(event.get("pushes") or "").split(",")))
                yield event
            case "push.requested":
                yield from self._requested(event)
            case "step.started" if event["do"] == "broadcast":
                # The first arrive before the site has its answer.
                self._has_sent = True
                self._broadcast += 1
                self._reached.clear()
                yield event
            case "vendor.accepted" | "vendor.rejected":
                yield from self._arrived(event)
            case "vendor.discarded":
                yield from self._discarded(event)
            case "vendor.refused":
                yield from self._refused_by_gcm(event)
            case "vendor.connected" if event["service"] == "apns":
                self._resending.connected(str(event["peer"]))
                yield event
            case "vendor.closed" if event["service"] == "apns":
                self._closed(event)
                yield event
            case _:
                yield event

    # -- what the site was answered

    def _requested(self, event: Event) -> Iterator[Event]:
        status, token_ref = int(event["status"]), str(event["token_ref"])
        known = self._pushes.get(token_ref, ())
        early = next((push for push in known if not push.claimed), None)
        put_off = self._put_off.pop(token_ref, 0)
        self._planned[token_ref] -= 1
        if early is not None:
            early.claimed = True
        elif not status:
            self._unanswered[token_ref] += 1
        if _accepted(event):
            push = early or self._accept(token_ref)
            if early is None:
                yield self._accepted(event, push, token_ref)
                self._waits_to_be_read(event, push, token_ref)
                for _ in range(put_off):
                    yield self._come_to_nothing(event, push)
            yield {**event, "gateway_push": push.number}
        elif early is not None:
            # The gateway has handed it on and refused it all the same: what that led to counts.
            yield {**event, "gateway_push": early.number}
        else:
            if status:
                self._refused[token_ref] += 1
                yield self._inferred(
                    event, "push.refused", app=self._app, status=status, token_ref=token_ref,
                    reason=str(event.get("answer") or "answer"),
                )  # fmt: skip
            yield event

    def _waits_to_be_read(self, event: Event, push: _Push, token_ref: str) -> None:
        if self._service_of(token_ref) == "apns":
            self._unread[push.number] = token_ref
            if event["t"] - self._closed_at < _NOTICED_WITHIN:
                self._resending.add(Missing(push.number, token_ref, was_read=False))

    # -- what the push services saw

    def _closed(self, event: Event) -> None:
        """A connection to APNs has ended. What the gateway wrote to it in its last moment, nobody
        has read.
        """
        self._resending.closed(str(event["peer"]))
        if event["reason"] in ("peer", "stopped"):
            return
        self._closed_at = event["t"]
        for push, token_ref in self._unread.items():
            self._resending.add(Missing(push, token_ref, was_read=False))

    def _arrived(self, event: Event) -> Iterator[Event]:
        token_ref, service = str(event["token_ref"]), str(event["service"])
        peer = str(event.get("peer", "")) if service == "apns" else ""
        push, is_new = self._push_at(token_ref, peer)
        if service == "apns":
            self._last_on[peer] = event["t"]
            self._resending.wrote()
        if push is None:
            yield {**event, "leftover": "moment" if self._service_of(token_ref) else "token"}
            return
        yield from self._written(event, push, token_ref, service, peer, is_new=is_new)
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

    def _discarded(self, event: Event) -> Iterator[Event]:
        """APNs threw away the rest of what it read on a connection, and closed it."""
        peer = str(event["peer"])
        thrown_away: list[tuple[_Push, str]] = []
        sent_again: list[_Push] = []
        leftovers = 0
        for token_ref in filter(None, str(event.get("token_refs") or "").split(",")):
            push, is_new = self._sent_again_before(token_ref, peer), False
            if push is not None:
                sent_again.append(push)
            else:
                push, is_new = self._push_at(token_ref, peer)
                if push is None:
                    leftovers += 1
                    continue
                yield from self._written(event, push, token_ref, "apns", peer, is_new=is_new)
            thrown_away.append((push, token_ref))
        yield {**event, "leftovers": leftovers}
        for push, token_ref in thrown_away:
            yield self._inferred(
                event, "push.discarded", push=push.number, provider="apns", connection=peer,
                token_ref=token_ref,
            )  # fmt: skip
            if push in sent_again:
                push.attempts += 1
                yield self._dispatched(event, push, "apns")
                yield self._inferred(
                    event, "push.completed", push=push.number, provider="apns", message_id=None
                )
            else:
                self._resending.add(Missing(push.number, token_ref, was_read=True))

    def _refused_by_gcm(self, event: Event) -> Iterator[Event]:
        """A request of which GCM took nothing: the gateway has written these pushes, and they are
        outstanding as before.
        """
        yield event
        for token_ref in filter(None, str(event.get("token_refs") or "").split(",")):
            push = self._outstanding(token_ref)
            if push is not None:
                yield self._come_to_nothing(event, push)
            elif self._planned[token_ref] > 0:
                self._put_off[token_ref] += 1

    def _come_to_nothing(self, event: Event, push: _Push) -> Event:
        push.attempts += 1
        push.is_put_off = True
        return self._dispatched(event, push, "gcm")

    def _sent_again_before(self, token_ref: str, peer: str) -> _Push | None:
        """The push that a gateway quick to reconnect has sent again before the connection on which
        it was discarded was closed.
        """
        if self._outstanding(token_ref) is not None:
            return None
        last = self._last_on.get(peer, 0)
        for push in self._pushes.get(token_ref, ()):
            if push.attempts == 1 and push.peer not in ("", peer) and push.arrived > last:
                return push
        return None

    def _outstanding(self, token_ref: str) -> _Push | None:
        """The oldest push for a token that is to come to a push service, for all that is known."""
        for push in self._pushes.get(token_ref, ()):
            if not push.attempts or push.is_put_off or self._resending.was_discarded(push.number):
                return push
        return None

    def _push_at(self, token_ref: str, peer: str) -> tuple[_Push | None, bool]:
        """The push that has come to a push service, and whether nobody knew of it; None for one
        from before this run.
        """
        outstanding = self._outstanding(token_ref)
        if outstanding is not None:
            return outstanding, False
        known = self._pushes.get(token_ref, [])
        is_early = self._planned[token_ref] > sum(not push.claimed for push in known)
        is_broadcast = self._broadcast > 0 and token_ref not in self._reached
        if not (is_early or is_broadcast):
            for push in reversed(known):
                if push.peer not in ("", peer):
                    return push, False
        if not self._service_of(token_ref) or not self._has_sent:
            return None, False
        push = self._accept(token_ref)
        if self._unanswered[token_ref]:
            self._unanswered[token_ref] -= 1
        elif is_early:
            push.claimed = False
        elif not is_broadcast and self._refused[token_ref]:
            self._refused[token_ref] -= 1
            push.was_refused = True
        elif is_broadcast:
            push.broadcast = self._broadcast
            self._reached.add(token_ref)
        return push, True

    def _written(
        self, event: Event, push: _Push, token_ref: str, service: str, peer: str, *, is_new: bool
    ) -> Iterator[Event]:
        """The gateway has accepted it, if that was not known, and has written it."""
        if is_new:
            yield self._accepted(event, push, token_ref)
        self._resending.arrived(push.number)
        self._unread.pop(push.number, None)
        push.attempts += 1
        push.is_put_off = False
        push.peer = peer
        push.arrived = event["t"]
        yield self._dispatched(event, push, service)

    def _dispatched(self, event: Event, push: _Push, service: str) -> Event:
        return self._inferred(
            event, "push.dispatched", push=push.number, provider=service,
            connection=push.peer or None, identifier=event.get("identifier"),
            attempt=push.attempts,
        )  # fmt: skip

    def _lost(self, what: Missing) -> None:
        self._emit(
            "push.lost", HOST, push=what.push, provider="apns", token_ref=what.token_ref,
            reason=_DISCARDED if what.was_read else _UNREAD, **_INFERRED,
        )  # fmt: skip

    def _accept(self, token_ref: str) -> _Push:
        self._made += 1
        push = _Push(f"inferred-{self._made}")
        self._pushes.setdefault(token_ref, []).append(push)
        return push

    def _accepted(self, event: Event, push: _Push, token_ref: str) -> Event:
        return self._inferred(
            event, "push.accepted", push=push.number, app=self._app, device=None,
            token_ref=token_ref, broadcast=push.broadcast, was_refused=push.was_refused,
        )  # fmt: skip

    def _inferred(self, event: Event, kind: str, **fields: Any) -> Event:
        return {"t": event["t"], "host": HOST, "kind": kind, **fields, **_INFERRED}


def _accepted(event: Event) -> bool:
    """Whether a request of the site was. A gateway of 2013 refuses with status 200; in records made
    before the site knew of that, nothing else is said.
    """
    return 200 <= int(event["status"]) < 300 and not event.get("refused")
