"""A capture shows what was on the network, whole and in order, and changes nothing."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.net.capture import Capture
from sim.world import World
from tests.sim.trace.reading_pcapng import Capture as ReadCapture
from tests.sim.trace.reading_pcapng import read

QUESTION = b"what is the time?"
ANSWER = b"it is nine" * 1000
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark here")


def converse(world: World, *, tls: bool) -> None:
    """A client asks a server; the server answers and closes."""
    server, client = world.host("server"), world.host("client")
    world.network.alias("clock.example", server)
    context = world.ca.server_context(world.ca.issue("server", names=["server"])) if tls else None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(QUESTION))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async def serve() -> None:
        await asyncio.start_server(answer, "0.0.0.0", 4000, ssl=context)

    async def ask() -> None:
        trust = world.ca.client_context() if tls else None
        reader, writer = await asyncio.open_connection("server", 4000, ssl=trust)
        writer.write(QUESTION)
        assert await reader.read() == ANSWER
        writer.close()
        await writer.wait_closed()

    world.run(lambda: _on(server.start(serve)))
    world.run(lambda: _on(client.start(ask)))


async def _on(task: "asyncio.Task[None]") -> None:
    await task


def captured(path: Path, *, tls: bool) -> ReadCapture:
    with World(seed=1) as world:
        capture = Capture(path, world.network, world.ca, epoch=world.epoch)
        converse(world, tls=tls)
        capture.close()
    return read(path)


def tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-r", str(path), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def test_both_directions_can_be_put_together_again(tmp_path: Path) -> None:
    capture = captured(tmp_path / "c.pcapng", tls=False)
    first = capture.packets[0]
    assert capture.stream(first.source, first.target) == QUESTION
    assert capture.stream(first.target, first.source) == ANSWER


def test_a_connection_begins_with_a_handshake_and_ends_with_both_fins(tmp_path: Path) -> None:
    packets = captured(tmp_path / "c.pcapng", tls=False).packets
    assert [packet.flags for packet in packets[:4]] == ["S", "SA", "A", "PA"]
    assert [packet.flags for packet in packets[-2:]] == ["FA", "FA"]
    syn, syn_ack, ack, _ = packets[:4]
    assert (syn_ack.acknowledgement - syn.sequence) % 2**32 == 1
    assert (ack.acknowledgement - syn_ack.sequence) % 2**32 == 1
    assert packets[-1].acknowledgement == (packets[-2].sequence + 1) % 2**32


def test_times_are_of_the_world_s_calendar(tmp_path: Path) -> None:
    times = [packet.time for packet in captured(tmp_path / "c.pcapng", tls=False).packets]
    assert times == sorted(times)
    with World(seed=1) as world:
        start = round(world.epoch * 1e9) + round(world.env.now * 1e9)
    assert times[0] == start
    assert times[1] - times[0] == 1_000_000, "two links of half a millisecond"


def test_hosts_are_named(tmp_path: Path) -> None:
    names = captured(tmp_path / "c.pcapng", tls=False).names
    assert names["10.0.0.1"] == ["server", "clock.example"]
    assert names["10.0.0.2"] == ["client"]


@pytest.mark.parametrize("tls", [False, True])
def test_a_world_with_a_capture_has_the_same_digest(tmp_path: Path, tls: bool) -> None:
    digests = []
    for capturing in (False, True):
        with World(seed=1) as world:
            if capturing:
                capture = Capture(tmp_path / "c.pcapng", world.network, world.ca, epoch=world.epoch)
            converse(world, tls=tls)
            if capturing:
                capture.close()
            digests.append(world.digest())
    assert digests[0] == digests[1]


def test_the_secrets_of_tls_are_in_the_capture_and_nowhere_else(tmp_path: Path) -> None:
    capture = captured(tmp_path / "c.pcapng", tls=True)
    assert b"SERVER_TRAFFIC_SECRET_0 " in capture.secrets
    first = capture.packets[0]
    assert QUESTION not in capture.stream(first.source, first.target)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pcapng"]


def test_after_a_capture_nobody_writes_secrets(tmp_path: Path) -> None:
    with World(seed=1) as world:
        Capture(tmp_path / "c.pcapng", world.network, world.ca, epoch=world.epoch).close()
        converse(world, tls=True)
    assert read(tmp_path / "c.pcapng").secrets == b""


def test_what_is_lost_is_there_and_says_so(tmp_path: Path) -> None:
    with World(seed=1) as world:
        capture = Capture(tmp_path / "c.pcapng", world.network, world.ca, epoch=world.epoch)
        server, client = world.host("server"), world.host("client")
        server.disconnect()
        world.env.call_later(2.0, server.reconnect)
        dial = client.connect("server", 4000, asyncio.Protocol)
        with pytest.raises(ConnectionRefusedError):
            world.run(dial)
        capture.close()
    packets = read(tmp_path / "c.pcapng").packets
    assert [(packet.flags, packet.comment) for packet in packets] == [
        ("S", "lost on the way"),
        ("S", "lost on the way"),
        ("S", ""),
        ("RA", ""),
    ]
    assert len({packet.sequence for packet in packets[:3]}) == 1, "it is the same SYN"


@needs_tshark
def test_tshark_follows_a_stream_and_finds_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    captured(path, tls=False)
    checked = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    assert tshark(path, *checked, "-Y", "_ws.malformed or _ws.expert.severity >= warning") == []
    followed = "".join(tshark(path, "-q", "-z", "follow,tcp,raw,0")).replace("\t", "")
    assert QUESTION.hex() in followed
    assert ANSWER.hex() in followed


@needs_tshark
def test_tshark_decrypts_tls_without_further_ado(tmp_path: Path) -> None:
    path = tmp_path / "c.pcapng"
    captured(path, tls=True)
    said = tshark(path, "-d", "tcp.port==4000,tls", "-q", "-z", "follow,tls,raw,0")
    assert QUESTION.hex() in "".join(said)
    assert ANSWER.hex() in "".join(said)
