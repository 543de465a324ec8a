"""The gateway's power fails while a request is being handled, at every turn of its handling: no
further line of it runs, the caller hears nothing, and after the boot what was committed is there
and nothing else. However often it fails, there is a limit to the copies of a push.
"""

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest
from aiohttp import web

import server.airnotifier
from sim.net.rules import Kind
from sim.net.taps import TappedSegment
from tests.server.airnotifier.support import (
    Bench,
    Log,
    apns_token,
    gateway_bench,
    gcm_token,
    recorded_log,
)

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


@pytest.fixture
def log() -> Iterator[Log]:
    with recorded_log() as log:
        yield log


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


def copies_after_power_cuts(
    path: Path, log: Log, lives: Callable[[Random], float], limit: int | None = None
) -> Counter[str]:
    """How often each token's push was seen by a push service, with a gateway whose power fails 40
    times, after so many seconds each. APNs is silent, as it is; GCM answers too late.
    """
    rng = Random(7)
    asked = Counter[str]()
    settings = {} if limit is None else {"max_unknown_writes": limit}
    with gateway_bench(
        path,
        database=a_file(path),
        durability="full",
        app=settings,
        apns={"connects_per_minute": 500},
    ) as bench:
        bench.gcm.delay = 20.0

        async def main() -> None:
            for number in range(40):
                for each in range(2):
                    await bench.push(apns_token(10 * number + each))
                    await bench.push(gcm_token(10 * number + each), f"number {number}")
                await asyncio.sleep(lives(rng))
                bench.gateway_host.crash()
                await asyncio.sleep(0.5)
                bench.gateway_host.boot()
                await bench.start_gateway()
            bench.gcm.delay = 0.05
            await asyncio.sleep(200)
            assert pushes_on_disk(path) == 0

        bench.run(main)
    asked.update(bench.apns.accepted)
    asked.update(token for each in bench.gcm.requests for token in each["registration_ids"])
    done = Counter(entry["push"] for name in ENDS for entry in log(name))
    accepted = [entry["push"] for entry in log("push.accepted")]
    assert len(accepted) == 160
    assert set(done) == set(accepted)
    return asked


ENDS = ("push.completed", "push.unresolved")


@pytest.mark.parametrize(
    ("name", "lives"),
    [
        ("as a machine that reboots in a loop", lambda rng: rng.uniform(1.0, 4.5)),
        ("before anything is written with other work", lambda rng: rng.uniform(0.05, 0.24)),
        ("at any time", lambda rng: rng.choice([0.1, 0.6, 2.0, 6.0, 12.0])),
    ],
)
def test_however_often_the_power_fails_no_push_is_copied_more_than_five_times(
    tmp_path: Path, log: Log, name: str, lives: Callable[[Random], float]
) -> None:
    copies = copies_after_power_cuts(tmp_path, log, lives)
    assert max(copies.values()) == 5, name
    assert {entry["writes"] for entry in log("push.unresolved")} == {5}


def test_the_bound_is_a_setting(tmp_path: Path, log: Log) -> None:
    copies = copies_after_power_cuts(tmp_path, log, lambda rng: rng.uniform(1.0, 4.5), limit=2)
    assert max(copies.values()) == 2


def test_what_was_never_written_is_not_given_up_however_often_the_power_fails(
    tmp_path: Path, log: Log
) -> None:
    with gateway_bench(tmp_path, database=a_file(tmp_path), app={"max_unknown_writes": 2}) as bench:

        async def main() -> None:
            bench.stop_apns()
            for number in range(10):
                await bench.push(apns_token(number))
            for _ in range(8):
                await asyncio.sleep(3)
                bench.gateway_host.crash()
                await asyncio.sleep(1)
                bench.gateway_host.boot()
                await bench.start_gateway()
            await bench.apns_host.start(bench.start_apns)
            await asyncio.sleep(70)
            assert pushes_on_disk(tmp_path) == 0

        bench.run(main)
    assert bench.apns.accepted == [apns_token(number) for number in range(10)]
    assert log("push.unresolved") == []


def test_what_apns_threw_away_does_not_count(tmp_path: Path, log: Log) -> None:
    app = {"max_unknown_writes": 2}
    with gateway_bench(tmp_path, app=app, apns={"connects_per_minute": 500}) as bench:
        bench.apns.reject = {apns_token(1000 + number): 8 for number in range(8)}

        async def main() -> None:
            bench.stop_apns()
            for token in [*bench.apns.reject, apns_token(1)]:
                await bench.push(token)
            await bench.apns_host.start(bench.start_apns)
            await asyncio.sleep(60)

        bench.run(main)
    assert len([each for each in log("push.dispatched") if each["push"] == 9]) == 9
    assert bench.apns.accepted == [apns_token(1)]


def test_what_gcm_refused_for_the_moment_does_not_count(tmp_path: Path, log: Log) -> None:
    app = {"max_unknown_writes": 2}
    with gateway_bench(tmp_path, database=a_file(tmp_path), app=app) as bench:

        async def main() -> None:
            bench.gcm.prepared = [web.Response(status=503) for _ in range(12)]
            await bench.push(gcm_token(1))
            for _ in range(5):
                await asyncio.sleep(3)  # GCM has answered, and the gateway waits to ask again
                bench.gateway_host.crash()
                await asyncio.sleep(1)
                bench.gateway_host.boot()
                await bench.start_gateway()
            await asyncio.sleep(200)
            assert pushes_on_disk(tmp_path) == 0

        bench.run(main)
    assert len(bench.gcm.requests) == 13
    assert len(log("push.completed")) == 1
