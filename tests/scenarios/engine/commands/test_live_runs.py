"""Scenarios on real sockets: the same verdicts, records of their own, and nothing left behind.

Each test costs a few seconds, since real time passes. What is waited for are events; limits are
generous, and no test asserts how long something took.
"""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.commands.live_limits import most_phones
from scenarios.engine.exit_codes import ExitCode
from tests.scenarios.engine.commands.one_message import CLI, LIMIT, ROOT, write

pytestmark = pytest.mark.live

CRASH = """\
faults:
  - { id: power, target: host.gateway, inject: crash, window: { from: step dispatch, for: 1s } }
"""

STRANGE_MACHINE = """\
faults:
  - { id: wrong,    target: host.gateway, inject: clock_offset, with: { offset: -2h } }
  - { id: strange,  target: host.site,    inject: clock_drift,  with: { drift: 10% } }
  - { id: nameless, target: host.gateway, inject: dns_failure,  with: { names: [apns] }, window: { for: 500ms } }
"""  # noqa: E501
CROWD = """\
format: 1
name: More than fit
world:
  gateway: {{ kind: airnotifier }}
  site:    {{ kind: moodle }}
devices:
  fleet: {{ count: {count}, platform: ios }}
flow: [{{ do: settle }}]
"""
DOWN_IN_MANY_WAYS = """\
faults:
  - { id: again,  target: host.gateway, inject: restart, window: { from: 0s, for: 300ms } }
  - { id: power,  target: host.gateway, inject: crash,   window: { from: 400ms, for: 200ms } }
  - { id: frozen, target: host.site,    inject: pause,   window: { from: 0s, for: 1s } }
  - { id: deaf,   target: host.site,    inject: restart, window: { from: 200ms, for: 200ms }, may_not_fire: true }
"""  # noqa: E501


def record(runs: Path) -> Path:
    [path] = [path for path in runs.iterdir() if path.is_dir()]
    return path


