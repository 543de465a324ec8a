"""The command that resets an external gateway: bounded, and told about when it fails."""

import os
import shlex
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from scenarios.engine.commands.before_run import BeforeRun, ResetFailed, wait_until_it_answers
from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.world.foreign_gateway import GatewayUnreachable
from scenarios.engine.world.stage import ForeignGateway
from tests.foreign.external_gateways import APP_KEY, external_gateway, free_ports
from tests.scenarios.engine.commands.one_message import write


def told(command: str, limit: float = 10.0) -> str:
    with pytest.raises(ResetFailed) as failed:
        BeforeRun(command, (APP_KEY,), limit)()
    return str(failed.value)


def test_a_command_that_fails_is_told_with_its_exit_code_and_the_end_of_what_it_printed() -> None:
    said = told("seq 5000; echo no database >&2; exit 3")
    assert said.startswith("--before-run 'seq 5000; echo no database >&2; exit 3' ended with exit")
    assert "ended with exit code 3 after " in said
    assert said.endswith("\n    5000\n    no database")
    assert len(said) < 3000
    assert "was ended by signal 9" in told("kill -9 $$")
    assert told("false").endswith("it printed nothing")


def test_what_it_prints_moves_no_cursor_and_shows_no_key() -> None:
    said = told(f"printf 'a\\033[2J {APP_KEY}'; false")
    assert "\x1b" not in said
    assert APP_KEY not in said
    assert said.endswith("a\N{REPLACEMENT CHARACTER}[2J <key>")


def test_a_command_without_an_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    said = told(f"sleep 1000 & echo $! > {shlex.quote(str(pid))}; wait", limit=0.5)
    assert "did not end within 0.5 s and was killed" in said
    assert gone(int(pid.read_text()))


def test_a_server_that_it_leaves_behind_does_not_hold_it_up(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    began = time.monotonic()
    BeforeRun(f"sleep 1000 & echo $! > {shlex.quote(str(pid))}")()
    assert time.monotonic() - began < 500
    left = int(pid.read_text())
    os.kill(left, 0)
    os.kill(left, signal.SIGKILL)


def gone(pid: int) -> bool:
    """Whether it has ended; whoever adopted it may not have noticed yet."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.live
def test_it_runs_before_all_else_and_before_each_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, count, base = tmp_path / "some", tmp_path / "count", free_ports()
    directory.mkdir()
    for platform in ("ios", "android"):
        write(directory, platform)
    command = f"echo reset >> {shlex.quote(str(count))}; test $(wc -l < {count}) -lt 3"
    with external_gateway("ours", tmp_path, base) as gateway:
        arguments = ["run", *gateway.arguments, str(directory), "--runs", str(tmp_path / "runs")]
        assert main([*arguments, "-q", "--before-run", command]) == ExitCode.INVALID
    assert count.read_text() == "reset\n" * 3  # at first, before the first run, before the second
    shown = capsys.readouterr()
    assert "1 passed, 0 failed, 1 not run" in shown.out
    assert "test $(wc -l < " in shown.err
    assert "ended with exit code 1" in shown.err
    assert '<testsuites tests="1"' in (tmp_path / "runs" / "junit.xml").read_text()
    record = next(path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    assert "--before-run 'echo reset" in (record / "summary.json").read_text()


def test_a_gateway_that_has_just_been_started_is_waited_for() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        gateway = ForeignGateway(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(GatewayUnreachable, match="does not answer"):
            wait_until_it_answers(gateway, limit=0)

        def answer() -> None:
            for attempt in range(2):  # the first one hears nothing
                with listener.accept()[0] as peer:
                    peer.recv(1000)
                    if attempt:
                        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        listener.listen()
        server = threading.Thread(target=answer)
        server.start()
        wait_until_it_answers(gateway)
        server.join()


def test_without_an_external_gateway_there_is_nothing_to_reset_or_to_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path, "ios"))
    for option in ("--before-run", "--gateway-log"):
        assert main(["run", file, option, "x", "--runs", str(tmp_path / "r")]) == ExitCode.INVALID
        said = capsys.readouterr().err
        assert said == f"airbed: {option} is for an external gateway: add --gateway URL\n"
    with pytest.raises(SystemExit):
        main(["run", file, "--before-run", " "])
    assert "there is no command in it" in capsys.readouterr().err
