"""Two gateways on one database would send everything twice: the second one says so and ends."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server import exclusive
from server.airnotifier.gateway import Gateway
from server.airnotifier.settings import GatewaySettings
from server.database import Database
from server.exclusive import DatabaseInUse
from sim.world import World
from tests.server.airnotifier.support import apns_token, gateway_bench
from tests.server.airnotifier.test_administration import Office
from tests.server.airnotifier.test_process import Process

ROOT = Path(__file__).parents[2]
SQLITE_ONLY = pytest.mark.skipif("AIRBED_POSTGRES" in os.environ, reason="locks are SQLite's yet")


def second(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.airnotifier", "--config", str(config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@SQLITE_ONLY
def test_a_second_gateway_names_the_first_and_ends_while_the_command_works(tmp_path: Path) -> None:
    office = Office(tmp_path)

    async def main() -> None:
        gateway = Process(office.config)
        await gateway.start()
        assert gateway._process is not None
        done = await asyncio.to_thread(second, office.config)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        lock = tmp_path / "gateway.db.lock"
        assert done.stderr == (
            f"airnotifier: another gateway (process {gateway._process.pid}) uses this database; two"
            " would do everything twice. Stop it first, or name another database (the lock is"
            f" {lock})\n"
        )
        assert office.run("create-app", "second")[0] == 0
        assert await gateway.stop(signal.SIGKILL) == -signal.SIGKILL
        again = Process(office.config)
        await again.start()
        assert await again.stop(signal.SIGTERM) == 0
        assert lock.stat().st_mode & 0o777 == 0o600

    asyncio.run(main())


def lock(path: Path, name: str = "x.db") -> exclusive.ExclusiveLock | None:
    database = Database(f"sqlite:///{path / name}")
    try:
        return exclusive.acquire(database, "gateway")
    finally:
        asyncio.run(database.close())


def test_the_lock_is_the_database_s_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "x.db")
    held = lock(tmp_path)
    assert held is not None
    for name in ("x.db", "link.db", "./x.db"):
        with pytest.raises(DatabaseInUse, match=f"process {os.getpid()}"):
            lock(tmp_path, name)
    other = lock(tmp_path, "y.db")
    held.release()
    again = lock(tmp_path, "link.db")
    for each in (other, again):
        assert each is not None
        each.release()


def test_a_database_in_memory_is_nobody_else_s() -> None:
    database = Database("sqlite://")
    assert exclusive.acquire(database, "gateway") is None
    asyncio.run(database.close())


@SQLITE_ONLY
def test_a_simulated_power_cut_ends_the_lock_and_nothing_else_does(tmp_path: Path) -> None:
    with gateway_bench(tmp_path) as bench:
        settings = GatewaySettings.model_validate(bench.settings)

        async def main() -> None:
            with pytest.raises(DatabaseInUse):
                await bench.gateway_host.start(Gateway(settings).open)
            bench.gateway_host.pause()
            with pytest.raises(DatabaseInUse):
                lock_here(tmp_path / "gateway.db.lock")
            bench.gateway_host.resume()
            for _ in range(3):
                bench.gateway_host.crash()
                bench.gateway_host.boot()
                await bench.start_gateway()
                with pytest.raises(DatabaseInUse):
                    lock_here(tmp_path / "gateway.db.lock")
                await bench.register(apns_token(1))

        bench.run(main)
    held = lock(tmp_path, "gateway.db")
    assert held is not None
    held.release()


def test_locks_of_a_host_are_not_those_of_another(tmp_path: Path) -> None:
    with World(seed=1) as world:
        one, two = world.host("one"), world.host("two")

        async def take(name: str) -> None:
            kept.append(lock_here(tmp_path / name))

        async def main() -> None:
            await one.start(lambda: take("a"))
            await two.start(lambda: take("b"))
            one.crash()
            lock_here(tmp_path / "a").release()
            with pytest.raises(DatabaseInUse):
                lock_here(tmp_path / "b")

        kept: list[exclusive.ExclusiveLock] = []
        world.run(main)
        for each in kept:
            each.release()


def lock_here(path: Path) -> exclusive.ExclusiveLock:
    return exclusive.ExclusiveLock(path, "gateway")


@SQLITE_ONLY
def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("something of somebody else's")
    (tmp_path / "x.db.lock").symlink_to(other)
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(OSError, match=r"x\.db\.lock"):
        exclusive.acquire(database, "gateway")
    asyncio.run(database.close())
    assert other.read_text() == "something of somebody else's"
