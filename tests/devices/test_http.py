"""The devices' HTTP client against real servers in a simulated world."""

import asyncio
import json
from typing import Any

import pytest
import simpy
from aiohttp import web

from devices.errors import (
    ConnectFailed,
    ConnectionLost,
    HttpError,
    InvalidResponse,
    RequestTimeout,
)
from devices.http import IDLE_SECONDS, HttpClient, Response
from sim.hosts import Host
from sim.world import World


class Raw(asyncio.Protocol):
    """Answers each request on a connection with the next of some bytes; None closes instead."""

    def __init__(self, answers: list[bytes | None], requests: list[str]) -> None:
        self._answers = answers
        self._requests = requests

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._requests.append(data.split()[0].decode())
        answer = self._answers.pop(0)
        if answer is not None:
            self._transport.write(answer)
        if answer is None or self._answers == [None]:
            self._transport.close()


def serve_app(host: Host, *routes: web.RouteDef, port: int = 80, **options: Any) -> None:
    async def main() -> None:
        app = web.Application()
        app.add_routes(routes)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=port, **options).start()

    host.start(main)


def serve_raw(host: Host, *answers: bytes | None) -> list[str]:
    """Serve these answers on each connection; returns the methods of the requests as they come."""
    requests: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: Raw(list(answers), requests), port=80)

    host.start(main)
    return requests


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.path_qs,
            "agent": request.headers["User-Agent"],
            "type": request.headers.get("Content-Type"),
            "x": request.headers.get("X-Thing"),
            "form": sorted((await request.post()).items()),
            "length": request.headers.get("Content-Length"),
        }
    )


def client_of(world: World, **options: Any) -> HttpClient:
    return HttpClient(world.host("phone"), user_agent="test", **options)


def ask(world: World, event: simpy.Event) -> Response:
    response = world.run(event)
    assert isinstance(response, Response)
    return response


def test_a_form_arrives_as_a_browser_would_send_it() -> None:
    with World(seed=1) as world:
        serve_app(world.host("site"), web.post("/a", echo))
        event = client_of(world).request(
            "POST",
            "http://site/a?q=1",
            form=[("name", "Zoë & co"), ("list[]", "1"), ("list[]", "2")],
            headers={"X-Thing": "yes"},
        )
        got = ask(world, event)

    assert got.status == 200
    assert got.header("content-type") == "application/json; charset=utf-8"
    assert got.json() == {
        "method": "POST",
        "path": "/a?q=1",
        "agent": "test",
        "type": "application/x-www-form-urlencoded",
        "x": "yes",
        "form": [["list[]", "1"], ["list[]", "2"], ["name", "Zoë & co"]],
        "length": "46",
    }


def test_a_post_without_content_says_so_and_a_get_says_nothing() -> None:
    with World(seed=1) as world:
        serve_app(world.host("site"), web.route("*", "/", echo))
        client = client_of(world)
        posted = ask(world, client.request("POST", "http://site"))
        got = ask(world, client.request("GET", "http://site"))

    assert posted.json()["length"] == "0"
    assert got.json()["length"] is None


def test_requests_one_after_the_other_share_a_connection_until_it_was_idle_for_long() -> None:
    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.json_response(request.transport.get_extra_info("peername"))

    with World(seed=1) as world:
        serve_app(world.host("site"), web.get("/", who))
        client = client_of(world)

        def ports() -> list[int]:
            return [ask(world, client.request("GET", "http://site/")).json()[1] for _ in range(2)]

        first = ports()
        world.run(world.env.timeout(IDLE_SECONDS / 2))
        second = ports()
        world.run(world.env.timeout(IDLE_SECONDS * 2))
        assert world.hosts["phone"].connections == {}
        third = ports()

    assert len({*first, *second}) == 1
    assert len({*third}) == 1
    assert third != first


def test_requests_at_the_same_time_do_not_wait_for_each_other() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response(text=request.path)

    with World(seed=1) as world:
        serve_app(world.host("site"), web.get("/{n}", slow))
        client = client_of(world)
        started = world.env.now
        events = [client.request("GET", f"http://site/{n}") for n in range(3)]
        world.run(world.env.all_of(events))
        assert world.env.now - started < 6
        assert [event.value.text() for event in events if event.value] == ["/0", "/1", "/2"]
        world.run(world.env.timeout(1))
        assert len(world.hosts["phone"].connections) == 1


