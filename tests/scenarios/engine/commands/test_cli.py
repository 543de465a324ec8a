"""The command line: what it prints, where, and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.engine.commands import cli
from scenarios.engine.commands.cli import main
from scenarios.engine.shipped import SHIPPED

ROOT = SHIPPED.parent
SCENARIO = """\
format: 1
name: {name}
tags: [{tags}]
seeds: {{ from: 1, count: 2 }}
matrix: {{ n: [1, 2, 3] }}
world: {{ gateway: {{ kind: airnotifier }}, site: {{ kind: moodle }} }}
flow: [{{ do: wait, with: {{ for: 1s }} }}]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with two scenarios in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some/deep").mkdir(parents=True)
    (tmp_path / "some/first.yaml").write_text(SCENARIO.format(name="First", tags="smoke, apns"))
    (tmp_path / "some/deep/second.yml").write_text(SCENARIO.format(name="Second", tags="slow"))
    (tmp_path / "some/notes.txt").write_text("not a scenario")
    return tmp_path


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message for bad usage, which ends with exit code 4."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 4
    return capsys.readouterr().err.splitlines()[0]


def test_check_counts_what_would_be_run_and_says_what_is_next(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "some"]) == 0
    shown = capsys.readouterr()
    assert shown.out == (
        "ok       some/deep/second.yml: 3 cells, 6 runs\n"
        "ok       some/first.yaml: 3 cells, 6 runs\n"
        "2 files checked, no mistakes\n"
        "next: airbed run some\n"
    )
    assert shown.err == ""


def test_a_file_that_is_named_twice_is_checked_once(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "some/first.yaml", "some/../some/first.yaml"]) == 0
    assert "1 file checked" in capsys.readouterr().out


def test_a_directory_stands_for_its_scenarios_and_not_for_copies_in_records(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (here / "some/first.yaml").read_text()
    for place in ("runs/first-1-0123abcd", ".venv/share"):
        (here / place).mkdir(parents=True)
        (here / place / "scenario.yaml").write_text(text)
    (here / "runs/first-1-0123abcd/manifest.json").touch()
    assert main(["list", "."]) == 0
    assert "scenario.yaml" not in capsys.readouterr().out
    assert main(["run", "runs"]) == 5
    assert capsys.readouterr().err == "airbed: no scenario files (*.yaml) there\n"
    assert main(["check", "runs/first-1-0123abcd/scenario.yaml"]) == 0


def test_list_is_a_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "some"]) == 0
    assert capsys.readouterr().out == (
        "FILE                  CELLS  SEEDS  TAGS        NAME\n"
        "some/deep/second.yml  3      2      slow        Second\n"
        "some/first.yaml       3      2      smoke apns  First\n"
        "\n"
        "next: airbed run some/first.yaml\n"
    )


def test_list_shows_what_comes_with_airbed_wherever_one_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "-t", "ten-step"]) == 0
    assert "\nflows/ten_steps.yaml " in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["flows/ten_steps.yaml", "scenarios/flows/ten_steps.yaml", "scenarios", "flows"]
)
def test_shipped_scenarios_are_found_by_name_wherever_one_is(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["check", name]) == 0
    assert "flows/ten_steps.yaml: 6 cells, 6 runs" in capsys.readouterr().out


def test_a_file_here_goes_before_a_shipped_one_of_its_name(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "flows").mkdir()
    (here / "flows/ten_steps.yaml").write_text(SCENARIO.format(name="Mine", tags="mine"))
    assert main(["check", "flows/ten_steps.yaml"]) == 0
    assert "flows/ten_steps.yaml: 3 cells, 6 runs" in capsys.readouterr().out


def test_tags_choose_and_several_options_must_all_hold(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "some", "-t", "smoke or slow", "-t", "not apns"]) == 0
    assert "second.yml" in (out := capsys.readouterr().out)
    assert "first.yaml" not in out


def test_a_manifest_of_something_else_hides_no_scenario(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "some/manifest.json").write_text("{}")
    assert main(["check", "some"]) == 0
    assert "2 files checked" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["list", "run"])
def test_no_scenario_with_the_tags_is_code_5(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "some", "-t", "smok"]) == 5
    assert capsys.readouterr().err == (
        "airbed: no scenario has these tags\n  tags there are: apns, slow, smoke\n"
    )


