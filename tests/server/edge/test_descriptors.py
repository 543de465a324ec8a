"""A process with few descriptors: peers cannot have them all, and the log stays short."""

import asyncio
import contextlib
import errno
import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from server.edge import descriptors
from server.logs import SELDOM, EventLog
from server.unexpected import log_the_unexpected
from sim.world import World
from tests.server.edge.processes import KEY, SERVERS, Process, serving

FEW = 256
MANY = 375


def ask(server: Process, method: str, path: str, body: str = "") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: school.example\r\nConnection: close\r\n"
        f"X-AN-APP-NAME: moodle\r\nX-AN-APP-KEY: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return server.ask((head + body).encode(), "127.0.0.2")


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\n"])
def test_peers_that_hold_more_connections_than_there_are_descriptors_take_nothing_away(
    tmp_path: Path, name: str, said: bytes
) -> None:
    with serving(name, tmp_path, descriptors=FEW, http={}) as server:
        peers: list[socket.socket] = []
        try:
            while len(peers) < MANY:
                # No more than the kernel keeps: what it drops comes again a second later.
                for _ in range(descriptors.backlog(FEW) - 2):
                    peers.append(server.connect())
                    with contextlib.suppress(ConnectionError):
                        peers[-1].sendall(said)
                assert b" 200 OK\r\n" in ask(server, "GET", "/health")
            if name == "airnotifier":
                body = '{"token": "' + "a" * 100 + '", "alert": "hi"}'
                assert b" 200 OK\r\n" in ask(server, "POST", "/notification/", body)
        finally:
            for peer in peers:
                peer.close()
        assert b" 200 OK\r\n" in ask(server, "GET", "/health")
        assert server.stop() == 0
        assert len(server.lines) < 10, server.lines
        reasons = {line["reason"] for line in server.events("peer.refused")}
        assert reasons == {"room_made"}


class Logged(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append((record.__dict__["event"], record.__dict__["fields"]))


def test_being_out_of_descriptors_is_one_line_a_minute() -> None:
    logger, handler = logging.getLogger("edge"), Logged()
    logger.addHandler(handler)
    try:
        with World(seed=1) as world:

            async def main() -> None:
                loop = asyncio.get_running_loop()
                log_the_unexpected(loop, EventLog("edge"))
                context = {"message": "x", "exception": OSError(errno.EMFILE, "secret")}
                for _ in range(1_000):
                    loop.call_exception_handler(context)
                await asyncio.sleep(SELDOM + 1)
                loop.call_exception_handler(context)
                loop.call_exception_handler({"message": "x", "exception": ValueError("secret")})

            world.run(main)
    finally:
        logger.removeHandler(handler)
    assert handler.events == [
        ("descriptors.exhausted", {"error": "EMFILE", "unlogged": 0}),
        ("descriptors.exhausted", {"error": "EMFILE", "unlogged": 999}),
        ("unexpected.failure", {"error": "ValueError"}),
    ]
    assert "secret" not in json.dumps(handler.events)


def test_a_backlog_is_small_where_descriptors_are_few() -> None:
    assert descriptors.backlog(None) == descriptors.backlog(100_000) == 128
    assert descriptors.backlog(256) == 16
    assert descriptors.backlog(3) == 1
