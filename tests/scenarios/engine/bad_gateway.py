"""A server that answers every request with bytes of a test's choosing, for what no gateway does.
What the test does not choose for can be passed on to a gateway.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from scenarios.engine.world.stage import ForeignGateway

PATIENCE = 30.0
"""Seconds for a client that says nothing."""

PASS_ON: Final = b"pass on"
"""In the place of an answer: that of the gateway behind."""

OK = '{"status": "ok"}'


def http(status: str, body: str = "", *headers: str, length: int | None = None) -> bytes:
    """A response; `length`: what it says the body has, if that is not so."""
    size = len(body.encode()) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers))
    return f"{head}\r\n\r\n{body}".encode()


@contextmanager
def gateway_that(
    answer: Callable[[str], bytes | None], behind: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[ForeignGateway]:
    """`answer` gets a request's first line (`POST /tokens/ab HTTP/1.1`). After its bytes the
    connection is closed; with None nothing is said on it any more. `behind`: the gateway's address.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with suppress(OSError), _secured(connection, tls) as secured:
            request = _read(secured)
            said = answer(request.partition(b"\r\n")[0].decode())
            if said == PASS_ON:
                said = _passed_on(request, behind)
            if said is None:
                over.wait(PATIENCE)
            else:
                secured.sendall(said)

    def listen() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=[connection]))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        listening = threading.Thread(target=listen)
        listening.start()
        try:
            scheme = "http" if tls is None else "https"
            yield ForeignGateway(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", None, None)
        finally:
            over.set()
            listening.join()
            for thread in threads:
                thread.join()


def _secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    if tls is None:
        return connection
    try:
        return tls.wrap_socket(connection, server_side=True)
    except OSError:
        connection.close()
        raise


def _passed_on(request: bytes, url: str) -> bytes:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), PATIENCE) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        reply = b""
        with suppress(ConnectionError):
            while True:
                reply += _more(connection)
        return reply


def _read(connection: socket.socket) -> bytes:
    """A whole request. Raises OSError if it does not come."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    while len(body) < int(fields.get("content-length", 0)):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("closed")
    return data
