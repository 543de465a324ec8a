"""A world assembled: running, ending, hosts, and errors that nobody handled."""

import asyncio
import contextvars
from collections.abc import Generator
from typing import Any

import pytest

from sim.kernel.context import current_host
from sim.kernel.errors import UnhandledErrors
from sim.net.links import Link
from sim.world import World


def test_run_takes_a_coroutine_function_a_process_an_event_or_a_generator() -> None:
    with World(seed=1) as world:

        async def coroutine() -> str:
            await asyncio.sleep(1)
            return "coroutine"

        def process(value: str) -> Generator[Any, Any, str]:
            yield world.env.timeout(1)
            return value

        assert world.run(coroutine) == "coroutine"
        assert world.run(process("generator")) == "generator"
        assert world.run(world.env.process(process("process"))) == "process"
        assert world.run(world.env.timeout(1, value="event")) == "event"


def test_run_raises_what_the_program_raised() -> None:
    with World(seed=1) as world:

        async def coroutine() -> None:
            raise LookupError("in a coroutine")

        def process() -> Generator[Any, Any, None]:
            yield world.env.timeout(1)
            raise LookupError("in a process")

        with pytest.raises(LookupError, match="in a coroutine"):
            world.run(coroutine)
        with pytest.raises(LookupError, match="in a process"):
            world.run(process())


def test_time_starts_at_a_fraction_of_a_second_that_the_seed_decides() -> None:
    starts = []
    for seed in (1, 2, 1):
        with World(seed=seed) as world:
            starts.append(world.env.now)
    assert starts[0] == starts[2] != starts[1]
    assert all(0 < start < 1 for start in starts)


def test_run_until_stops_at_the_moment() -> None:
    with World(seed=1) as world:
        world.run_until(12.5)
        assert world.env.now == world.loop.time() == 12.5


def test_code_belongs_to_the_host_it_was_started_on() -> None:
    with World(seed=1) as world:
        seen: list[Any] = []

        async def look(name: str) -> None:
            seen.append((name, current_host.get().name))
            await asyncio.sleep(1)
            await asyncio.create_task(deeper(name))
            world.loop.call_later(1, lambda: seen.append((name, current_host.get().name)))

        async def deeper(name: str) -> None:
            seen.append((name, current_host.get().name))

        for name in ("a", "b"):
            world.host(name).start(lambda name=name: look(name))  # type: ignore[misc]
        world.run_until(5)
        assert len(seen) == 6
        assert all(name == host for name, host in seen)
        assert current_host.get(None) is None


def test_every_callback_of_a_protocol_runs_on_its_host() -> None:
    with World(seed=1) as world:
        seen: list[tuple[str, str]] = []

        class Witness(asyncio.Protocol):
            def __init__(self, name: str) -> None:
                self.name = name

            def note(self, *_: Any) -> None:
                seen.append((self.name, current_host.get().name))

            connection_made = data_received = eof_received = note  # type: ignore[assignment]
            connection_lost = pause_writing = resume_writing = note  # type: ignore[assignment]

        async def serving() -> None:
            await world.loop.create_server(lambda: Witness("site"), port=7)

        async def main() -> None:
            transport, _ = await world.loop.create_connection(lambda: Witness("phone"), "site", 7)
            transport.write(bytes(1_000_000))
            await asyncio.sleep(1)
            transport.close()

        world.host("site").start(serving)
        world.run_until(2)
        world.host("phone").start(main)
        world.run_until(5)
    assert {name for name, _host in seen} == {"site", "phone"}
    assert len(seen) > 7
    assert all(name == host for name, host in seen)


def test_what_one_task_of_a_host_sets_in_its_context_others_do_not_see() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    with World(seed=1) as world:
        site = world.host("site")

        async def setting() -> None:
            variable.set(1)

        async def getting() -> None:
            await asyncio.sleep(1)
            assert variable.get(None) is None

        site.start(setting)
        task = site.start(getting)
        world.run_until(5)
        task.result()


def test_at_the_end_everything_is_cancelled_in_the_order_of_its_start() -> None:
    ended: list[int] = []

    async def run(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)  # cleaning up may take virtual time
            ended.append(number)

    with World(seed=1) as world:
        host = world.host("site")
        for number in range(20):
            host.start(lambda number=number: run(number))  # type: ignore[misc]
        world.run_until(2)
    assert ended == list(range(20))


def test_asynchronous_generators_are_closed_at_the_end() -> None:
    closed: list[bool] = []

    async def generate() -> Any:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    generator = generate()
    with World(seed=1) as world:

        async def main() -> None:
            await anext(generator)

        world.run(main)
    assert closed == [True]


def test_an_error_nobody_handled_is_raised_at_the_end() -> None:
    def fail() -> None:
        raise LookupError("in a callback")

    def run() -> None:
        with World(seed=1) as world:
            world.loop.call_later(1, fail)
            world.run_until(5)

    with pytest.raises(UnhandledErrors, match="in a callback") as unhandled:
        run()
    assert isinstance(unhandled.value.__cause__, LookupError)


def test_an_error_of_the_body_is_not_hidden_by_unhandled_ones() -> None:
    def fail() -> None:
        raise LookupError

    def run() -> None:
        with World(seed=1) as world:
            world.loop.call_later(1, fail)
            world.run_until(5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()


def test_hosts_have_addresses_in_the_order_of_their_making_and_show_their_state() -> None:
    with World(seed=1) as world:
        hosts = [world.host(f"host{number}", link=Link(0.001)) for number in range(300)]
        assert [host.address for host in hosts[:2]] == ["10.0.0.1", "10.0.0.2"]
        assert len({host.address for host in hosts}) == 300
        hosts[0].disconnect()
        assert repr(hosts[0]) == "<Host host0 10.0.0.1 offline>"
        hosts[0].reconnect()
        assert repr(hosts[0]) == "<Host host0 10.0.0.1 online>"


def test_asyncio_streams_work_between_hosts() -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    with World(seed=1) as world:
        site = world.host("site")

        async def serving() -> None:
            server = await asyncio.start_server(upper, port=7)
            async with server:
                await server.serve_forever()

        async def main() -> bytes:
            reader, writer = await asyncio.open_connection("site", 7)
            writer.writelines([b"one\n", b"two\n", b"x" * 60_000 + b"\n"])
            await writer.drain()
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        site.start(serving)
        world.run_until(2)
        assert world.run(main) == b"ONE\nTWO\n" + b"X" * 60_000 + b"\n"
        world.run_until(5)
        assert site.connections == {}
