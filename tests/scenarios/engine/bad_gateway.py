"""A server that answers every request with bytes of a test's choosing, for what no gateway does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from scenarios.engine.world.stage import ForeignGateway

PATIENCE = 30.0
"""Seconds for a client that says nothing."""

OK = '{"status": "ok"}'


def http(status: str, body: str = "", *headers: str, length: int | None = None) -> bytes:
    """A response; `length`: what it says the body has, if that is not so."""
    size = len(body.encode()) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers))
    return f"{head}\r\n\r\n{body}".encode()


@contextmanager
def gateway_that(answer: Callable[[str], bytes | None]) -> Iterator[ForeignGateway]:
    """`answer` gets a request's first line (`POST /tokens/ab HTTP/1.1`). After its bytes the
    connection is closed; with None nothing is said on it any more.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, suppress(OSError):
            said = answer(_first_line(connection))
            if said is None:
                over.wait(PATIENCE)
            else:
                connection.sendall(said)

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
            yield ForeignGateway(f"http://127.0.0.1:{listener.getsockname()[1]}", None, None)
        finally:
            over.set()
            listening.join()
            for thread in threads:
                thread.join()


def _first_line(connection: socket.socket) -> str:
    """Of a request that has been read to its end. Raises OSError if it does not come."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    while len(body) < int(fields.get("content-length", 0)):
        body += _more(connection)
    return lines[0]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("closed")
    return data
