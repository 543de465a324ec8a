"""What a push service owes one device, in plain lists: the model that the real one is held to.

Also the stage of such a comparison: a world for the clock, and connections without a network.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sim.world import World

PATIENCE = 1.5 * 900
"""Seconds of silence after which a session is dead."""

ENDS = ("vendor.acked", "vendor.collapsed", "vendor.expired", "vendor.undeliverable")


class Wire(asyncio.Transport):
    """A connection without a network: keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def take(self) -> bytes:
        """What was written since the last call."""
        data, self.written = self.written, b""
        return data


@dataclass(eq=False)
class Expected:
    """A message on its way. `expires` in Unix seconds, None when it must not be stored."""

    nid: str
    app: Any
    expires: float | None
    sent: bool = False

    def is_late(self, now: float | None = None) -> bool:
        return self.expires is None or self.expires <= (time.time() if now is None else now)


class Model:
    """The messages of one device, oldest first, and what became of the others.

    The device is here when it takes messages. What it was sent and did not acknowledge is stored
    when it is here no more, as if it came then.
    """

    def __init__(self) -> None:
        self.here = False
        self.held: list[Expected] = []
        self.ends: dict[str, str] = {}

    def end(self, message: Expected, how: str) -> None:
        assert message.nid not in self.ends
        self.ends[message.nid] = f"vendor.{how}"
        if message in self.held:
            self.held.remove(message)

    def pass_time(self) -> None:
        """Some time is over: what nobody took meanwhile may have expired."""
        self.expire([message for message in self.held if not message.sent])

    def expire(self, messages: list[Expected]) -> None:
        for message in messages:
            if message.is_late():
                self.end(message, "expired")

    def send(self, message: Expected) -> None:
        """Write it to the session; it waits for an acknowledgement, last in the line."""
        if message in self.held:
            self.held.remove(message)
        message.sent = True
        self.held.append(message)

    def stored(self, app: Any) -> Iterator[Expected]:
        """What is stored for an app."""
        return (each for each in self.held if each.app == app and not each.sent)


class DeliveryMachine(RuleBasedStateMachine):
    """Base of the comparisons. Subclasses have a `device` of the service, and say what has been
    written to its present session, and what should have been."""

    device: Any
    connection: Any = None
    """The service's end of the connection that the phone has open."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(seed=1)
        self.world.__enter__()
        self.events = self.world.trace.keep()
        self.model = Model()
        self.wire = Wire()
        self.heard = 0.0
        self.to_send: list[Expected] = []
        """What has to be found on the session, since it was last looked at."""

    def teardown(self) -> None:
        self.world.__exit__(None, None, None)

    def do(self, what: Any, *arguments: Any) -> Any:
        """Call a function inside the world."""

        async def main() -> Any:
            return what(*arguments)

        return self.world.run(main)

    def receive(self, data: bytes) -> None:
        """Bytes of the phone arrive."""
        self.heard = self.now()
        self.do(self.connection.data_received, data)

    def now(self) -> float:
        """Unix seconds in the world."""
        now: float = self.do(time.time)
        return now

    def keep(self, new: Any) -> None:
        """Store a message; others may have to go. After the service has done it."""
        raise NotImplementedError

    def leave(self, now: float) -> None:
        """The session ends, if there is one: what it was sent is stored again, in that order."""
        self.model.here = False
        if any(message.sent for message in self.model.held):
            held, self.model.held = self.model.held, []
            for message in held:
                if message.is_late(now):
                    self.model.end(message, "expired")
                else:
                    message.sent = False
                    self.keep(message)

    def silent_at(self, now: float) -> bool:
        """Whether the phone has been silent for too long."""
        return self.connection is not None and now >= self.heard + PATIENCE

    def look_for_death(self, now: float) -> None:
        """The service may have given the session up, and must have if it waits for an answer."""
        waits = self.model.here and any(message.sent for message in self.model.held)
        if self.silent_at(now) and (waits or self.wire.closing):
            assert self.wire.closing
            self.connection = None
            self.leave(self.heard + PATIENCE)
        else:
            assert self.connection is None or not self.wire.closing

    @precondition(lambda self: self.connection is not None)
    @rule()
    def vanish(self) -> None:
        connection, self.connection = self.connection, None
        self.do(connection.connection_lost, None)
        self.leave(self.now())

    # Sums of these meet no expiry exactly.
    @rule(seconds=st.sampled_from([3, 40, 700.25, 1400.5]))
    def wait(self, seconds: float) -> None:
        self.world.run(self.world.env.timeout(seconds))
        self.look_for_death(self.now())
        self.do(self.model.pass_time)

    @invariant()
    def every_message_has_come_to_its_one_end_or_is_held(self) -> None:
        ends = [(event["nid"], event["kind"]) for event in self.events if event["kind"] in ENDS]
        assert sorted(ends) == sorted(self.model.ends.items())
        held = [message.nid for message in self.device.held or ()]
        assert sorted(held) == sorted(message.nid for message in self.model.held)
