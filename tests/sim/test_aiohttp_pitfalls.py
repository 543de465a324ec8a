"""Pitfalls met with aiohttp on virtual time, each with a twin that takes the remedy away.

Elsewhere: the order of sets in `kernel/test_identity.py`, certificates in `net/test_tls.py`,
copied clocks in `kernel/test_clock_leaks.py`, executors and threads in `kernel/test_loop.py`.
"""

import asyncio
import math
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.connector
import pytest
from aiohttp import web

from sim.kernel import guard, loop
from sim.kernel.errors import EscapeError
from sim.world import World
from tests.sim.serving import hello, opened, site_of

REAL_MONOTONIC = time.monotonic


# -- 1: `from time import monotonic` in the connector drives the expiry of its pool -----------


def connections_for_requests_at(moments: list[float], spoil: Callable[[], None]) -> int:
    with World(seed=1) as world:
        spoil()
        events = world.trace.keep()
        site_of(world, web.get("/", hello))

        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                began = world.loop.time()
                for moment in moments:
                    await asyncio.sleep(began + moment - world.loop.time())
                    async with session.get("http://site/") as response:
                        await response.read()

        world.run(main)
    return opened(events)


def test_pooled_connections_expire_on_virtual_time() -> None:
    # The pool keeps a connection for 15 s: only the second request finds one.
    moments = [0, 10, 900, 1800, 3600]
    assert connections_for_requests_at(moments, lambda: None) == 4


def test_with_a_real_clock_in_the_pool_they_would_never_expire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spoil() -> None:
        monkeypatch.setattr(aiohttp.connector, "monotonic", REAL_MONOTONIC)

    assert connections_for_requests_at([0, 10, 900, 1800, 3600], spoil) == 1


# -- 3: WebSocketWriter has a Random() made at import -------------------------------------------


def digest_of_a_websocket() -> str:
    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket_ = web.WebSocketResponse()
        await socket_.prepare(request)
        async for message in socket_:
            await socket_.send_str(message.data)
        return socket_

    with World(seed=1) as world:
        site_of(world, web.get("/", echo))

        async def main() -> None:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect("http://site/") as client,
            ):
                for number in range(5):
                    await client.send_str(f"message {number}")
                    assert await client.receive_str() == f"message {number}"

        world.run(main)
        return world.digest()


def test_websocket_masks_come_from_the_seed() -> None:
    assert digest_of_a_websocket() == digest_of_a_websocket()


def test_without_reseeding_masks_would_differ_between_worlds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard.Guard, "_reseed_websocket_masks", lambda _: None)
    assert digest_of_a_websocket() != digest_of_a_websocket()


# -- 5: on Python 3.12+ aiohttp makes eager tasks without asking the loop -------------------------


def callers_seen_by_the_site(run: Callable[[World, str], None]) -> dict[str, str]:
    """What each of three hosts is greeted with, all dialling at the same moment."""
    greetings: dict[str, str] = {}
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))
        for name in ("one", "two", "three"):
            world.host(name)

            async def dial(name: str = name) -> None:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get("http://site/") as response,
                ):
                    greetings[name] = await response.text()

            world.hosts[name].start(dial)
        world.run_until(world.env.now + 10)
        expected = {name: f"hello {world.hosts[name].address}" for name in greetings}
    assert len(greetings) == 3
    assert greetings == expected
    return greetings


def test_connections_belong_to_the_host_whose_code_dials() -> None:
    callers_seen_by_the_site(lambda world, name: None)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks exist since Python 3.12")
def test_an_eager_task_belongs_to_the_host_that_made_it() -> None:
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))
        phone = world.host("phone")

        async def local_address() -> str:
            transport, _ = await world.loop.create_connection(asyncio.Protocol, "site", 80)
            address: str = transport.get_extra_info("sockname")[0]
            transport.close()
            return address

        async def main() -> None:
            eager: Any = {"eager_start": True}
            plain = asyncio.create_task(local_address())
            task = asyncio.Task(local_address(), loop=world.loop, **eager)
            assert await task == await plain == phone.address

        world.run_until(2)
        task = phone.start(main)
        world.run_until(10)
        assert task.done()
        task.result()


