"""The administrator's command beside a running gateway, and what a settings file still decides."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server import clock
from server.airnotifier import access, admin
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import key_digest
from server.airnotifier.tables import metadata
from server.database import Database
from tests.databases import database_url, sql
from tests.server.airnotifier.support import FULL_KEY, HEADERS, Log, apns_token, gateway_bench
from tests.server.airnotifier.test_process import Process

ROOT = Path(__file__).parents[3]
TOKEN = apns_token(1)


class Office:
    """Settings in a file, and the command."""

    def __init__(self, path: Path) -> None:
        self.config = path / "gateway.json"
        self.database = database_url(path / "gateway.db")
        self.write([{"name": "moodle", "keys": [{"key": FULL_KEY, "permissions": 15}]}])

    def write(self, apps: list[dict[str, Any]]) -> None:
        document = {"port": 0, "database": self.database, "apps": apps}
        self.config.write_text(json.dumps(document))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "server.airnotifier.admin", "--config", str(self.config)]
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def counts(ask: Callable[[], Awaitable[int]], status: int) -> None:
    """Within a second; given up after thirty, for machines that are slow."""
    async with asyncio.timeout(30):
        while await ask() != status:
            await asyncio.sleep(0.05)


def test_every_change_counts_in_a_gateway_that_runs(office: Office) -> None:
    async def main() -> None:
        gateway = Process(office.config)
        url = await gateway.start()
        async with aiohttp.ClientSession() as session:

            def asking(key: str, app: str = "moodle") -> Callable[[], Awaitable[int]]:
                async def ask() -> int:
                    headers = {"X-AN-APP-NAME": app, "X-AN-APP-KEY": key}
                    async with session.post(f"{url}/tokens/{TOKEN}", headers=headers) as answer:
                        return answer.status

                return ask

            assert await asking(FULL_KEY)() == 200
            assert office.run("delete-key", "moodle", key_digest(FULL_KEY)) == (0, "", "")
            await counts(asking(FULL_KEY), 400)
            code, key, _ = office.run("create-key", "moodle", "create_token")
            assert code == 0
            await counts(asking(key.strip()), 200)
            assert office.run("create-app", "second") == (0, "", "")
            _, key, _ = office.run("create-key", "second", "create_token")
            await counts(asking(key.strip(), "second"), 200)
            assert await asking(key.strip())() == 400
        assert await gateway.stop(signal.SIGINT) == 0

        gateway = Process(office.config)
        url = await gateway.start()
        async with aiohttp.ClientSession() as session:
            headers = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": FULL_KEY}
            async with session.post(f"{url}/tokens/{TOKEN}", headers=headers) as answer:
                assert answer.status == 400, "a key that was withdrawn came back"
        await gateway.stop(signal.SIGINT)
        [differs] = [e for e in gateway.events if e["event"] == "settings.differ" and e["key"]]
        assert differs["key"] == key_digest(FULL_KEY)[:12]
        assert differs["reason"] == "a key of the settings file is not in the store"

    asyncio.run(main())


def test_a_change_counts_for_the_first_call_a_second_later(tmp_path: Path, log: Log) -> None:
    """In a simulated world, to the moment; a gateway at rest asks its database nothing."""
    store = Database(database_url(tmp_path / "gateway.db"), durability="normal")
    statuses = []
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for seconds in (0.0, 1.0, 0.0, 3600.0):
                statuses.append((await bench.post(f"/tokens/{TOKEN}")).status)
                store.run_now(admin.delete_key, "moodle", key_digest(FULL_KEY))
                await asyncio.sleep(seconds)
                statuses.append((await bench.post(f"/tokens/{TOKEN}")).status)
                store.run_now(access.changed)

        bench.run(main)
    asyncio.run(store.close())
    assert statuses[0] == 200
    assert statuses[3:] == [400] * 5
    assert len(log("administration.changed")) <= 4


def test_many_calls_look_into_the_store_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = access.version

    def counted(connection: Any) -> int | None:
        looks.append(clock.monotonic())
        return look(connection)

    monkeypatch.setattr(access, "version", counted)
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            await asyncio.sleep(5)
            looks.clear()
            for _ in range(3):
                await asyncio.gather(*(bench.post(f"/tokens/{TOKEN}") for _ in range(50)))
            await asyncio.sleep(600)

        bench.run(main)
    assert len(looks) == 1


def test_the_file_seeds_a_store_that_is_new_and_no_other(tmp_path: Path, log: Log) -> None:
    another = {"name": "late", "keys": [{"key": "l" * 32, "permissions": 15}]}
    with gateway_bench(tmp_path) as bench:

        async def nothing() -> None:
            pass

        bench.run(nothing)
        assert log("settings.applied") == log("settings.differ") == []
    with gateway_bench(tmp_path) as bench:
        bench.settings["apps"][1]["keys"] = [
            {"key": FULL_KEY, "permissions": 1},
            {"key": "n" * 32, "permissions": 15},
        ]
        bench.settings["apps"].append(another)

        async def main() -> None:
            for app, key, status, error in [
                ("other", FULL_KEY, 200, None),
                ("other", "n" * 32, 400, "Invalid access key"),
                ("late", "l" * 32, 400, "Invalid application name"),
            ]:
                headers = {"X-AN-APP-NAME": app, "X-AN-APP-KEY": key}
                answer = await bench.post(f"/tokens/{TOKEN}", headers=headers)
                assert (answer.status, answer.json.get("error")) == (status, error)

        bench.run(main)
    [applied] = log("settings.applied")
    assert "applications and keys are the store's" in applied["note"]
    assert [(entry["app"], entry["reason"]) for entry in log("settings.differ")] == [
        ("other", "a key has other permissions in the settings file"),
        ("other", "a key of the settings file is not in the store"),
        ("late", "the store has no such application: create-app makes one"),
    ]


def test_a_store_of_before_is_seeded_once_and_keeps_the_administrator_s_keys(
    tmp_path: Path,
) -> None:
    url = database_url(tmp_path / "gateway.db")
    store = Database(url, durability="normal")
    store.create(metadata)
    key = store.run_now(admin.create_key, "moodle", Permission.CREATE_TOKEN)
    asyncio.run(store.close())
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for each in (key, FULL_KEY):
                headers = {**HEADERS, "X-AN-APP-KEY": each}
                assert (await bench.post(f"/tokens/{TOKEN}", headers=headers)).status == 200

        bench.run(main)
    assert sql(url, "select count(*) from administration") == [(1,)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("create-key", "modle", "create_token"),
            "there is no application 'modle'; did you mean moodle? create-app makes one",
        ),
        (("list-keys", "nope"), "there is no application 'nope'; create-app makes one"),
        (("delete-key", "mooodle", "0" * 64), "did you mean moodle?"),
        (("import-tokens", "Moodle", "/dev/null"), "did you mean moodle?"),
        (("create-app", "moodle"), "there is an application 'moodle' already"),
        (
            ("delete-key", "moodle", key_digest(FULL_KEY)[:-1] + "x"),
            "give its SHA-256, 64 hexadecimal digits; list-keys shows them",
        ),
        (
            ("delete-key", "moodle", key_digest(FULL_KEY)[1:] + "0"),
            f"did you mean {key_digest(FULL_KEY)}? list-keys shows them",
        ),
    ],
)
def test_a_typo_is_an_error_and_makes_nothing(
    office: Office, arguments: tuple[str, ...], complaint: str
) -> None:
    code, said, error = office.run(*arguments)
    assert (code, said) == (1, "")
    assert error.startswith("airnotifier: ")
    assert complaint in error
    assert sql(office.database, "select name from apps") == [("moodle",)]
    assert sql(office.database, "select count(*) from keys") == [(1,)]


def test_a_name_that_no_client_could_send_makes_no_application(office: Office) -> None:
    for name in ("two words", "", "x" * 65, "a\n"):
        code, _, error = office.run("create-app", name)
        assert code == 2
        assert "1 to 64 letters, digits, dots, hyphens and underscores" in error


def test_keys_are_listed_without_the_keys(office: Office) -> None:
    office.run("create-app", "second")
    code, key, _ = office.run("create-key", "second", "send_broadcast", "--description", "a\tb")
    assert code == 0
    code, listed, _ = office.run("list-keys")
    assert code == 0
    first, second = (line.split("\t") for line in listed.splitlines())
    full = "create_token,delete_token,send_notification,send_broadcast"
    assert first[:4] == ["moodle", key_digest(FULL_KEY), full, "settings"]
    assert second[:4] == ["second", key_digest(key.strip()), "send_broadcast", "admin"]
    assert second[5] == "a b"
    assert FULL_KEY not in listed
    assert key.strip() not in listed
    assert office.run("list-keys", "second")[1] == listed.splitlines(keepends=True)[1]
