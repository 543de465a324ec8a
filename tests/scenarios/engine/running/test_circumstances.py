"""A run that failed shows what was going on around it, and no secrets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main

SCENARIO = """\
format: 1
name: A push that nobody may send
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student }}, gateway_key: app }}
devices:
  phone: {{ platform: ios, owner: ben, state: enabled }}
flow:
  - {{ do: set_app_state, by: phone, with: {{ state: closed }} }}
  - {{ do: message, by: ana, with: {{ to: ben, text: Lab at nine }}, save: {{ msg: $result.id }} }}
  - {{ do: settle, within: 1m }}
{rest}"""

Run = Callable[[str], str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the scenario with more at its end, and gives what was printed."""

    def run(rest: str) -> str:
        (tmp_path / "push.yaml").write_text(SCENARIO.format(rest=rest))
        main(["run", str(tmp_path / "push.yaml"), "--seed", "3", "--runs", str(tmp_path / "runs")])
        return capsys.readouterr().out

    return run


STEP = "  - { do: receive, by: phone, within: 10s }\n"
FATES = "expect: { fates: { delivered: 1 } }\n"


def section(out: str, title: str) -> list[str]:
    lines = out.splitlines()
    start = lines.index(title) + 1
    return [line.strip() for line in lines[start : lines.index("", start)]]


@pytest.mark.parametrize("rest", [STEP, FATES])
def test_the_last_wire_events_name_hosts_and_sizes(run: Run, rest: str) -> None:
    lines = section(run(rest), "last wire events")
    assert any("site:49152 -> gateway:8801  connects" in line for line in lines)
    assert any("gateway:8801 -> site:49152  " in line and "bytes" in line for line in lines)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)
    assert len(lines) <= 12


def test_the_host_of_whoever_did_the_step_is_shown_first(run: Run) -> None:
    out = run(STEP)
    shown = [line for line in out.splitlines() if line.startswith("netstat of ")]
    assert shown[0] == "netstat of phone"
    assert len(shown) <= 3
    assert any(":5223" in line and "ESTABLISHED" in line for line in section(out, shown[0]))


def test_saved_values_are_shown_and_secrets_are_not(run: Run) -> None:
    out = run(STEP)
    assert section(out, "variables") == ["$msg = 1"]
    assert "Lab at nine" not in out.partition("last wire events")[2]


def test_a_saved_token_is_named_and_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, _, _ = SCENARIO.format(rest="").partition("flow:")
    path = tmp_path / "token.yaml"
    path.write_text(
        head.replace("state: enabled", "state: new") + "flow:\n"
        "  - { do: open_app, by: phone }\n"
        "  - { do: accept_push, by: phone, save: { token: $result.token } }\n"
        "expect: { fates: { delivered: 1 } }\n"
    )
    assert main(["run", str(path), "--seed", "3", "--runs", str(tmp_path / "runs")]) == 1
    out = capsys.readouterr().out
    assert section(out, "variables") == ["$token = '<push token of phone>'"]


def test_the_command_stops_the_same_run_where_its_last_step_begins(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(STEP)
    [command] = [line for line in out.splitlines() if line.startswith("look inside")]
    _, _, program, *arguments = command.split()
    assert program == "airbed"
    assert arguments[0] == "replay"
    assert main(arguments) == 0
    assert "do=settle" in capsys.readouterr().out


def test_a_run_that_passed_shows_nothing_of_it(run: Run) -> None:
    assert "last wire events" not in run("")
