"""The HTTP/1.1 server under the mock GCM: what it reads, and how its connections live and end."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sim.vendors.doorkeeper import Doorkeeper
from sim.vendors.gcm.http_messages import Request, Response
from sim.vendors.gcm.http_server import (
    IDLE_SECONDS,
    MAX_BODY,
    MAX_HEAD,
    HttpServer,
)
from sim.vendors.gcm.settings import GcmSettings


def echo(request: Request) -> Response:
    """Answers with what was asked; `/late` after 5 s, `/broken` not at all."""
    if request.path == "/broken":
        raise RuntimeError("a defect")
    text = f"{request.method} {request.path} {request.header('x')} {len(request.body)}"
    delay = 5.0 if request.path == "/late" else 0.0
    return Response(200, "text/plain", text.encode(), (("X", "y"),), delay)


class Door:
    """A server on a host of its own, and a client's connections to it."""

    def __init__(self, stand: Any) -> None:
        self._stand = stand
        self.server = HttpServer(echo, Doorkeeper(GcmSettings, lambda peer: None))

    async def open(self) -> None:
        async def listen() -> None:
            await asyncio.get_running_loop().create_server(self.server, None, 80)

        await self._stand.world.host("web").start(listen)

    async def connect(self) -> Any:
        return await self._stand.connect("web", 80)

    async def ask(self, data: bytes) -> Any:
        """A connection on which this was sent, after the time that an answer takes."""
        peer = await self.connect()
        peer.transport.write(data)
        await asyncio.sleep(1)
        return peer


def run(stand: Any, main: Callable[[Door], Awaitable[None]]) -> None:
    async def opened() -> None:
        door = Door(stand)
        await door.open()
        await main(door)

    stand.run(opened)


def get(path: str = "/", *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: web", *headers, "", ""]).encode()


def statuses(peer: Any) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+)", peer.received)]


def bodies(peer: Any) -> list[bytes]:
    return re.findall(rb"\r\n\r\n(\w+ /\w* \w* \d+)", peer.received)


def test_an_answer_has_these_bytes(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get("/a%20b?c", "X: 1", "x: 2"))
        head, body = peer.take().split(b"\r\n\r\n")
        assert re.fullmatch(
            rb"HTTP/1\.1 200 OK\r\nContent-Type: text/plain\r\nX: y\r\nServer: GSE\r\n"
            rb"Content-Length: 12\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
            head,
        )
        assert body == b"GET /a b 1 0"
        assert peer.closed_at is None

    run(stand, main)


@pytest.mark.parametrize(
    ("version", "header", "says", "stays"),
    [
        ("1.1", "A: b", None, True),
        ("1.1", "Connection: close", b"close", False),
        ("1.0", "A: b", None, False),
        ("1.0", "Connection: keep-alive", b"keep-alive", True),
    ],
)
def test_the_version_and_the_client_decide_whether_a_connection_stays(
    stand: Any, version: str, header: str, says: bytes | None, stays: bool
) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get("/", header, version=version))
        assert peer.received.startswith(b"HTTP/" + version.encode() + b" 200 OK\r\n")
        said = re.search(rb"\r\nConnection: (.*)\r\n", peer.received)
        assert (said and said[1]) == says
        assert (peer.closed_at is None) == stays

    run(stand, main)


def test_the_answer_to_head_has_no_body(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get(method="HEAD"))
        assert b"Content-Length: 9\r\n" in peer.received
        assert peer.received.endswith(b"\r\n\r\n")

    run(stand, main)


def test_requests_are_answered_in_their_order_even_if_the_first_takes_its_time(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get("/late") + get("/a") + get("/late") + get("/b"))
        assert peer.received == b""
        await asyncio.sleep(5)
        assert bodies(peer) == [b"GET /late  0", b"GET /a  0"]
        peer.transport.write(get("/c"))
        await asyncio.sleep(5)
        assert bodies(peer)[2:] == [b"GET /late  0", b"GET /b  0", b"GET /c  0"]

    run(stand, main)


def test_who_does_not_read_answers_is_not_read_either(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.connect()
        peer.transport.pause_reading()
        requests = get() * 20_000
        peer.transport.write(requests)
        await asyncio.sleep(60)
        assert peer.transport.get_write_buffer_size() > 0
        peer.transport.resume_reading()
        await asyncio.sleep(60)
        assert len(statuses(peer)) == 20_000

    run(stand, main)


def test_a_body_is_asked_for_where_the_client_waits_to_be_asked(stand: Any) -> None:
    async def main(door: Door) -> None:
        head = get("/", "Content-Length: 3", "Expect: 100-continue", method="POST")
        peer = await door.ask(head)
        assert peer.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.transport.write(b"abc" + head + b"abc")
        await asyncio.sleep(1)
        assert statuses(peer) == [200, 200]  # the second came with its body

    run(stand, main)


def test_a_body_over_the_limit_is_read_to_its_end_and_refused(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get("/", f"Content-Length: {MAX_BODY}", method="POST"))
        peer.transport.write(b"x" * MAX_BODY)
        await asyncio.sleep(10)
        assert statuses(peer) == [200]
        peer.transport.write(get("/", f"Content-Length: {MAX_BODY + 1}", method="POST"))
        peer.transport.write(b"x" * (MAX_BODY + 1) + get())
        await asyncio.sleep(10)
        assert statuses(peer) == [200, 413, 200]

    run(stand, main)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00 nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        get("/", "Content-Length: 1", "Transfer-Encoding: chunked"),
        get("/", "Upgrade: h2c", "Connection: Upgrade", "Content-Length: 1") + b"x",
    ],
)
def test_what_cannot_be_read_is_refused_after_what_came_before(stand: Any, data: bytes) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get() + data + get())
        assert statuses(peer) == [200, 400]
        assert peer.received.count(b"Connection: close") == 1
        assert peer.closed_at is not None

    run(stand, main)


