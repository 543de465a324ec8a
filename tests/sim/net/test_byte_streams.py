"""Whatever the two ends and the network do: bytes arrive in order, once, or the connection ends."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.net.links import Link
from sim.world import World

End = Literal["client", "server"]
ENDS: tuple[End, End] = ("client", "server")


@dataclass(frozen=True)
class Act:
    """Something one end (or its host) does, `after` seconds from the act before it."""

    after: float
    end: End
    verb: Literal["write", "write_eof", "pause", "resume", "offline", "online", "close", "abort"]
    size: int = 0


class Party(asyncio.Protocol):
    """Remembers what it wrote and what it was told."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()
        self.log: list[str] = []
        self.error: BaseException | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self.log == []
        self.log.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.log == ["made"], self.log
        self.received += data

    def eof_received(self) -> bool:
        assert self.log in (["made"], ["made", "eof"]), self.log
        if self.log == ["made"]:  # it is said again when reading was paused and goes on
            self.log.append("eof")
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        assert "lost" not in self.log
        self.log.append("lost")
        self.error = exc


def play(acts: list[Act], *, latency: float, jitter: float) -> dict[End, Party]:
    """Let two hosts do the acts, then put everything right again and wait until nothing moves."""
    parties: dict[End, Party] = {"client": Party(), "server": Party()}
    with World(seed=3) as world:
        link = Link(latency=latency, jitter=jitter)
        hosts = {end: world.host(end, link=link) for end in ENDS}

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            await loop.create_server(lambda: parties["server"], port=80)

        async def dial() -> None:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: parties["client"], "server", 80)

        world.run_until(1)
        hosts["server"].start(serve)
        world.run_until(2)
        hosts["client"].start(dial)
        world.run_until(5)
        counter = 0
        for act in acts:
            if act.after:
                world.run_until(world.env.now + act.after)
            party, host = parties[act.end], hosts[act.end]
            closing = party.transport.is_closing()
            if act.verb == "write":
                if not closing and not party.transport._eof_sent:
                    payload = b"".join(
                        (counter + n).to_bytes(4, "big") for n in range(act.size // 4)
                    )
                    counter += act.size
                    party.sent += payload
                    party.transport.write(payload)
            elif act.verb == "offline":
                host.disconnect()
            elif act.verb == "online":
                host.reconnect()
            else:
                name = {"pause": "pause_reading", "resume": "resume_reading"}.get(act.verb)
                getattr(party.transport, name or act.verb)()
        for end in ENDS:
            hosts[end].reconnect()
            parties[end].transport.resume_reading()
        world.run_until(world.env.now + 300)
    return parties


acts = st.builds(
    Act,
    after=st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.1, 0.3, 3.0, 40.0]),
    end=st.sampled_from(ENDS),
    verb=st.sampled_from(["write"] * 6 + ["pause", "resume", "offline", "online"]),
    size=st.sampled_from([0, 4, 100, 70_000, 300_000]),
)
endings = st.builds(
    Act,
    after=st.sampled_from([0.0, 0.05, 1.0]),
    end=st.sampled_from(ENDS),
    verb=st.sampled_from(["close", "write_eof", "abort"]),
)
latencies = st.sampled_from([0.0, 0.001, 0.05, 0.1, 0.4])
jitters = st.sampled_from([0.0, 0.02, 0.3])


@settings(max_examples=60)
@given(st.lists(acts, max_size=25), latencies, jitters)
@example(
    # The second write is still under way when the first is found not to have arrived.
    [
        Act(0, "client", "offline"),
        Act(0, "client", "write", 4),
        Act(0.05, "client", "write", 4),
        Act(0.065, "client", "write", 4),
        Act(0.06, "client", "online"),
    ],
    0.05,
    0.0,
)
def test_an_open_connection_delivers_everything_whatever_happens_to_the_network(
    story: list[Act], latency: float, jitter: float
) -> None:
    parties = play(story, latency=latency, jitter=jitter)
    assert parties["server"].received == parties["client"].sent
    assert parties["client"].received == parties["server"].sent
    assert parties["server"].log == parties["client"].log == ["made"]


@settings(max_examples=60)
@given(
    st.lists(acts, max_size=12),
    st.lists(endings, min_size=1, max_size=2),
    st.lists(acts, max_size=8),
    latencies,
    jitters,
)
def test_what_arrives_is_a_beginning_of_what_was_sent_and_all_of_it_before_an_end_of_file(
    before: list[Act], ends: list[Act], after: list[Act], latency: float, jitter: float
) -> None:
    parties = play([*before, *ends, *after], latency=latency, jitter=jitter)
    aborted = any(act.verb == "abort" for act in ends)
    for end, other in (ENDS, ENDS[::-1]):
        party, peer = parties[end], parties[other]
        assert peer.sent.startswith(party.received)
        if "eof" in party.log and not aborted:
            assert party.received == peer.sent
    closed = [act.end for act in ends if act.verb == "close"]
    if closed and not aborted:
        # The one that only listens learns of the end, unless its own bytes were refused before.
        assert "lost" in parties[closed[0]].log
