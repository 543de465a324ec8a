"""What the kernel tells about a real connection, and what is made of its answers."""

import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.providers.apns import tcp_progress
from server.airnotifier.providers.apns.arrivals import Arrivals
from server.airnotifier.providers.apns.tcp_progress import TcpProgress


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
    arrivals.look(1.0, 7, None)
    assert arrivals.has_all(7)
    assert arrivals.known_since(0.9) == 0
    assert arrivals.known_since(1.0) == 7


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 5))
def test_what_counts_as_arrived_was_acknowledged_for_that_long(
    steps: list[tuple[int, int]], silence: int
) -> None:
    arrivals = Arrivals()
    written = acknowledged = end = 0
    bytes_before = [0]
    """Written before each identifier."""
    acknowledged_at: list[int] = []
    for moment, (more, arrived) in enumerate(steps):
        for _ in range(more):
            written += 3
            end += 1
            bytes_before.append(written)
        acknowledged = min(written, acknowledged + 2 * arrived)
        acknowledged_at.append(acknowledged)
        arrivals.look(float(moment), end, TcpProgress(written, acknowledged))
        known = arrivals.known_since(float(moment - silence))
        assert known == 0 or bytes_before[known] <= acknowledged_at[moment - silence]
        assert arrivals.has_all(end) is (acknowledged == written)
        if moment >= silence and acknowledged_at[moment - silence] == written:
            assert known == end
        if arrivals.oldest is not None:
            assert moment - silence < arrivals.oldest <= moment
