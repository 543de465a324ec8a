"""A gateway that is not ours: what it does not take, what it does not tell, and what passes all
the same. Real time passes, as in all live runs.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.world.live_stage import PORTS
from sim.kernel.seeds import Seeds
from sim.live.world import LIVE_TLS
from sim.net.tls import CertificateAuthority
from tests.scenarios.engine.commands.one_message import LIMIT, ROOT, write

pytestmark = pytest.mark.live


def record(runs: Path) -> Path:
    [path] = [path for path in runs.iterdir() if path.is_dir()]
    return path


def free_ports() -> int:
    """A `--port-base` for a live run: as many ports in a row on which nobody listens. Below the
    range that systems take theirs from, and at another place in it for each process, so that test
    runs side by side do not take each other's.
    """
    count = len(PORTS)
    for attempt in range(2_000):
        base = 10_000 + (os.getpid() + attempt) * count % 20_000
        try:
            for port in range(base, base + count):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise AssertionError("no free ports")


@contextmanager
def foreign_gateway(directory: Path, base: int) -> Iterator[str]:
    """A gateway that somebody has set up for push services at `base`; its address.

    It trusts the authority of seed 1, as one does who was given the certificates beforehand.
    """
    authority = CertificateAuthority(Seeds(1), LIVE_TLS)
    certificate = authority.issue(
        "foreign", uid="com.moodle.moodlemobile", environments=["production"]
    )
    config = directory / "gateway.json"
    apns = {"host": "127.0.0.1", "port": base + 2, "ca_file": authority.ca_file}
    apns |= {"cert_file": certificate.cert_file, "key_file": certificate.key_file}
    gcm = {"url": f"https://127.0.0.1:{base + 4}/gcm/send", "ca_file": authority.ca_file}
    app = {
        "name": "moodle",
        "keys": [{"key": "k" * 32, "permissions": 1}, {"key": "s" * 32, "permissions": 12}],
        "apns": apns,
        "gcm": {**gcm, "api_key": api_key(1)},
    }
    config.write_text(
        json.dumps({"database": f"sqlite:///{directory / 'gateway.db'}", "port": 0, "apps": [app]})
    )
    command = [sys.executable, "-m", "server.airnotifier", "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = map(json.loads, process.stderr)
            started = next(line for line in lines if line["event"] == "server.started")
            yield f"http://127.0.0.1:{started['port']}"
        finally:
            process.terminate()
            process.communicate(timeout=LIMIT)
            authority.close()


def api_key(seed: int) -> str:
    """GCM's key in a deployment with this seed: the third of its keys."""
    keys = Seeds(seed).stream("deployment/keys")
    return [keys.randbytes(16).hex() for _ in range(3)][2]


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_a_foreign_gateway_delivers_and_the_record_says_what_was_not_seen(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, runs, base = write(tmp_path, platform), tmp_path / "runs", free_ports()
    monkeypatch.setenv("AIRBED_GATEWAY_SITE_KEY", "s" * 32)
    with foreign_gateway(tmp_path, base) as url:
        arguments = ["run", "--gateway", url, str(file), "--runs", str(runs), "-q"]
        arguments += ["--gateway-app-key", "k" * 32, "--port-base", str(base)]
        monkeypatch.setattr(sys, "argv", ["airbed", *arguments])
        assert main(arguments) == ExitCode.OK
    summary = json.loads((record(runs) / "summary.json").read_text())
    assert summary["fates"]["opened"] == 1
    assert any("inferred" in line for line in summary["not_observed"])
    judged = [invariant["name"] for invariant in summary["invariants"]]
    assert judged == ["conservation", "causal_order", "no_token_leak"]
    manifest = (record(runs) / "manifest.json").read_text()
    trace = (record(runs) / "trace.jsonl").read_text()
    assert '"inferred":true' in trace
    for text in (manifest, trace):
        assert "k" * 32 not in text
        assert "s" * 32 not in text


REGISTERS = """\
format: 1
name: A phone registers
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ben: student } }
devices:
  phone: { platform: ios, owner: ben, state: new }
flow:
  - { do: open_app,         by: phone }
  - { do: accept_push,      by: phone, save: { token: $result.token } }
  - { do: register_gateway, by: phone, with: { token: $token }, expect: { status: 200 } }
"""


@pytest.mark.parametrize("who", ["phone", "site", "prepared"])
def test_a_gateway_that_does_not_take_the_keys_makes_one_think_of_the_seed(
    who: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs, base = write(tmp_path, "ios"), tmp_path / "runs", free_ports()
    if who == "phone":
        file.write_text(REGISTERS)
    with foreign_gateway(tmp_path, base) as url:
        arguments = ["run", "--gateway", url, str(file), "--runs", str(runs)]
        arguments += ["--gateway-app-key", "k" * 32] if who == "site" else []
        code = main([*arguments, "--port-base", str(base)])
    assert code == (ExitCode.INVALID if who == "prepared" else ExitCode.FAILED)
    shown = capsys.readouterr()
    assert "keys follow from the seed: run with the seed the gate" in shown.out + shown.err


def test_a_gateway_that_does_not_answer_is_said_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    file, runs = write(tmp_path, "ios"), tmp_path / "runs"
    url = f"http://127.0.0.1:{port}"
    assert main(["run", "--gateway", url, str(file), "--runs", str(runs)]) == ExitCode.INVALID
    assert f"airbed: the gateway at {url} does not answer: " in capsys.readouterr().err
    assert not any(path.is_dir() for path in runs.glob("*"))


@pytest.mark.parametrize(
    "url", ["push.example:8801", "ftp://push.example", "http://", "http://a/b"]
)
def test_an_address_that_is_none_is_bad_usage(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--gateway", url, str(write(tmp_path, "ios"))])
    assert ended.value.code == ExitCode.INVALID
    assert "is not the address of a gateway" in capsys.readouterr().err
