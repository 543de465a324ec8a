"""What an operator hears when a server cannot be started; the same from both."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from server.airnotifier.settings import GatewaySettings
from server.configuration_file import SettingsError, read_model

ROOT = Path(__file__).parents[2]
SERVERS = {"airnotifier": "apps: []", "moodle": "wwwroot: http://school.example"}


def start(path: Path, module: str, text: str, *arguments: str) -> tuple[int, str]:
    name = module.partition(".")[0]
    config = path / "server.yaml"
    config.write_text(f"{SERVERS[name]}\n{text}\n")
    done = subprocess.run(
        [sys.executable, "-m", f"server.{module}", "--config", str(config), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    *_, said = done.stderr.splitlines()  # behind what it may have logged by then
    assert said.startswith(f"{name}: ")
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("foo", "Could not parse"),
        ("nosuch://ann:hush@db/x", "Can't load plugin"),
        ("postgresql+psycopg2://ann:hush@db:port/x", "the URL cannot be read"),
        ("sqlite:////no/such/directory/x.db", "unable to open database file"),
    ],
)
def test_a_database_that_cannot_be_used_is_explained_without_its_password(
    tmp_path: Path, name: str, url: str, complaint: str
) -> None:
    code, said = start(tmp_path, name, f"port: 0\ndatabase: '{url}'")
    assert code == 2
    assert complaint in said
    assert "hush" not in said


@pytest.mark.parametrize("name", SERVERS)
def test_a_port_that_is_taken_is_explained(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        database = f"database: 'sqlite:///{tmp_path / 'x.db'}'"
        code, said = start(tmp_path, name, f"port: {port}\n{database}")
    assert code == 2
    assert str(port) in said


@pytest.mark.parametrize("name", SERVERS)
def test_an_unknown_key_is_explained(tmp_path: Path, name: str) -> None:
    code, said = start(tmp_path, name, "sekret: hush")
    assert code == 2
    assert "sekret: there is no such setting; known here: host, port" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("airnotifier.admin", ["create-key", "moodle", "create_token"]),
        ("moodle.admin", ["import", "none.yaml"]),
    ],
)
def test_the_administrator_s_tools_explain_themselves_alike(
    tmp_path: Path, module: str, arguments: list[str]
) -> None:
    code, _ = start(tmp_path, module, "database: foo", *arguments)
    assert code == 2


@pytest.mark.parametrize("seconds", [0, 31_536_001, 4_000_000_000])
def test_a_push_lives_for_a_year_at_most(tmp_path: Path, seconds: int) -> None:
    config = tmp_path / "gateway.yaml"
    apns = f"{{cert_file: {config}, key_file: {config}, time_to_live: {seconds}}}"
    config.write_text(f"apps: [{{name: moodle, apns: {apns}}}]\n")
    with pytest.raises(SettingsError, match=r"apps\.0\.apns\.time_to_live"):
        read_model(config, GatewaySettings)
