"""What only the run knows may be of the wrong kind: then the step fails, and no more."""

from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main

SCENARIO = """\
format: 1
name: Results as arguments
world:
  gateway: {{ kind: airnotifier }}
  site: {{ kind: moodle, users: {{ ana: teacher, ben: student }} }}
devices:
  phone: {{ platform: ios, owner: ben, state: enabled }}
flow:
  - {{ do: message, by: ana, with: {{ to: ben, text: hello there }}, save: {{ msg: $result.id }} }}
  - {{ do: receive, by: phone, save: {{ alert: $result.alert{save} }} }}
  - {{ {step} }}
{expect}
"""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("do: message, by: ana, with: { to: $alert, text: x }", "there is no such recipients"),
        ("do: message, by: ana, with: { to: $msg, text: x }", "expected the name of a user, or"),
        ("do: login, by: phone, with: { user: $alert }", "there is no such user"),
        ("do: enable, by: ben, with: { device: $alert }", "there is no such phone"),
        ("do: set_app_state, by: phone, with: { state: $alert }", "is not possible here"),
        ("do: message, by: ana, with: { to: ben, text: $msg.x }", "there is no $msg.x"),
        ("do: wait, with: { for: 1s }, when: $alert > 1", "needs two numbers or two texts"),
        ("do: wait, with: { for: 1s }, when: $msg", "must be true or false"),
        ("do: wait, with: { for: 1s }, when: $msg / 0 > 1", "division by zero"),
        ("do: wait, with: { for: 1s }, when: $alert.x == 1", "there is no $alert.x"),
        ("do: receive_nothing, by: phone, within: 1s, expect: {}", ""),
    ],
)
def test_a_result_of_the_wrong_kind_fails_the_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], step: str, said: str
) -> None:
    check_and_run(tmp_path, capsys, SCENARIO.format(step=step, save="", expect=""), said)


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("expect: { fates: { lost: 0, when: fates.lost / 0 == 1 } }", "division by zero"),
        ("expect: { checks: [{ that: true, when: gateway.resent }] }", "must be true or false"),
        ("expect: { checks: [{ that: fates.lost and true }] }", "must be true or false"),
    ],
)
def test_a_condition_that_cannot_be_worked_out_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], expect: str, said: str
) -> None:
    text = SCENARIO.format(step="do: settle", save="", expect=expect)
    check_and_run(tmp_path, capsys, text, said)


def test_a_field_that_the_push_does_not_have_cannot_be_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SCENARIO.format(step="do: settle", save=", x: $result.custom.nothing", expect="")
    check_and_run(tmp_path, capsys, text, "there is no $result.custom.nothing")


def check_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert main(["check", str(tmp_path / "a.yaml")]) == 0
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["run", "-q", str(tmp_path / "a.yaml"), *runs]) == (1 if said else 0)
    assert said in capsys.readouterr().out
