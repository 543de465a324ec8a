"""Before the first run an external gateway is tried out: its keys, connections and pushes.

Real time passes.
"""

import json
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from tests.foreign.external_gateways import (
    APP_KEY,
    BROADCAST,
    CREATE_TOKENS,
    DELETE_TOKENS,
    SEND,
    SITE_KEY,
    Kind,
    Running,
    external_gateway,
    free_ports,
)
from tests.scenarios.engine.commands.one_message import write

pytestmark = pytest.mark.live


def run(gateway: Running, directory: Path, *more: str, seed: int = 1) -> int:
    """With the scenarios in the directory."""
    arguments = ["run", *gateway.arguments, str(directory), "--seed", str(seed)]
    return main([*arguments, "--runs", str(directory / "runs"), *more])


def records(directory: Path) -> list[Path]:
    return sorted(path for path in (directory / "runs").glob("*") if path.is_dir())


def test_a_gateway_of_2013_that_works_is_told_of_and_is_connected_in_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ios")
    with external_gateway("2013", tmp_path, free_ports()) as gateway:
        assert run(gateway, tmp_path) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "preflight     a push to iOS arrived; the gateway connects to APNs by itself\n" in shown
    [record] = records(tmp_path)
    trace = [json.loads(line) for line in (record / "trace.jsonl").read_text().splitlines()]
    kinds = [event["kind"] for event in trace]
    assert kinds.index("vendor.connected") < kinds.index("step.started")
    assert json.loads((record / "summary.json").read_text())["fates"]["created"] == 1


def test_our_gateway_connects_for_a_push(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for platform in ("ios", "android"):
        write(tmp_path, platform)
    with external_gateway("ours", tmp_path, free_ports()) as gateway:
        assert run(gateway, tmp_path) == ExitCode.OK
        log = gateway.log.read_text()
    shown = capsys.readouterr().out
    assert "token.pruned" not in log  # nothing was sent again in a world without the token
    [line] = (line for line in shown.splitlines() if line.startswith("preflight"))
    assert line.removeprefix("preflight").strip().split("; ") == [
        "a push to iOS arrived",
        "the gateway connects to APNs for a push",
        "it sends again what was lost with a connection",
        "a push to Android arrived",
    ]
    assert "2 passed, 0 failed" in shown


@pytest.mark.parametrize("kind", ["ours", "2013", "2014"])
@pytest.mark.parametrize("who", ["app", "site"])
def test_a_key_that_may_not_do_its_part_is_named_with_the_answer_and_nothing_is_run(
    kind: Kind, who: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "ios")
    app_key, site_key = (SEND, SEND) if who == "app" else (CREATE_TOKENS, BROADCAST)
    with external_gateway(
        kind, tmp_path, free_ports(), app_key=app_key, site_key=site_key
    ) as gateway:
        assert run(gateway, tmp_path) == ExitCode.INVALID
    said = capsys.readouterr().err
    status = 200 if kind == "2013" else 403
    path = "/tokens/<token>" if who == "app" else "/notification/"
    assert f"from the {who}'s key: POST {path} answered {status}: No permission to" in said
    for key in (APP_KEY, SITE_KEY):
        assert key not in said
    assert not records(tmp_path)


def test_a_key_of_another_seed_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "ios")
    base = free_ports()
    with external_gateway("2014", tmp_path, base) as gateway:
        arguments = ["run", "--gateway", gateway.url, "--port-base", str(base), str(file)]
        assert main([*arguments, "--runs", str(tmp_path / "runs")]) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert "from the app's key: POST /tokens/<token> answered 400: Invalid access key" in said
    assert "keys follow from the seed" in said


@pytest.mark.parametrize("kind", ["2013", "2014"])
def test_a_gateway_that_cannot_connect_to_apns_is_told_of_before_the_first_run(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.engine.world.preflight.LIMIT", 1.0)
    write(tmp_path, "ios")
    base = free_ports()
    with external_gateway(kind, tmp_path, base) as gateway:
        arguments = gateway.arguments
        arguments[arguments.index("--port-base") + 1] = str(base + 9)
        arguments += [str(tmp_path), "--seed", "1", "--runs", str(tmp_path / "runs")]
        assert main(["run", *arguments]) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert f"never connected to APNs at 127.0.0.1:{base + 11} within 1 s" in said
    assert f"`airbed serve vendors --seed 1 --port-base {base + 9}` says" in said
    assert not records(tmp_path)


def test_a_gateway_with_certificates_of_another_seed_is_told_why_apns_refuses_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenarios.engine.world.preflight.LIMIT", 1.0)
    write(tmp_path, "ios")
    with external_gateway("2013", tmp_path, free_ports(), seed=2) as gateway:
        assert run(gateway, tmp_path, seed=1) == ExitCode.INVALID
    said = capsys.readouterr().err
    assert "took a push to iOS, and then APNs refused its TLS handshake: " in said
    assert "serve vendors --seed 1" in said


def test_a_gateway_that_assumes_ios_cannot_serve_android_for_a_site_of_2013(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "android")
    with external_gateway("2014", tmp_path, free_ports()) as gateway:
        assert run(gateway, tmp_path) == ExitCode.FAILED
    said = capsys.readouterr().err
    assert "without a device the gateway takes a push for one to iOS: " in said
    assert "POST /notification/ answered 400: Invalid token" in said
    assert "pushes to Android cannot work; one of generation 2.7 names it" in said


@pytest.mark.parametrize(
    ("platform", "may_delete"),
    [
        ("android", False),
        ("android", True),
        pytest.param("ios", False, marks=pytest.mark.campaign),
        pytest.param("ios", True, marks=pytest.mark.campaign),
    ],
)
def test_what_stays_at_the_gateway_is_a_token_that_the_first_run_registers_anyway(
    platform: str, may_delete: bool, tmp_path: Path
) -> None:
    """Of two phones, whose devices introduce themselves before either gets a token."""
    file = write(tmp_path, platform)
    text, line = (
        file.read_text(),
        f"  phone: {{ platform: {platform}, owner: ben, state: enabled }}\n",
    )
    assert line in text
    second = line.replace("phone", "second").replace("ben", "ana")
    file.write_text(text.replace(line, line + second))
    with external_gateway(
        "ours", tmp_path, free_ports(), app_key=CREATE_TOKENS | DELETE_TOKENS * may_delete
    ) as gateway:
        assert run(gateway, tmp_path) == ExitCode.OK
        log = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    registered = [e["token_ref"] for e in log if e["event"] == "token.registered" and e["new"]]
    deleted = [event["token_ref"] for event in log if event["event"] == "token.deleted"]
    assert len(set(registered)) == 2
    assert len(registered) == 2 + may_delete
    assert deleted == registered[:1] * may_delete
