"""A host that is paused, as by SIGSTOP: its kernel goes on accepting, its code does not."""

import asyncio

from sim.world import World


def test_a_paused_host_accepts_and_serves_the_connections_when_it_runs_again() -> None:
    served: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.get_running_loop().time())
        writer.write(await reader.readexactly(1))
        writer.close()

    with World(seed=1) as world:
        server = world.host("server")

        async def main() -> None:
            await server.start(lambda: asyncio.start_server(serve, port=80))
            server.pause()
            connections = [await asyncio.open_connection("server", 80) for _ in range(3)]
            for _, writer in connections:
                writer.write(b"x")
            await asyncio.sleep(5)
            assert served == []
            resumed = asyncio.get_running_loop().time()
            server.resume()
            for reader, writer in connections:
                assert await reader.read() == b"x"
                writer.close()
            assert served == [resumed] * 3

        world.run(main)