def servers_of(word: str) -> list[int]:
    """The server processes whose settings lie below a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().decode()
        except OSError:
            continue
        if word in line and "server." in line:
            found.append(int(process.parent.name))
    return found


def test_a_scenario_passes_live_and_its_record_says_that_it_was_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs = write(tmp_path, "android"), tmp_path / "runs"
    assert main(["run", "--live", str(file), "--runs", str(runs)]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert re.search(r"passed  [\d.]+ s to the end of the flow, [\d.]+ s until all stopped", shown)
    assert "wire digest" not in shown
    assert f"airbed run --live {file} --seed 1" in shown
    made = record(runs)
    assert made.name.startswith("android-1-live-")
    manifest = json.loads((made / "manifest.json").read_text())
    summary = json.loads((made / "summary.json").read_text())
    assert (manifest["mode"], summary["mode"], summary["verdict"]) == ("live", "live", "passed")
    assert not summary["epoch"].startswith("2013")
    events = [json.loads(line) for line in (made / "trace.jsonl").read_text().splitlines()]
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)
    assert {e["host"] for e in events if e["kind"] == "server.started"} == {"gateway", "site"}
    assert not (made / "state").exists()
    assert servers_of(str(tmp_path)) == []


def test_a_gateway_that_loses_its_power_finishes_its_work_afterwards(tmp_path: Path) -> None:
    file, runs = write(tmp_path, "ios", CRASH), tmp_path / "runs"
    assert main(["run", "--live", str(file), "--runs", str(runs), "-q"]) == ExitCode.OK
    events = [json.loads(line) for line in (record(runs) / "trace.jsonl").read_text().splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds.index("host.crashed") < kinds.index("host.booted")
    assert kinds.count("server.started") == 3


def test_a_server_with_a_wrong_clock_and_without_names_is_the_same_server(tmp_path: Path) -> None:
    file, runs = write(tmp_path, "ios", STRANGE_MACHINE), tmp_path / "runs"
    assert main(["run", "--live", str(file), "--runs", str(runs), "-q"]) == ExitCode.OK
    events = [json.loads(line) for line in (record(runs) / "trace.jsonl").read_text().splitlines()]
    fired = {event["fault"] for event in events if event["kind"] == "fault.fired"}
    assert fired == {"wrong", "strange", "nameless"}
    [refused] = [e for e in events if e["kind"] == "provider.closed" and e["connection"] is None]
    assert refused["reason"] == "gaierror"
    assert servers_of(str(runs)) == []


def test_faults_that_overlap_keep_a_server_down_until_all_are_over(tmp_path: Path) -> None:
    """The power fails while the gateway starts again; the site is to stop, and cannot hear it."""
    file, runs = write(tmp_path, "ios", DOWN_IN_MANY_WAYS), tmp_path / "runs"
    wait = "flow:\n  - { do: wait, with: { for: 6s } }\n"
    file.write_text(file.read_text().replace("flow:\n", wait, 1))
    assert main(["run", "--live", str(file), "--runs", str(runs), "-q"]) == ExitCode.OK
    events = [json.loads(line) for line in (record(runs) / "trace.jsonl").read_text().splitlines()]
    told = {host: [e["kind"] for e in events if e["host"] == host] for host in ("gateway", "site")}
    assert [kind for kind in told["site"] if kind.startswith("host.")] == [
        "host.paused",
        "host.resumed",
    ]
    gateway = [kind for kind in told["gateway"] if kind.startswith(("host.", "server."))]
    assert gateway == [
        "server.started", "server.stopped", "host.crashed", "server.started", "host.booted",
    ]  # fmt: skip
    assert servers_of(str(runs)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_servers_and_leaves_a_record(
    tmp_path: Path, number: signal.Signals
) -> None:
    file, runs = write(tmp_path, "android"), tmp_path / "runs"
    text = file.read_text().replace("flow:\n", "flow:\n  - { do: wait, with: { for: 10m } }\n", 1)
    file.write_text(text)
    command = [sys.executable, "-m", CLI, "run", "--live", str(file)]
    command += ["--runs", str(runs), "-v"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "1 wait" in line:
                break
        assert len(servers_of(str(runs))) == 2
        keys = list(temporary.glob("airbed-ca-*/*.key"))
        assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
        process.send_signal(number)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "interrupted" in said
    assert not list(temporary.glob("airbed-*"))
    assert json.loads((record(runs) / "summary.json").read_text())["verdict"] == "interrupted"
    assert servers_of(str(runs)) == []


def test_what_a_live_world_cannot_do_is_said_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs = tmp_path / "crowd.yaml", tmp_path / "runs"
    file.write_text(CROWD.format(count=most_phones() + 1))
    assert main(["run", "--live", str(file), "--runs", str(runs)]) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert f"{file}:7:19: error[not-live]" in said
    assert said.endswith("airbed: nothing was run\n")
    assert not any(path.is_dir() for path in runs.glob("*"))


@pytest.mark.parametrize("option", [["--port-base", "20000"], ["--longest-wait", "1s"]])
def test_options_for_live_runs_want_a_live_run(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(write(tmp_path, "ios")), *option]) == ExitCode.INVALID
    assert f"airbed: {option[0]} is for live runs: add --live" in capsys.readouterr().err


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, runs = write(tmp_path, "ios"), tmp_path / "runs"
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        base = taken.getsockname()[1] - 2  # the third port is the first that is listened on
        arguments = ["run", "--live", str(file), "--runs", str(runs), "--port-base", str(base)]
        assert main(arguments) == ExitCode.INVALID
    assert "a port is in use" in capsys.readouterr().err


# -- serve


def get(url: str) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as got:
        return json.loads(got.read())


@contextmanager
def serving(directory: Path) -> Iterator[tuple[subprocess.Popen[str], list[str], dict[str, Any]]]:
    """All parts, being served: the process, what it has said, and what it wrote down."""
    info = directory / "info.json"
    command = [sys.executable, "-m", CLI, "serve", "all", "--info", str(info)]
    environment = {**os.environ, "TMPDIR": str(directory)}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            shown = []
            for line in process.stdout:
                shown.append(line)
                if "SIGTERM" in line:
                    break
            assert stat.S_IMODE(info.stat().st_mode) == 0o600
            yield process, shown, json.loads(info.read_text())
        finally:
            process.kill()


def test_all_parts_are_served_until_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, shown, parts):
        assert get(parts["gateway"]["health"]) == {"status": "ok"}
        assert get(parts["site"]["health"]) == {"status": "ok"}
        for port in (parts["apns"]["port"], parts["gcm"]["mtalk_port"]):
            socket.create_connection(("127.0.0.1", port), timeout=30).close()
        assert "-----BEGIN PRIVATE KEY" in parts["apns"]["key_pem"]
        assert any("curl" in line and parts["gateway"]["site_key"] in line for line in shown)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=LIMIT)
    # Among them, wherever: that the connection to APNs went away without a handshake.
    own = [line.partition(",")[0] for line in said.splitlines() if not line[0].isdigit()]
    assert own == ["stopping", "stopped"]
    assert process.returncode == ExitCode.OK
    assert servers_of(str(tmp_path)) == []


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _, _parts):
        servers = servers_of(str(tmp_path))
        assert len(servers) == 2
        for pid in servers:  # they would take their time to stop
            os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("stopping, ")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT)
    assert said == "stopped at once\n"
    assert process.returncode == ExitCode.OK
    assert servers_of(str(tmp_path)) == []


@pytest.mark.parametrize("part", ["gateway", "all"])
def test_serving_on_a_port_in_use_is_bad_usage(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        base = taken.getsockname()[1]
        assert main(["serve", part, "--port-base", str(base)]) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert "in use" in said
    assert f"gateway {base}, site {base + 1}, " in said
    assert "choose another --port-base" in said


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("there/parts.json", "No such file or directory"),
        ("file/parts.json", "Not a directory"),
        ("", "Is a directory"),
    ],
)
def test_where_nothing_can_be_written_down_is_said_before_the_start(
    info: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / info
    assert main(["serve", "all", "--info", str(path)]) == ExitCode.INVALID
    said = capsys.readouterr()
    assert said.err == f"airbed: nothing can be written to {path}: {reason}\n"
    assert said.out == ""
