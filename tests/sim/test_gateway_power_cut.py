"""The gateway's power fails while a request is being handled, at every turn of its handling: no
further line of it runs, the caller hears nothing, and after the boot what was committed is there
and nothing else.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import server.airnotifier
from sim.net.rules import Kind
from sim.net.taps import TappedSegment
from tests.server.airnotifier.support import Bench, apns_token, gateway_bench

GATEWAY_CODE = str(Path(server.airnotifier.__file__).parent)
TOKEN = apns_token(7)
LATENCY = 0.001  # of two links of the datacentre


@contextmanager
def gateway_lines() -> Iterator[list[str]]:
    """Lines of the gateway's code that run meanwhile, in whatever frame, new or resumed."""
    lines: list[str] = []

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename.startswith(GATEWAY_CODE):
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {event}")
        return None

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(previous)


def a_file(path: Path) -> str:
    """A file, whatever database the other tests run on: what a power cut leaves is about files."""
    return f"sqlite:///{path / 'gateway.db'}"


def pushes_on_disk(path: Path) -> int:
    with sqlite3.connect(path / "gateway.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
    connection.close()
    return int(count)


class PowerCut:
    """Cuts the gateway's power `turns` turns of the loop after a push has reached it."""

    def __init__(self, bench: Bench, turns: int) -> None:
        self._bench = bench
        self._turns = turns
        self.happened = asyncio.Event()
        bench.world.network.taps.add(self._see)

    def _see(self, segment: TappedSegment) -> None:
        if segment.kind is Kind.DATA and segment.data.startswith(b"POST /notification/"):
            self._bench.world.env.call_later(LATENCY, self._countdown, self._turns)
            self._bench.world.network.taps.remove(self._see)

    def _countdown(self, turns: int) -> None:
        if turns:
            self._bench.world.loop.call_soon(self._countdown, turns - 1)
        else:
            self._bench.gateway_host.crash()
            self.happened.set()


def power_cut_after(turns: int, path: Path) -> tuple[bool, bool, list[str]]:
    """Whether the push was answered and whether it was on disk at the power cut; and the gateway's
    lines that ran while it had no power.
    """
    answered = False
    on_disk = 0
    lines: list[str] = []
    with gateway_bench(path, database=a_file(path), durability="full") as bench:

        async def push() -> None:
            nonlocal answered
            await bench.push(TOKEN)
            answered = True

        async def main() -> None:
            nonlocal on_disk, lines
            await bench.register(TOKEN)
            cut = PowerCut(bench, turns)
            request = asyncio.create_task(push())
            await cut.happened.wait()
            on_disk = pushes_on_disk(path)
            with gateway_lines() as lines:
                await asyncio.sleep(100)
            assert request.done() is answered  # nobody was told, so the caller waits still
            if not answered:
                request.cancel()
            bench.gateway_host.boot()
            with gateway_lines() as of_the_second_life:
                await bench.start_gateway()
            assert of_the_second_life  # they are seen where there are any
            assert pushes_on_disk(path) == on_disk
            await asyncio.sleep(30)
            assert (TOKEN in bench.apns.accepted) is bool(on_disk)

        bench.run(main)
    return answered, bool(on_disk), lines


@pytest.mark.parametrize("turns", range(20))
def test_no_line_runs_after_the_power_cut_and_the_committed_survives(
    turns: int, tmp_path: Path
) -> None:
    answered, on_disk, lines = power_cut_after(turns, tmp_path)
    assert lines == []
    assert on_disk or not answered


def test_the_power_cuts_come_before_and_after_the_commit(tmp_path: Path) -> None:
    outcomes = []
    for turns in range(10):
        path = tmp_path / str(turns)
        path.mkdir()
        answered, on_disk, _ = power_cut_after(turns, path)
        outcomes.append((answered, on_disk))
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {(False, False), (False, True), (True, True)}


def test_the_caller_learns_of_it_when_it_speaks_to_the_rebooted_gateway(tmp_path: Path) -> None:
    with gateway_bench(tmp_path, database=a_file(tmp_path)) as bench:

        async def main() -> None:
            reader, writer = await asyncio.open_connection("gateway", 8801)
            writer.write(b"POST /notification/ HTTP/1.1\r\n")  # and the rest never comes
            await asyncio.sleep(1)
            bench.gateway_host.crash()
            await asyncio.sleep(10)
            bench.gateway_host.boot()
            await bench.start_gateway()
            await asyncio.sleep(1_000)
            assert not reader.at_eof()
            writer.write(b"Host: gateway\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

        bench.run(main)
