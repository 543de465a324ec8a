"""A recorded run repeats to the event, stops where it is told to, and says why when it cannot."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main

SCENARIO = """\
format: 1
name: A message goes its way
matrix: { platform: [ios, android] }
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle, users: { ana: teacher, ben: student } }
devices:
  phone: { platform: $matrix.platform, owner: ben, state: enabled }
flow:
  - { do: set_app_state, by: phone, with: { state: closed } }
  - { do: message, by: ana, with: { to: ben, text: Lab at nine } , save: { msg: $result.id } }
  - { do: receive, by: phone, within: 10s }
expect:
  checks: [{ that: fates.delivered == 1, when: $matrix.platform == ios }]
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the iOS cell."""
    here = tmp_path_factory.mktemp("replay")
    (here / "way.yaml").write_text(SCENARIO)
    assert main(["run", str(here / "way.yaml"), "--runs", str(here / "runs"), "--seed", "5"]) == 0
    [record] = (here / "runs").glob("way-ios-5-*")
    return record


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the record with changes to its manifest."""

    def copy(**changes: Any) -> Path:
        shutil.copytree(recorded, tmp_path / "copy")
        manifest = json.loads((recorded / "manifest.json").read_text())
        (tmp_path / "copy/manifest.json").write_text(json.dumps(manifest | changes))
        return tmp_path / "copy"

    return copy


def rewrite(record: Path, name: str, content: str) -> None:
    """Another content for a file of a record, as if it had been recorded."""
    (record / name).write_text(content)
    manifest = json.loads((record / "manifest.json").read_text())
    manifest["sha256"][name] = hashlib.sha256(content.encode()).hexdigest()
    (record / "manifest.json").write_text(json.dumps(manifest))


def section(out: str, title: str) -> list[str]:
    """The lines of a section of the state."""
    lines = out.splitlines()
    start = lines.index(title) + 1
    return [line.strip() for line in lines[start : lines.index("", start)]]


def test_a_run_repeats_from_its_record_alone(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = copy()
    monkeypatch.chdir(record.parent)
    assert main(["replay", "copy"]) == 0
    shown = capsys.readouterr()
    assert "copy/scenario.yaml  platform=ios  seed 5" in shown.out
    assert "repeated: the events and the wire digest are the recorded ones" in shown.out
    assert shown.err == ""
    assert [path.name for path in record.parent.iterdir()] == ["copy"], "nothing is left behind"


def test_it_stops_at_the_first_event_of_which_the_condition_is_true(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    condition = "kind == push.dispatched and host == gateway"
    assert main(["replay", str(recorded), "--break", condition]) == 0
    out = capsys.readouterr().out
    assert section(out, "gateway") == [
        "in the outbox for apns: 1, of which 1 written to it and kept until sure to have arrived"
    ]
    assert "push.dispatched" in section(out, "last events")[-1]
    assert section(out, "phones") == [
        "phone          ios      app closed               connected to its push service;"
        " no notification came"
    ]
    assert "so far the events are the recorded ones" in out


def test_it_stops_at_a_virtual_time(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recorded), "--until", "2s"]) == 0
    out = capsys.readouterr().out
    assert "stopped at 2.000000 s of virtual time" in out
    times = [float(line.split()[0]) for line in section(out, "last events")]
    assert times == sorted(times)
    assert times[-1] <= 2


def test_what_comes_first_stops_it(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moment = ["--until", "1h", "--break", "kind == message.created"]
    assert main(["replay", str(recorded), *moment]) == 0
    assert "message.created" in section(capsys.readouterr().out, "last events")[-1]


def test_the_state_can_be_asked_before_anything_is_deployed(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recorded), "--until", "0s"]) == 0
    assert "after event 0" in capsys.readouterr().out


def test_the_state_shows_no_secrets(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recorded), "--break", "kind == phone.displayed"]) == 0
    out = capsys.readouterr().out
    assert "Lab at nine" not in out
    assert section(out, "variables") == ["$msg = 1"]
    assert "1 in the tray (" in out


def test_a_moment_before_the_flow_is_said_to_be_so(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recorded), "--until", "1ms"]) == 0
    assert "after event 0\nat 1ms there is no flow yet: it begins here\n" in capsys.readouterr().out


def test_a_scenario_file_is_told_from_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("format: 1")
    assert main(["replay", str(file)]) == 4
    said = capsys.readouterr().err
    assert f"{file} is a scenario file, and only a run can be repeated" in said
    assert f"This runs it: airbed run {file}" in said


def test_a_run_that_ends_before_is_code_1(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recorded), "--until", "3h"]) == 1
    assert "the run ended before 3h of virtual time" in capsys.readouterr().out


