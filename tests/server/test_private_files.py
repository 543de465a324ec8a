"""What a server writes is for its owner only, whatever the umask says."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.database import Database
from server.moodle.settings import SiteSettings
from server.moodle.site import Site
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from tests.server.airnotifier.test_administration import Office
from tests.server.airnotifier.test_process import Process, write_config

ROOT = Path(__file__).parents[2]


def rights(directory: Path, *but: str) -> dict[str, int]:
    return {
        path.name: path.stat().st_mode & 0o777
        for path in sorted(directory.iterdir())
        if path.name not in but
    }


@pytest.fixture(params=[0o000, 0o022])
def open_umask(request: pytest.FixtureRequest) -> object:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.skipif("AIRBED_POSTGRES" in os.environ, reason="about SQLite's files")
def test_a_running_gateway_has_no_file_that_others_may_read(tmp_path: Path) -> None:
    office = Office(tmp_path)

    async def main() -> None:
        gateway = Process(office.config)
        await gateway.start()
        assert rights(tmp_path, "gateway.json") == dict.fromkeys(
            ["gateway.db", "gateway.db-shm", "gateway.db-wal", "gateway.db.lock"], 0o600
        )
        exposed = await gateway.wait_for("file.exposed")
        assert exposed["path"] == str(office.config)
        await gateway.stop(signal.SIGTERM)

    asyncio.run(main())


def test_a_gateway_warns_about_each_secret_file_that_others_may_read(tmp_path: Path) -> None:
    authority = CertificateAuthority(Seeds(1))
    office = write_config(tmp_path, authority, 1)
    document = json.loads(office.read_text())
    apns = document["apps"][0]["apns"]
    whole = tmp_path / "whole.pem"
    whole.write_text(Path(apns["cert_file"]).read_text() + Path(apns["key_file"]).read_text())
    second = {**apns, "cert_file": str(whole), "key_file": str(whole)}
    document["apps"].append({"name": "other", "apns": second})
    office.write_text(json.dumps(document))
    office.chmod(0o600)
    key = Path(apns["key_file"])
    key.chmod(0o640)
    whole.chmod(0o604)
    Path(apns["cert_file"]).chmod(0o644)

    async def main() -> None:
        gateway = Process(office)
        await gateway.start()
        await gateway.stop(signal.SIGTERM)
        exposed = [each["path"] for each in gateway.events if each["event"] == "file.exposed"]
        assert exposed == [str(key), str(whole)]

    asyncio.run(main())
    authority.close()


def test_the_files_of_a_database_are_secret_files() -> None:
    url = "postgresql://x/y?passfile=/a/pass&sslkey=/a/key&sslrootcert=/a/ca"
    settings = SiteSettings(wwwroot="http://site.test", database=url)
    assert list(settings.secret_files()) == [Path("/a/pass"), Path("/a/key")]
    settings = SiteSettings(wwwroot="http://site.test", database="no url")
    assert list(settings.secret_files()) == []


@pytest.mark.usefixtures("open_umask")
def test_neither_has_a_site(tmp_path: Path) -> None:
    async def main() -> None:
        settings = SiteSettings(
            wwwroot="http://site.test", database=f"sqlite:///{tmp_path / 'site.db'}"
        )
        site = Site(settings)
        await site.open()
        assert set(rights(tmp_path).values()) == {0o600}
        assert "site.db-wal" in rights(tmp_path)
        await site.close()

    asyncio.run(main())


@pytest.mark.usefixtures("open_umask")
def test_files_that_exist_are_narrowed(tmp_path: Path) -> None:
    for name in ("x.db", "x.db-wal", "x.db-shm"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o664)
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    database.run_now(lambda connection: connection.exec_driver_sql("create table t (a)"))
    asyncio.run(database.close())
    assert set(rights(tmp_path).values()) == {0o600}


@pytest.mark.usefixtures("open_umask")
def test_a_uri_names_a_file_too(tmp_path: Path) -> None:
    database = Database(f"sqlite:///file:{tmp_path / 'x%20y.db'}?uri=true")
    assert database.path == tmp_path / "x y.db"
    database.run_now(lambda connection: connection.exec_driver_sql("create table t (a)"))
    asyncio.run(database.close())
    assert rights(tmp_path) == {"x y.db": 0o600}


def test_the_administrator_s_command_makes_a_private_store(tmp_path: Path) -> None:
    office = Office(tmp_path)
    command = ["-m", "server.airnotifier.admin", "--config", str(office.config), "list-keys"]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, umask=0, capture_output=True)
    assert set(rights(tmp_path, "gateway.json").values()) <= {0o600}