def test_code_in_no_host_s_context_cannot_dial() -> None:
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))
        dial = world.loop.create_connection(asyncio.Protocol, "site", 80)
        with pytest.raises(EscapeError, match="no host"):
            world.loop.run_until_complete(world.loop.create_task(dial))


# -- 6: aiohappyeyeballs opens a socket before it dials -------------------------------------------


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_two_thousand_dials_need_no_file_descriptors() -> None:
    before = open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with World(seed=1) as world:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 64, hard))
        try:
            release = asyncio.Event()
            most = 0

            async def wait(request: web.Request) -> web.Response:
                nonlocal most
                most += 1
                if most == 2000:
                    assert open_files() < before + 32
                    release.set()
                await release.wait()
                return web.Response()

            site = site_of(world, web.get("/", wait))

            async def main() -> None:
                connector = aiohttp.TCPConnector(limit=0)
                async with aiohttp.ClientSession(connector=connector) as session:

                    async def get() -> None:
                        async with session.get("http://site/") as response:
                            assert response.status == 200

                    async with asyncio.TaskGroup() as group:
                        for _ in range(2000):
                            group.create_task(get())
                    assert len(site.connections) == 2000

            world.run(main)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_real_socket_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket
    with World(seed=1) as world:
        site_of(world, web.get("/", hello))
        monkeypatch.setattr(socket, "socket", real)

        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                await session.get("http://site/")

        with pytest.raises(EscapeError, match="real socket"):
            world.run(main)
        monkeypatch.undo()


# -- 7: sendfile must say that it is not implemented ----------------------------------------------


def download(folder: Path) -> bytes:
    (folder / "page.bin").write_bytes(bytes(range(256)) * 4000)
    with World(seed=1) as world:
        site_of(world, web.static("/static", folder))

        async def main() -> bytes:
            async with (
                aiohttp.ClientSession() as session,
                session.get("http://site/static/page.bin") as response,
            ):
                assert response.status == 200
                return await response.read()

        content: bytes = world.run(main)
    return content


def test_static_files_are_served(tmp_path: Path) -> None:
    assert download(tmp_path) == bytes(range(256)) * 4000


def test_static_files_would_break_with_asyncio_s_own_sendfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(loop.SimLoop, "sendfile")
    with pytest.raises(aiohttp.ClientError):
        download(tmp_path)


# -- 8: timeouts of 5 s and more are rounded up to whole seconds of the loop's clock ----------


@pytest.mark.parametrize("timeout", [0.25, 3.7, 5.0, 5.1, 7.3, 60.0, 3600.5])
@pytest.mark.parametrize("kind", ["total", "sock_read"])
def test_timeouts_fire_at_their_virtual_moment_and_do_not_livelock(
    timeout: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LIVELOCK_TURNS", 300)

    async def never(request: web.Request) -> web.Response:
        await asyncio.sleep(1e6)
        raise AssertionError

    with World(seed=1) as world:
        site_of(world, web.get("/", never))

        async def main() -> None:
            limits: dict[str, Any] = {"total": None, kind: timeout}
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(**limits)) as session:
                began = world.loop.time()
                with pytest.raises(TimeoutError):
                    await session.get("http://site/")
                ended = world.loop.time()
                if timeout >= 5 and kind == "total":
                    assert ended == math.ceil(began + timeout)
                elif kind == "total":
                    assert ended == began + timeout
                else:  # counted from when the request was sent, a few round trips later
                    assert timeout <= ended - began <= timeout + 1.1

        world.run(main)


def test_a_server_closes_an_idle_connection_on_time_and_does_not_livelock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "_LIVELOCK_TURNS", 300)
    with World(seed=1) as world:
        site_of(world, web.get("/", hello), keepalive_timeout=75)

        async def main() -> float:
            reader, writer = await asyncio.open_connection("site", 80)
            writer.write(b"GET / HTTP/1.1\r\nHost: site\r\n\r\n")
            answer = await reader.readuntil(b"hello")
            assert answer.startswith(b"HTTP/1.1 200 OK")
            began = world.loop.time()
            await reader.read()
            writer.close()
            await writer.wait_closed()
            return world.loop.time() - began

        assert 75 <= world.run(main) <= 76.1