def test_a_condition_that_is_never_true_is_code_1_and_nothing_is_run(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recorded), "--break", "kind == vendor.rejected"]) == 1
    shown = capsys.readouterr()
    first, second, *rest = shown.err.splitlines()
    assert first == "airbed: no event in this run matches kind == vendor.rejected"
    assert second.startswith("  its kinds of events: app.")
    assert "vendor.accepted, vendor.acked" in second
    assert not rest
    assert shown.out == ""


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            "knd == x",
            "--break:1:1: error[bad-condition]: no event of this run has a field 'knd'\n"
            "    1 | knd == x\n      | ^^^\n       help: did you mean 'kind'?\n",
        ),
        ("kind = x", "    1 | kind = x\n      |      ^\n       help: did you mean '=='?\n"),
        ("t > x", "'>' needs two numbers or two texts\n    1 | t > x\n      | ^^^^^\n"),
        ("kind", "a condition must be true or false\n    1 | kind\n      | ^^^^\n"),
    ],
)
def test_a_bad_condition_is_code_4_with_a_caret(
    recorded: Path, capsys: pytest.CaptureFixture[str], condition: str, said: str
) -> None:
    assert main(["replay", str(recorded), "--break", condition]) == 4
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["5", "-1s", "soon", "2 s"])
def test_a_moment_needs_a_unit(
    recorded: Path, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", str(recorded), f"--until={moment}"])
    assert caught.value.code == 4
    assert "argument --until: " in capsys.readouterr().err


def test_other_versions_of_packages_are_told_and_do_not_matter(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(copy(python="3.9.1", packages={"aiohttp": "3.11.0"}))]) == 0
    err = capsys.readouterr().err
    assert "airbed: recorded with Python 3.9.1, now 3." in err
    assert "airbed: recorded with aiohttp 3.11.0, now 3." in err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"airbed": "0.0.1"}, "was recorded by Airbed 0.0.1; this is"),
        ({"format": 99}, "has format 99; this version of Airbed reads format 1"),
        ({"mode": "live"}, "is the record of a live run; only simulated ones can be repeated"),
        ({"scenario_sha256": "0"}, "this Airbed understands the scenario differently"),
        ({"sha256": {}}, "manifest.json is damaged: it has no hash of scenario.yaml"),
        ({"packages": 5}, "manifest.json is damaged: packages is not what Airbed writes there"),
    ],
)
def test_a_record_that_cannot_be_repeated_is_code_4_and_says_why(
    copy: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    said: str,
) -> None:
    assert main(["replay", str(copy(**changes))]) == 4
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["scenario.yaml", "trace.jsonl", "summary.json"])
def test_a_record_that_was_changed_or_has_lost_a_file_is_code_4(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    record = copy()
    with (record / name).open("a") as file:
        file.write("\n")
    assert main(["replay", str(record)]) == 4
    assert f"{name} is not as it was recorded" in capsys.readouterr().err
    (record / name).unlink()
    assert main(["replay", str(record)]) == 4
    assert f"cannot read {record / name}: No such file" in capsys.readouterr().err


def test_a_run_that_does_not_repeat_is_code_1_with_the_first_event_that_differs(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    record = copy()
    trace = (record / "trace.jsonl").read_text()
    rewrite(record, "trace.jsonl", trace.replace('"app.state"', '"app.stolen"', 1))
    assert main(["replay", str(record)]) == 1
    out = capsys.readouterr().out
    assert "it does not repeat: - is recorded, + is now" in out
    assert any(line.split() == ["kind", "'app.stolen'", "'app.state'"] for line in out.splitlines())


def test_another_digest_with_the_same_events_is_code_1(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    record = copy()
    summary = json.loads((record / "summary.json").read_text())
    rewrite(record, "summary.json", json.dumps(summary | {"wire_digest": "00"}))
    assert main(["replay", str(record)]) == 1
    assert "but the wire digest is another" in capsys.readouterr().out


def test_an_interrupted_run_has_no_end_to_go_to(
    copy: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    record = copy()
    summary = json.loads((record / "summary.json").read_text())
    rewrite(record, "summary.json", json.dumps(summary | {"verdict": "interrupted"}))
    assert main(["replay", str(record)]) == 4
    assert "this run was interrupted and has no end" in capsys.readouterr().err
    assert main(["replay", str(record), "--until", "1s"]) == 0


def test_what_is_no_record_is_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "nowhere")]) == 4
    assert "there is no such record" in capsys.readouterr().err


def test_a_negative_moment_is_refused_for_being_negative(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(recorded), "--until", "-1s"])
    assert ended.value.code == 4
    assert "argument --until: the duration '-1s' is negative" in capsys.readouterr().err
