"""aiohttp as it is, on the simulated loop: what servers and clients of ours use, and more."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sim.world import World
from tests.sim.serving import hello, opened, serve, site_of


async def echo_json(request: web.Request) -> web.Response:
    return web.json_response(await request.json(), status=201)


async def echo_form(request: web.Request) -> web.Response:
    form = await request.post()
    return web.json_response(
        {
            name: [value.filename, len(value.file.read())]
            if isinstance(value, web.FileField)
            else value
            for name, value in form.items()
        }
    )


async def measure(request: web.Request) -> web.Response:
    size = 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
    return web.json_response({"size": size, "chunked": request.headers.get("Transfer-Encoding")})


def run_client(world: World, main: Any) -> Any:
    async def with_session() -> Any:
        async with aiohttp.ClientSession("http://site") as session:
            return await main(session)

    return world.run(with_session)


def test_json_and_forms_go_both_ways() -> None:
    with World(seed=1) as world:
        site_of(world, web.post("/json", echo_json), web.post("/form", echo_form))

        async def main(session: aiohttp.ClientSession) -> None:
            document = {"text": "Grüße", "list": [1, None, True]}
            async with session.post("/json", json=document) as response:
                assert response.status == 201
                assert await response.json() == document
            async with session.post("/form", data={"a": "1 & 2", "b": "ü"}) as response:
                assert await response.json() == {"a": "1 & 2", "b": "ü"}
            upload = aiohttp.FormData({"name": "photo"})
            upload.add_field("file", b"x" * 300_000, filename="photo.jpg")
            async with session.post("/form", data=upload) as response:
                assert await response.json() == {"name": "photo", "file": ["photo.jpg", 300_000]}

        run_client(world, main)


@pytest.mark.parametrize("size", [0, 1, 65_536, 10_000_000])
def test_large_bodies_arrive_whole_with_a_length_or_in_chunks(size: int) -> None:
    with World(seed=1) as world:
        site_of(world, web.post("/", measure))

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, size, 100_000):
                yield bytes(min(100_000, size - start))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.post("/", data=io.BytesIO(bytes(size))) as response:
                assert await response.json() == {"size": size, "chunked": None}
            async with session.post("/", data=pieces()) as response:
                assert await response.json() == {"size": size, "chunked": "chunked"}

        run_client(world, main)


def test_a_slow_reader_holds_the_server_back() -> None:
    written = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(bytes(10_000))
            written += 10_000
        return response

    with World(seed=1) as world:
        site_of(world, web.get("/", pour))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.get("/") as response:
                await asyncio.sleep(60)
                assert 100_000 < written < 2_000_000
                assert len(await response.read()) == 10_000_000

        run_client(world, main)


def test_a_slow_handler_holds_the_client_back() -> None:
    sent = 0

    async def lazy(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        assert sent < 2_000_000
        return await measure(request)

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            yield bytes(10_000)
            sent += 10_000

    with World(seed=1) as world:
        site_of(world, web.post("/", lazy))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.post("/", data=pieces()) as response:
                assert (await response.json())["size"] == 10_000_000

        run_client(world, main)


def test_websockets_carry_text_bytes_pings_and_the_close_code() -> None:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        conversation = web.WebSocketResponse()
        await conversation.prepare(request)
        async for message in conversation:
            if message.type is aiohttp.WSMsgType.TEXT:
                await conversation.send_str(message.data.upper())
            elif message.data == b"leave":
                await conversation.close(code=4000, message=b"goodbye")
            else:
                await conversation.send_bytes(message.data[::-1])
        return conversation

    with World(seed=1) as world:
        site = site_of(world, web.get("/", talk))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.ws_connect("/", autoping=False) as client:
                await client.send_str("hello")
                assert await client.receive_str() == "HELLO"
                await client.send_bytes(b"x" * 200_000 + b"y")
                assert await client.receive_bytes() == b"y" + b"x" * 200_000
                await client.ping(b"are you there")
                pong = await client.receive()
                assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"are you there")
                await client.send_bytes(b"leave")
                closing = await client.receive()
                assert (closing.data, closing.extra) == (4000, "goodbye")

        run_client(world, main)
        world.run_until(world.env.now + 60)
        assert site.connections == {}


def test_a_heartbeat_notices_a_silent_peer() -> None:
    async def listen(request: web.Request) -> web.WebSocketResponse:
        conversation = web.WebSocketResponse(heartbeat=10)
        await conversation.prepare(request)
        async for _ in conversation:
            pass
        ended.append(world.env.now)
        return conversation

    ended: list[float] = []
    with World(seed=1) as world:
        site_of(world, web.get("/", listen))
        phone = world.host("phone")

        async def main() -> None:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect("http://site/") as client,
            ):
                await client.receive()

        phone.start(main)
        world.run_until(100)
        assert ended == []
        phone.disconnect()
        world.run_until(120)
        assert len(ended) == 1


@pytest.mark.parametrize("presented", [True, False])
def test_tls_with_server_and_client_certificates(presented: bool) -> None:
    async def whoami(request: web.Request) -> web.Response:
        assert request.transport is not None
        certificate: Any = request.transport.get_extra_info("peercert")
        return web.json_response(certificate and certificate["subject"])

    with World(seed=1) as world:
        issued = world.ca.issue("site", names=["site"])
        context = world.ca.server_context(issued, client_certificates=True)
        mine = world.ca.issue("provider", uid="com.example.app") if presented else None
        site_of(world, web.get("/", whoami), port=443, tls=context)

        async def main(session: aiohttp.ClientSession) -> Any:
            trust = world.ca.client_context(mine)
            async with session.get("https://site/", ssl=trust) as response:
                assert response.status == 200
                return await response.json()

        subject = run_client(world, main)
        if presented:
            assert subject == [[["userId", "com.example.app"]], [["commonName", "provider"]]] or (
                [["UID", "com.example.app"]] in subject
            )
        else:
            assert not subject


def test_a_client_that_does_not_trust_the_authority_is_told_so() -> None:
    with World(seed=1) as world:
        context = world.ca.server_context(world.ca.issue("site", names=["site"]))
        site = site_of(world, web.get("/", hello), port=443, tls=context)

        async def main(session: aiohttp.ClientSession) -> None:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get("https://site/", ssl=ssl.create_default_context())

        run_client(world, main)
        world.run_until(world.env.now + 60)
        assert site.connections == {}


def test_a_connect_timeout_fires_when_the_site_is_off_the_network() -> None:
    with World(seed=1) as world:
        site = site_of(world, web.get("/", hello))
        site.disconnect()

        async def main(session: aiohttp.ClientSession) -> float:
            began = world.loop.time()
            limits = aiohttp.ClientTimeout(total=None, sock_connect=4)
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await session.get("/", timeout=limits)
            return world.loop.time() - began

        assert run_client(world, main) == pytest.approx(4)


def test_a_refused_connection_and_an_unknown_name_are_client_errors() -> None:
    with World(seed=1) as world:
        world.host("site")

        async def main(session: aiohttp.ClientSession) -> None:
            with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
                await session.get("/")
            with pytest.raises(aiohttp.ClientConnectorDNSError):
                await session.get("http://nowhere/")

        run_client(world, main)


def test_the_connector_s_limit_bounds_the_connections() -> None:
    busy = most = 0

    async def count(request: web.Request) -> web.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(1)
        busy -= 1
        return web.Response()

    with World(seed=1) as world:
        events = world.trace.keep()
        site_of(world, web.get("/", count))

        async def main() -> float:
            began = world.loop.time()
            connector = aiohttp.TCPConnector(limit=4)
            async with aiohttp.ClientSession("http://site", connector=connector) as session:
                responses = await asyncio.gather(*(session.get("/") for _ in range(20)))
                assert {response.status for response in responses} == {200}
            return world.loop.time() - began

        assert world.run(main) == pytest.approx(5, abs=0.1)
    assert most == 4
    assert opened(events) == 4


def test_a_request_may_wait_for_100_continue() -> None:
    with World(seed=1) as world:
        site_of(world, web.post("/", measure))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.post("/", data=bytes(50_000), expect100=True) as response:
                assert (await response.json())["size"] == 50_000

        run_client(world, main)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def slow_first(request: web.Request) -> web.Response:
        await asyncio.sleep(5 if request.path == "/1" else 0)
        return web.Response(text=f"answer {request.path}!")

    with World(seed=1) as world:
        site_of(world, web.get("/{n}", slow_first))

        async def main() -> list[bytes]:
            reader, writer = await asyncio.open_connection("site", 80)
            for number in (1, 2, 3):
                writer.write(f"GET /{number} HTTP/1.1\r\nHost: site\r\n\r\n".encode())
            answers = [(await reader.readuntil(b"!")).rpartition(b"\r\n")[2] for _ in range(3)]
            writer.close()
            await writer.wait_closed()
            return answers

        assert world.run(main) == [b"answer /1!", b"answer /2!", b"answer /3!"]


def test_static_files_with_ranges_and_dates(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0123456789", encoding="utf-8")
    with World(seed=1) as world:
        site_of(world, web.static("/files", tmp_path))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.get("/files/a.txt") as response:
                assert await response.text() == "0123456789"
                modified = response.headers["Last-Modified"]
            async with session.get(
                "/files/a.txt", headers={"If-Modified-Since": modified}
            ) as response:
                assert response.status == 304
            async with session.get("/files/a.txt", headers={"Range": "bytes=2-4"}) as response:
                assert (response.status, await response.text()) == (206, "234")
            async with session.get("/files/b.txt") as response:
                assert response.status == 404

        run_client(world, main)


def test_the_date_of_an_answer_is_the_world_s() -> None:
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))

        async def main(session: aiohttp.ClientSession) -> str:
            async with session.get("/") as response:
                return response.headers["Date"]

        assert run_client(world, main) == "Wed, 01 May 2013 08:00:01 GMT"


def test_an_error_in_a_handler_is_a_500_and_the_server_goes_on() -> None:
    async def fail(request: web.Request) -> web.Response:
        raise LookupError

    with World(seed=1) as world:
        site_of(world, web.get("/fail", fail), web.get("/", hello))

        async def main(session: aiohttp.ClientSession) -> None:
            async with session.get("/fail") as response:
                assert response.status == 500
            async with session.get("/") as response:
                assert response.status == 200

        run_client(world, main)


@pytest.mark.parametrize("handler_takes", [3, 1000])
def test_cleanup_waits_for_requests_in_flight_and_leaves_nothing(handler_takes: int) -> None:
    async def work(request: web.Request) -> web.Response:
        await asyncio.sleep(handler_takes)
        return web.Response(text="finished")

    with World(seed=1) as world:
        site = world.host("site")
        outcome: list[str] = []

        async def server() -> None:
            runner = await serve(web.post("/", work), shutdown_timeout=20)
            await asyncio.sleep(5)
            await runner.cleanup()

        async def client() -> None:
            async with aiohttp.ClientSession() as session:
                try:
                    async with session.post("http://site/") as response:
                        outcome.append(await response.text())
                except aiohttp.ClientError as error:
                    outcome.append(type(error).__name__)

        serving = site.start(server)
        world.run_until(4)
        world.host("phone").start(client)
        world.run_until(100)
        assert serving.done()
        serving.result()
        assert outcome == ["finished" if handler_takes == 3 else "ServerDisconnectedError"]
        assert site.listeners == {}
        for host in world.hosts.values():
            assert host.connections == {}
        assert asyncio.all_tasks(world.loop) == set()
        assert [timer for _, _, timer in world.loop._timers if not timer.cancelled()] == []