@pytest.mark.parametrize("command", ["check", "list", "run"])
def test_a_directory_without_scenarios_is_code_5(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (here / "empty").mkdir()
    assert main([command, "empty"]) == 5
    assert capsys.readouterr().err == "airbed: no scenario files (*.yaml) there\n"


def test_list_shows_the_others_beside_an_invalid_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "some/bad.yaml").write_text("format: 2\n")
    assert main(["list", "some"]) == 4
    shown = capsys.readouterr()
    assert "some/first.yaml" in shown.out
    assert "some/bad.yaml:1:9: error[bad-value]" in shown.err


def test_nothing_is_run_if_one_of_the_files_is_invalid(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "some/bad.yaml").write_text("")
    assert main(["run", "some"]) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("nothing was run\n")


def test_schema_prints_the_shipped_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    out = capsys.readouterr().out
    assert out == (SHIPPED / "scenario.schema.json").read_text(encoding="utf-8")
    assert json.loads(out)["title"] == "Airbed scenario"


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("airbed ")


def test_bad_usage_is_code_4_with_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(capsys, "chek", "x") == (
        "airbed: there is no command 'chek'; did you mean 'check'?"
    )
    assert usage_error(capsys) == "airbed: the following arguments are required: COMMAND"
    assert usage_error(capsys, "check") == "airbed: the following arguments are required: FILE|DIR"
    assert usage_error(capsys, "check", "--colour", "x").endswith("arguments: --colour")
    assert usage_error(capsys, "serve").endswith("are required: gateway|site|vendors|all")
    for seed in ("-1", "x", "1.5", "٣"):
        assert usage_error(capsys, "run", "x", "--seed", seed).endswith(
            f"'{seed}' is not a seed: write a whole number from 0"
        )
    assert usage_error(capsys, "list", "-t", "a b").endswith(
        "unexpected 'b': join tags with 'and' or 'or'"
    )
    assert usage_error(capsys, "run", "x", "-q", "-v").endswith(
        "not allowed with argument -q/--quiet"
    )


def test_the_help_of_the_command_is_what_a_wrong_option_leads_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["sweep", "x", "--colour"])
    assert capsys.readouterr().err.endswith("--colour\ntry next: airbed sweep --help\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cell", ""], "--cell names no value: write --cell AXIS=VALUE"),
        (["--cell", " , "], "--cell names no value"),
        (["--gateway-app-key", "x" * 16], "--gateway-app-key is for an external gateway"),
        (["--live", "--gateway-site-key", "x" * 16], "for an external gateway: add --gateway URL"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["run", "flows/not_enabled.yaml", *options]) == 4
    assert said in capsys.readouterr().err
    assert list((here / "runs").iterdir()) == []


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, ""])
def test_a_name_that_no_file_can_have_is_code_4(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    if not name:
        assert main(["check", name]) == 0  # the current directory
    else:
        assert main(["check", name]) == 4
        assert "error[no-file]" in capsys.readouterr().err


def _fail(error: BaseException) -> None:
    raise error


def test_an_interrupt_is_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "schema_text", lambda: _fail(KeyboardInterrupt()))
    assert main(["schema"]) == 2
    assert capsys.readouterr().err == "\nairbed: interrupted\n"


def test_a_mistake_of_ours_is_code_3_in_one_line_and_says_how_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "schema_text", lambda: _fail(RuntimeError("two\nlines")))
    assert main(["schema"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "airbed: internal error: RuntimeError: two lines"
    assert "--debug" in said[1]
    with pytest.raises(RuntimeError):
        main(["schema", "--debug"])


def airbed(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "scenarios.engine.commands.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_process_ends_with_the_code_and_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    ended = airbed("check", str(tmp_path / "a.yaml"))
    assert ended.returncode == 4
    assert "error[not-text]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("format: 2\n")
    name = str(tmp_path / "a.yaml")
    assert "\x1b[" not in airbed("check", name).stderr
    assert "\x1b[" in airbed("check", name, FORCE_COLOR="1", TERM="xterm").stderr
    assert "\x1b[3" not in airbed("check", name, FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").stderr


def test_a_terminal_without_unicode_still_gets_the_message(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("format: 1\nnäme: 日本\n", encoding="utf-8")
    ended = airbed("check", str(tmp_path / "a.yaml"), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ended.returncode == 4
    assert "error[unknown-key]: there is no key 'n\\xe4me'" in ended.stderr
