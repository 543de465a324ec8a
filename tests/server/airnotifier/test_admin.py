"""What an administrator does to the database, by function and by command line."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from server.airnotifier import admin
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import key_digest
from server.airnotifier.tables import metadata
from server.database import Database
from tests.databases import database_url, sql
from tests.server.airnotifier.support import HEADERS, apns_token, gateway_bench, gcm_token

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    store = Database(database_url(tmp_path / "gateway.db"), durability="normal")
    store.create(metadata)
    yield store
    asyncio.run(store.close())


def test_imported_tokens_receive_broadcasts_on_their_channels(
    tmp_path: Path, store: Database
) -> None:
    registrations = [(apns_token(number), "ios", ["site"]) for number in range(1200)]
    registrations += [(gcm_token(1), "Android", []), (apns_token(5), "ios", ["site", "extra"])]
    assert store.run_now(admin.import_tokens, "moodle", registrations) == 1201
    assert store.run_now(admin.import_tokens, "moodle", registrations) == 0
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for channel in ("site", "extra", "default"):
                await bench.post("/broadcast/", {"alert": channel, "channel": channel})
            await asyncio.sleep(8)

        bench.run(main)
    assert bench.apns.accepted == [apns_token(number) for number in [*range(1200), 5]]
    assert [request["data"]["message"] for request in bench.gcm.requests] == ["default"]


def test_an_invalid_token_stops_the_whole_import_with_its_position(store: Database) -> None:
    registrations = [(apns_token(1), "ios", []), ("bad", "ios", [])]
    with pytest.raises(ValueError, match="registration 2: Invalid token"):
        store.run_now(admin.import_tokens, "moodle", registrations)
    assert store.run_now(admin.import_tokens, "moodle", registrations[:1]) == 1


def test_a_key_made_by_an_administrator_works_until_it_is_withdrawn(
    tmp_path: Path, store: Database
) -> None:
    key = store.run_now(admin.create_key, "moodle", Permission.CREATE_TOKEN, "phone")
    statuses = []
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            for _ in range(2):
                headers = {**HEADERS, "X-AN-APP-KEY": key}
                answer = await bench.post(f"/tokens/{apns_token(1)}", headers=headers)
                statuses.append(answer.status)
                await bench.stop_gateway()
                store.run_now(admin.delete_key, "moodle", key_digest(key))
                await bench.start_gateway()

        bench.run(main)
    assert statuses == [200, 400]


def test_keys_are_not_in_the_database(tmp_path: Path, store: Database) -> None:
    key = store.run_now(admin.create_key, "moodle", Permission.CREATE_TOKEN)
    with gateway_bench(tmp_path) as bench:

        async def main() -> None:
            pass

        bench.run(main)
    url = database_url(tmp_path / "gateway.db")
    stored = str([sql(url, select(table)) for table in metadata.sorted_tables])
    assert key_digest(key) in stored
    for secret in (key, HEADERS["X-AN-APP-KEY"]):
        assert secret not in stored


def test_the_command_line_imports_a_csv_and_makes_keys(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    database = database_url(tmp_path / "gateway.db")
    config.write_text(f"database: '{database}'\napps: [{{name: moodle}}]\n")
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(f'{apns_token(1)}\n{apns_token(2)},ios, red,"Physics, part 2"\n')

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "server.airnotifier.admin", "--config", str(config)]
        result = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in result.stderr
        return result.returncode, result.stdout

    assert run("import-tokens", "moodle", str(tokens)) == (0, "2 new tokens\n")
    code, key = run("create-key", "moodle", "send_notification", "send_broadcast")
    assert (code, len(key.strip())) == (0, 32)
    assert run("delete-key", "moodle", key_digest(key.strip())) == (0, "")
    assert run("delete-key", "moodle", key_digest(key.strip())) == (1, "")
    assert sql(database, "select channel from channels order by channel") == [
        ("Physics, part 2",),
        ("default",),
        ("red",),
    ]
    for bad in ("a,b,c,d\n", f"{apns_token(3)},ios,{'x' * 256}\n"):
        tokens.write_text(bad)
        assert run("import-tokens", "moodle", str(tokens)) == (2, "")
