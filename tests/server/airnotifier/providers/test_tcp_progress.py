"""What the kernel tells about a real connection, and what is made of its answers."""

import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.providers import tcp_progress
from server.airnotifier.providers.apns_arrivals import Arrivals
from server.airnotifier.providers.tcp_progress import TcpProgress


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts acknowledged bytes")
def test_linux_counts_what_was_written_and_what_arrived() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as peer,
    ):
        tcp_progress.notice_dead_paths(client)
        client.sendall(b"hello")
        peer.recv(5)
        peer.sendall(b"!")
        client.recv(1)  # carries the acknowledgement, so it is there
        assert tcp_progress.tcp_progress(client) == TcpProgress(written=5, acknowledged=6)
        user_timeout = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert user_timeout == tcp_progress.USER_TIMEOUT
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_where_the_system_does_not_tell_what_has_left_counts_as_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_progress, "_TCP_INFO", None)
    with socket.socket() as unconnected:
        assert tcp_progress.tcp_progress(unconnected) is None
    arrivals = Arrivals()
    arrivals.look(1.0, None)
    assert arrivals.known_since(1.0) == 1.0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_what_counts_as_arrived_was_acknowledged(steps: list[tuple[int, int]]) -> None:
    arrivals = Arrivals()
    written = acknowledged = 0
    total_at: list[int] = []
    for moment, (more, arrived) in enumerate(steps):
        written += more
        acknowledged = min(written, acknowledged + arrived)
        total_at.append(written)
        arrivals.look(float(moment), TcpProgress(written, acknowledged))
        until = arrivals.known_since(float(moment))
        covered = [total for look, total in enumerate(total_at) if look <= until]
        assert all(total <= acknowledged for total in covered)
        if acknowledged == written:
            assert until == moment
