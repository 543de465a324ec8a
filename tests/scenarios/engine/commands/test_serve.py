"""`airbed serve` tells what happens, takes settings of the push services, and ends."""

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.commands.serve_scenario import WrongSetting, served_scenario
from scenarios.engine.exit_codes import ExitCode
from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority

ROOT = Path(__file__).resolve().parents[4]
AIRBED = "import sys; from scenarios.engine.commands.cli import main; sys.exit(main())"
LIMIT = 60


class Served:
    """A running `airbed serve --json`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self.info = self.until("serve.ready")

    def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next object of that kind with these fields."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            self.said.append(said)
            if said["kind"] == kind and fields.items() <= said.items():
                return dict(said)
        raise AssertionError(f"no {kind}: {self.said}")


@contextlib.contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-c", AIRBED, "serve", *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Served(process)
        finally:
            if process.poll() is None:
                process.terminate()
            assert process.stdout is not None
            if not process.stdout.closed:
                process.stdout.read()
            process.wait(LIMIT)


def post(url: str, body: Any, headers: dict[str, str], authority: str) -> int:
    trust = ssl.create_default_context(cadata=authority)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
    )
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with opener.open(request, timeout=LIMIT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def another_authority() -> str:
    authority = CertificateAuthority(Seeds(2))
    text = Path(authority.ca_file).read_text()
    authority.close()
    return text


@pytest.mark.live
def test_what_happens_is_told_by_token_reference_and_without_a_text(tmp_path: Path) -> None:
    with serving(tmp_path, "vendors", "--phones", "2", "--sandbox") as served:
        gcm, authority = served.info["gcm"], served.info["authority"]["ca_pem"]
        ids = gcm["registration_ids"]
        assert len(ids) == len(set(ids)) == len(served.info["apns"]["tokens"]) == 2
        assert served.info["apns_sandbox"]["port"] != served.info["apns"]["port"]
        body = {"registration_ids": ids, "data": {"alert": "a secret text"}}
        headers = {"Authorization": f"key={gcm['api_key']}"}
        assert post(gcm["url"], body, headers, authority) == 200
        first = served.until("vendor.accepted", host="gcm")
        second = served.until("vendor.accepted", host="gcm")
        assert first["token_ref"] != second["token_ref"]
        with pytest.raises(urllib.error.URLError):
            post(gcm["url"], body, headers, another_authority())
        assert "does not trust" in served.until("tls.refused", host="gcm")["why"]
        told = json.dumps(served.said[1:])
        assert "secret" not in told
        assert not any(each in told for each in ids)


@pytest.mark.live
def test_settings_of_the_push_services_hold(tmp_path: Path) -> None:
    with serving(
        tmp_path,
        "vendors",
        "--phone-tls",
        "--keys",
        "ecdsa",
        "--set",
        "vendors.gcm.outage={status: 502, share: 100%}",
    ) as served:
        info = served.info
        assert info["settings"] == ["vendors.gcm.outage={status: 502, share: 100%}"]
        assert info["tls"] == {"keys": "ecdsa", "old_clients": False, "phone_ports": True}
        headers = {"Authorization": f"key={info['gcm']['api_key']}"}
        authority = info["authority"]["ca_pem"]
        assert post(info["gcm"]["url"], {}, headers, authority) == 502
        for port in (info["apns"]["courier_port"], info["gcm"]["mtalk_port"]):
            assert ssl.get_server_certificate(("127.0.0.1", port))
        served.process.send_signal(signal.SIGHUP)
        served.until("serve.stopped")
        assert served.process.wait(LIMIT) == ExitCode.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("vendors.gcm.outge.status=503", "did you mean 'outage'?"),
        ("vendor.gcm.outage.status=503", "did you mean 'vendors'?"),
        ("vendors.gcm.outage.status=42", "must be at least 500"),
        ("vendors.apns.payload_limit=2KB", "did you mean 2kB?"),
        ("vendors.apns.close_style=rest", "did you mean 'rst'?"),
        ("vendors.apns.payload_limit", "there is no '='"),
        ("vendors.apns={}", "write --set vendors.gcm.outage.status=503"),
        ("vendors.apns.latency=[", "--set vendors.apns.latency=["),
        ("gateway.legacy_status=true", "is no setting of a push service"),
        ("vendors.apns.latency=", "there is no value"),
    ],
)
def test_a_wrong_setting_is_refused_as_in_a_scenario_file(setting: str, hint: str) -> None:
    with pytest.raises(WrongSetting) as error:
        served_scenario([setting])
    assert hint in str(error.value)
    assert setting in str(error.value)


def test_settings_are_those_of_scenario_files() -> None:
    settings = [
        "vendors.apns.payload_limit=2kB",
        "world.vendors.gcm.outage.status=503",
        "vendors.gcm.outage.retry_after=3s",
    ]
    vendors = served_scenario(settings).world.vendors
    assert vendors.apns.payload_limit == 2000
    assert vendors.gcm.outage is not None
    assert (vendors.gcm.outage.status, vendors.gcm.outage.retry_after) == (503, 3.0)


def test_a_wrong_setting_ends_the_command_with_a_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "vendors", "--set", "vendors.gcm.outge=1"]) == ExitCode.INVALID
    assert "did you mean 'outage'?" in capsys.readouterr().err


def test_old_clients_with_keys_that_they_cannot_have_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["serve", "vendors", "--old-clients", "--keys", "ed25519"]
    assert main(command) == ExitCode.INVALID
    assert "old clients need RSA or ECDSA" in capsys.readouterr().err


def documented(pattern: str) -> list[str]:
    page = (ROOT / "docs/live.md").read_text("utf-8")
    return re.findall(pattern, page, re.MULTILINE)


def test_the_documented_settings_are_possible() -> None:
    settings = documented(r"--set (\S+)")
    assert len(settings) >= 4
    for setting in settings:
        served_scenario([setting])


@pytest.mark.live
def test_the_documented_parts_are_all_that_there_are(tmp_path: Path) -> None:
    rows = documented(r"^\| (`\w+`(?:, `\w+`)*) \| .*\|$")
    keys = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    with serving(tmp_path, "all", "--sandbox") as served:
        assert keys >= served.info.keys() - {"time", "kind"}
        table = (ROOT / "docs/live.md").read_text("utf-8")
        for part in served.info.values():
            for name in part if isinstance(part, dict) else ():
                assert f"`{name}`" in table, name


@pytest.mark.live
def test_what_a_killed_serve_leaves_the_next_one_clears_away(tmp_path: Path) -> None:
    with serving(tmp_path, "vendors") as served:
        served.process.kill()
        served.process.wait(LIMIT)
    left = set(tmp_path.iterdir())
    assert left
    with serving(tmp_path, "vendors"):
        assert not left & set(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.live
def test_a_reader_that_has_gone_does_not_end_the_parts(tmp_path: Path) -> None:
    with serving(tmp_path, "vendors") as served:
        assert served.process.stdout is not None
        served.process.stdout.close()
        gcm, authority = served.info["gcm"], served.info["authority"]["ca_pem"]
        headers = {"Authorization": f"key={gcm['api_key']}"}
        for _ in range(2):  # the first is told to nobody, which is when it is noticed
            assert post(gcm["url"], {}, headers, authority) == 400
        served.process.terminate()
        assert served.process.wait(LIMIT) == ExitCode.OK


def test_what_is_written_for_a_gateway_outlives_the_parts_and_is_for_its_owner_only(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "for" / "gateway"
    with serving(tmp_path, "vendors", "--sandbox", "--write-to", str(kept)) as served:
        info = served.info
        assert info["gcm"]["url"] == f"https://localhost:{info['gcm']['port']}/gcm/send"
        headers = {"Authorization": f"key={info['gcm']['api_key']}"}
        ca_pem = Path(info["authority"]["ca_file"]).read_text()
        body = {"registration_ids": [info["gcm"]["registration_id"]]}
        assert post(info["gcm"]["url"], body, headers, ca_pem) == 200
    files = {file.name for file in kept.iterdir()}
    apns = {f"apns{which}-{what}.pem" for which in ("", "-sandbox") for what in ("cert", "key")}
    assert files == {"ca.pem", "parts.json", *apns}
    assert kept.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in kept.iterdir())
    parts = json.loads((kept / "parts.json").read_text())
    for part in ("apns", "apns_sandbox"):
        assert parts[part] == {**info[part]}
        trust = ssl.create_default_context(cafile=parts["authority"]["ca_file"])
        trust.load_cert_chain(parts[part]["cert_file"], parts[part]["key_file"])


def test_files_that_outlive_the_parts_are_refused_where_they_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a file"
    file.touch()
    assert main(["serve", "vendors", "--write-to", str(file / "in")]) == ExitCode.INVALID
    assert f"nothing can be written to {file / 'in'}: " in capsys.readouterr().err
    assert main(["serve", "gateway", "--write-to", str(tmp_path)]) == ExitCode.INVALID
    assert "--write-to is for the push services' certificates" in capsys.readouterr().err
