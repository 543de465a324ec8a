"""A gateway that is not ours: what it does not take, what it does not tell, and what passes all
the same. Real time passes, as in all live runs.
"""

import html
import json
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from tests.foreign.external_gateways import APP_KEY, SITE_KEY, Kind, external_gateway, free_ports
from tests.scenarios.engine.commands.one_message import ROOT, write

pytestmark = pytest.mark.live


def record(runs: Path) -> Path:
    [path] = [path for path in runs.iterdir() if path.is_dir()]
    return path


@pytest.mark.parametrize(
    ("kind", "platform"),
    [("ours", "ios"), ("ours", "android"), ("2013", "ios"), ("2013", "android"), ("2014", "ios")],
)
def test_a_foreign_gateway_delivers_and_the_record_says_what_was_not_seen(
    kind: Kind, platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, runs, base = write(tmp_path, platform), tmp_path / "runs", free_ports()
    text = file.read_text()
    file.write_text(text.replace("bad_token_pruned]", "bad_token_pruned, no_needless_duplicate]"))
    monkeypatch.setenv("AIRBED_GATEWAY_SITE_KEY", SITE_KEY)
    with external_gateway(kind, tmp_path, base) as gateway:
        arguments = ["run", "--gateway", gateway.url, str(file), "--runs", str(runs), "-q"]
        arguments += ["--gateway-app-key", APP_KEY, "--port-base", str(base)]
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
        assert APP_KEY not in text
        assert SITE_KEY not in text


def test_a_directory_runs_what_is_possible_and_says_what_it_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, runs, base = tmp_path / "some", tmp_path / "runs", free_ports()
    directory.mkdir()
    possible = write(directory, "ios").read_text()
    (directory / "apart.yaml").write_text(
        possible.replace("app: moodle", "app: moodle, apns: { recovery: none }")
    )
    with external_gateway("ours", tmp_path, base) as gateway:
        arguments = ["run", *gateway.arguments, str(directory), "--runs", str(runs), "-q"]
        assert main([*arguments, "--seed", "1"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "1 passed, 0 failed, 1 skipped" in shown
    assert f"skipped       {directory / 'apart.yaml'}, 1 run" in shown
    assert "a scenario cannot set how an external gateway talks to APNs" in shown
    junit = (runs / "junit.xml").read_text()
    assert '<testsuites tests="2" failures="0" errors="0" skipped="1"' in junit
    assert "external gateway talks to APNs" in junit


def test_the_lines_of_the_gateways_log_are_on_the_timeline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs, base = write(tmp_path, "ios"), tmp_path / "runs", free_ports()
    with external_gateway("ours", tmp_path, base) as gateway:
        arguments = ["run", *gateway.arguments, str(file), "--runs", str(runs), "--seed", "1"]
        missing = [*arguments, "--gateway-log", str(tmp_path / "missing")]
        assert main(missing) == ExitCode.INVALID
        said = capsys.readouterr().err
        assert f"--gateway-log {tmp_path / 'missing'} cannot be read: No such file" in said
        assert main([*arguments, "-v", "--gateway-log", str(gateway.log)]) == ExitCode.OK
    made = record(runs)
    events = map(json.loads, (made / "trace.jsonl").read_text().splitlines())
    lines = [event["text"] for event in events if event["kind"] == "gateway.log"]
    assert any('"push.accepted"' in line for line in lines)
    assert "gateway.log" in capsys.readouterr().out
    assert "log: {" in html.unescape((made / "timeline.html").read_text())


@pytest.mark.parametrize("variable", ["AIRBED_GATEWAY_APP_KEY", "AIRBED_GATEWAY_SITE_KEY"])
def test_a_key_that_is_too_short_is_bad_usage(
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, "a-short-key")
    with pytest.raises(SystemExit) as ended:
        main(["run", "--gateway", "http://127.0.0.1:9", str(write(tmp_path, "ios"))])
    assert ended.value.code == ExitCode.INVALID
    told = capsys.readouterr().err
    assert "this is no access key (11 characters): write 16 to 255 letters" in told
    assert "a-short-key" not in told


SECURITY = ROOT / "scenarios/security"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("2013", "send_with_app_key.yaml", "answered 200 at"),
        ("2014", "send_with_app_key.yaml", "answered 403 at"),
        ("2013", "register_with_site_key.yaml", "registering a token answered 200 at"),
    ],
)
def test_a_refusal_is_no_hole_whatever_its_status(
    kind: Kind, name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, base = tmp_path / "runs", free_ports()
    arguments = ["run", str(SECURITY / name), "--runs", str(runs), "--longest-wait", "1s"]
    arguments += ["--seed", "1"]
    if "register" in name:
        arguments += ["--cell", "platform=ios"]
    with external_gateway(kind, tmp_path, base, site_key=12) as gateway:
        assert main([*arguments, *gateway.arguments]) == ExitCode.OK
    told = json.loads((record(runs) / "summary.json").read_text())["external_gateway"]
    assert any(words in line and "No permission to" in line for line in told)
    assert words in capsys.readouterr().out


def test_a_token_in_the_body_is_what_no_released_gateway_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, runs = write(tmp_path, "ios"), tmp_path / "runs"
    file.write_text(file.read_text().replace("app: moodle }", "app: moodle, token_in: body }"))
    with external_gateway("2014", tmp_path, free_ports()) as gateway:
        code = main(["run", str(file), "--runs", str(runs), *gateway.arguments])
    assert code == ExitCode.INVALID
    assert "POST /tokens answered 404: HTTPError: HTTP 404" in capsys.readouterr().err


MOODLE_27 = """\
format: 1
name: A message from Moodle 2.7
matrix: { platform: [ios, android] }
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, generation: 2.7, users: { ana: teacher, ben: student } }
devices:
  phone: { platform: $matrix.platform, owner: ben, state: enabled }
flow:
  - { do: message,  by: ana,     with: { to: ben, text: Lab at nine } }
  - { do: dispatch, by: gateway, within: 30s, expect: { accepted: 1 } }
  - { do: receive,  by: phone,   within: 30s, expect: { count: 1, custom.notif: "0" } }
expect:
  fates: { created: 1, delivered: 1, lost: 0 }
"""


@pytest.mark.parametrize("kind", [None, "2014"])
def test_moodle_2_7_says_for_which_platform_a_push_is(
    kind: Kind | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, runs, base = tmp_path / "moodle.yaml", tmp_path / "runs", free_ports()
    file.write_text(MOODLE_27)
    arguments = ["run", str(file), "--runs", str(runs), "-q"]
    if kind is None:
        assert main(arguments) == ExitCode.OK
        return
    with external_gateway(kind, tmp_path, base) as gateway:
        assert main([*arguments, *gateway.arguments]) == ExitCode.OK


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
    with external_gateway("ours", tmp_path, base) as gateway:
        arguments = ["run", "--gateway", gateway.url, str(file), "--runs", str(runs)]
        arguments += ["--gateway-app-key", APP_KEY] if who == "site" else []
        code = main([*arguments, "--port-base", str(base)])
    assert code == ExitCode.INVALID
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