def test_https_is_checked_against_the_worlds_authority() -> None:
    with World(seed=1) as world:
        tls = world.ca.server_context(world.ca.issue("site", names=["site"]))
        site = world.host("site")
        serve_app(site, web.get("/", echo), port=443, ssl_context=tls)
        world.network.alias("other", site)
        client = client_of(world, tls=world.ca.client_context())
        assert ask(world, client.request("GET", "https://site/")).status == 200
        with pytest.raises(ConnectFailed, match="https://other:443/"):
            world.run(client.request("GET", "https://other/"))
        untrusting = HttpClient(world.host("another"), user_agent="test")
        with pytest.raises(ConnectFailed, match="no TLS settings"):
            world.run(untrusting.request("GET", "https://site/"))
        world.run(world.env.timeout(60))


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 200 OK\r\n\r\nup to the close", b"up to the close"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", b"hi"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", b"hi"),
    ],
)
def test_every_way_to_end_a_body_is_understood(answer: bytes, body: bytes) -> None:
    with World(seed=1) as world:
        serve_raw(world.host("site"), answer, None)
        assert ask(world, client_of(world).request("POST", "http://site/")).body == body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", ConnectionLost),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nh", ConnectionLost),
        (b"SSH-2.0-OpenSSH_6.0p1\r\n", InvalidResponse),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (1 << 21), InvalidResponse),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000, InvalidResponse),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, InvalidResponse),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, InvalidResponse),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", InvalidResponse),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", InvalidResponse),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
            InvalidResponse,
        ),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", InvalidResponse),
    ],
)
def test_an_answer_cut_short_or_not_http_is_an_error(answer: bytes, error: type[HttpError]) -> None:
    with World(seed=1) as world:
        serve_raw(world.host("site"), answer, None)
        with pytest.raises(error, match="POST http://site:80/x"):
            world.run(client_of(world).request("POST", "http://site/x?secret=1"))
        world.run(world.env.timeout(60))
        assert world.hosts["phone"].connections == {}


def test_no_answer_in_time_is_a_timeout_and_frees_the_connection() -> None:
    with World(seed=1) as world:
        serve_raw(world.host("site"), b"HTTP/1.1 200 OK\r\n")
        client = client_of(world)
        started = world.env.now
        with pytest.raises(RequestTimeout):
            world.run(client.request("GET", "http://site/", timeout=7))
        assert world.env.now == pytest.approx(started + 7)
        world.run(world.env.timeout(1))
        assert world.hosts["phone"].connections == {}


def test_a_host_that_is_not_there_is_a_connect_failure() -> None:
    with World(seed=1) as world:
        world.host("site")
        client = client_of(world)
        with pytest.raises(ConnectFailed, match="ConnectionRefusedError"):
            world.run(client.request("GET", "http://site/"))
        with pytest.raises(ConnectFailed, match="gaierror"):
            world.run(client.request("GET", "http://nowhere/"))


def test_a_connection_made_after_the_timeout_is_closed() -> None:
    with World(seed=1) as world:
        site = world.host("site")
        serve_app(site, web.get("/", echo))
        site.disconnect()
        with pytest.raises(RequestTimeout):
            world.run(client_of(world).request("GET", "http://site/", timeout=2))
        site.reconnect()
        world.run(world.env.timeout(60))
        assert world.hosts["phone"].connections == {}


EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def test_a_get_on_a_connection_that_dies_unanswered_is_sent_again() -> None:
    with World(seed=1) as world:
        requests = serve_raw(world.host("site"), EMPTY, None, EMPTY)
        client = client_of(world)
        ask(world, client.request("GET", "http://site/"))
        assert ask(world, client.request("GET", "http://site/")).status == 200

    assert requests == ["GET", "GET", "GET"]


def test_a_post_on_a_connection_that_dies_unanswered_is_not_sent_again() -> None:
    with World(seed=1) as world:
        requests = serve_raw(world.host("site"), EMPTY, None, EMPTY)
        client = client_of(world)
        ask(world, client.request("POST", "http://site/"))
        with pytest.raises(ConnectionLost):
            world.run(client.request("POST", "http://site/"))

    assert requests == ["POST", "POST"]


def test_requests_are_traced_without_query_and_secrets() -> None:
    with World(seed=1) as world:
        serve_app(world.host("site"), web.post("/tokens/{t}", echo))
        events = world.trace.keep()
        client = client_of(world)
        ask(
            world,
            client.request(
                "POST", "http://site/tokens/s3cret?wstoken=s3cret", traced_path="/tokens/<token>"
            ),
        )
        with pytest.raises(ConnectFailed):
            world.run(client.request("GET", "http://nowhere/x?wstoken=s3cret"))

    requests = [e for e in events if e["kind"] == "http.request"]
    assert [(e["method"], e["server"], e["path"], e["status"]) for e in requests] == [
        ("POST", "site", "/tokens/<token>", 200),
        ("GET", "nowhere", "/x", 0),
    ]
    assert "s3cret" not in json.dumps(events)


def test_a_line_break_in_a_header_is_refused() -> None:
    with World(seed=1) as world, pytest.raises(ValueError, match="line break"):
        client_of(world).request("GET", "http://site/", headers={"X-Key": "a\r\nX-Other: b"})


def test_an_address_that_is_not_http_is_a_programming_error() -> None:
    with World(seed=1) as world, pytest.raises(ValueError, match="ftp://site"):
        client_of(world).request("GET", "ftp://site/x")
