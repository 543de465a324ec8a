"""Registering tokens at a gateway that somebody else runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scenarios.engine.world.foreign_gateway import GatewayUnreachable, register
from scenarios.engine.world.stage import ForeignGateway

REGISTRATIONS = [("a" * 64, "ios", ["default"])]


@contextmanager
def gateway(body: str) -> Iterator[ForeignGateway]:
    """Answers every POST with status 200, as AirNotifier did in 2013."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ForeignGateway(f"http://127.0.0.1:{server.server_port}", None, None)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("body", ['{"status": "ok"}', "", "[" * 50_000])
def test_status_200_without_an_error_is_a_registration(body: str) -> None:
    with gateway(body) as found:
        register(found, "key", "moodle", REGISTRATIONS)


def test_status_200_with_an_error_is_a_refusal() -> None:
    with (
        gateway('{"error": "Invalid access key"}') as found,
        pytest.raises(GatewayUnreachable, match=r"does not register tokens: 'Invalid access key'"),
    ):
        register(found, "key", "moodle", REGISTRATIONS)