def test_a_head_that_does_not_end_is_refused(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get() + get()[:-2])
        for _ in range(5):
            peer.transport.write(b"X: " + b"x" * (MAX_HEAD // 4) + b"\r\n")
            await asyncio.sleep(1)
        assert statuses(peer) == [200, 431]
        assert peer.closed_at is not None

    run(stand, main)


def test_a_head_may_be_large_behind_other_requests(stand: Any) -> None:
    async def main(door: Door) -> None:
        large = get("/", "X: " + "x" * (MAX_HEAD // 2))
        peer = await door.connect()
        for part in (get() * 3000 + large[:100], large[100:] + large[:100], large[100:]):
            peer.transport.write(part)
            await asyncio.sleep(5)
        assert statuses(peer) == [200] * 3002

    run(stand, main)


def test_an_upgrade_without_a_body_is_ignored(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.ask(get("/a", "Upgrade: h2c", "Connection: Upgrade") + get("/b"))
        assert bodies(peer) == [b"GET /a  0", b"GET /b  0"]

    run(stand, main)


def test_a_defect_of_an_endpoint_is_reported_and_answered_with_500(stand: Any) -> None:
    async def main(door: Door) -> None:
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context)
        )
        peer = await door.ask(get("/broken") + get())
        assert statuses(peer) == [500, 200]
        assert [str(told["exception"]) for told in reported] == ["a defect"]

    run(stand, main)


def test_a_connection_nobody_uses_is_closed(stand: Any) -> None:
    async def main(door: Door) -> None:
        started = asyncio.get_running_loop().time()
        peer = await door.connect()
        await asyncio.sleep(1000)
        peer.transport.write(get())
        await asyncio.sleep(IDLE_SECONDS - 1)
        assert peer.closed_at is None
        await asyncio.sleep(2)
        assert peer.closed_at == pytest.approx(started + 1000 + IDLE_SECONDS, abs=1)

    run(stand, main)


REQUEST_SECONDS = GcmSettings().read_timeout
POST = b"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("begun", [b"G", get()[:-1], POST, POST + b"x" * 99])
@pytest.mark.parametrize("before", [b"", get()])
def test_a_request_that_does_not_end_ends_the_connection(
    stand: Any, begun: bytes, before: bytes
) -> None:
    async def main(door: Door) -> None:
        peer = await door.connect()
        if before:
            peer.transport.write(before)
            await asyncio.sleep(100)
        started = asyncio.get_running_loop().time()
        peer.transport.write(begun)
        await asyncio.sleep(REQUEST_SECONDS + 2)
        assert peer.closed_at == pytest.approx(started + REQUEST_SECONDS, abs=1)
        assert statuses(peer) == ([200] if before else [])

    run(stand, main)


def test_a_request_that_is_slow_but_ends_is_answered_and_leaves_no_timer(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.connect()
        for part in (POST[:10], POST[10:], b"x" * 50, b"x" * 50):
            peer.transport.write(part)
            await asyncio.sleep(REQUEST_SECONDS / 4 - 1)
        await asyncio.sleep(REQUEST_SECONDS * 2)
        assert statuses(peer) == [200]
        assert peer.closed_at is None

    run(stand, main)


def test_a_connection_somebody_waits_on_is_not_closed(stand: Any) -> None:
    async def main(door: Door) -> None:
        peer = await door.connect()
        await asyncio.sleep(IDLE_SECONDS - 2)
        peer.transport.write(get("/late"))
        await asyncio.sleep(10)
        assert statuses(peer) == [200]

    run(stand, main)


def test_a_server_that_stops_closes_idle_connections_and_answers_the_others(stand: Any) -> None:
    async def main(door: Door) -> None:
        idle, late = await door.ask(get()), await door.ask(get("/late") + get())
        await door.server.shutdown(10)
        await asyncio.sleep(1)
        assert idle.closed_at < late.closed_at
        assert statuses(late) == [200]
        assert b"Connection: close\r\n" in late.received

    run(stand, main)


def test_a_server_that_stops_does_not_wait_for_ever(stand: Any) -> None:
    async def main(door: Door) -> None:
        late = await door.ask(get("/late"))
        await door.server.shutdown(1)
        await asyncio.sleep(1)
        assert late.received == b""
        assert late.closed_at is not None

    run(stand, main)


def test_a_client_that_leaves_gets_no_answer(stand: Any) -> None:
    async def main(door: Door) -> None:
        late = await door.ask(get("/late") + get())
        late.transport.close()
        await asyncio.sleep(10)
        assert late.received == b""
        await door.server.shutdown(1)

    run(stand, main)
