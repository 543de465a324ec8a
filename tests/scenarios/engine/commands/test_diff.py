"""`airbed diff`: what it prints of two records, and its exit code."""

import json
import shutil
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main

SCENARIO = """\
format: 1
name: A phone waits
world: { gateway: { kind: airnotifier }, site: { kind: moodle } }
flow: [{ do: wait, with: { for: 1s } }]
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same scenario with two seeds."""
    here = tmp_path_factory.mktemp("diff")
    (here / "waits.yaml").write_text(SCENARIO)
    for seed in ("1", "2"):
        name = str(here / "waits.yaml")
        assert main(["run", name, "--runs", str(here / "runs"), "-q", "--seed", seed]) == 0
    [one], [two] = (list((here / "runs").glob(f"waits-{seed}-*")) for seed in (1, 2))
    return one, two


def test_a_record_is_equal_to_itself(
    records: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(records[0], tmp_path / "copy")
    assert main(["diff", str(records[0]), str(tmp_path / "copy")]) == 0
    assert "the events are the same\nso is the outcome\n" in capsys.readouterr().out


def test_other_seeds_differ_from_the_first_event_on(
    records: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *map(str, records)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "event 1 is the first that differs" in lines
    assert [line[0] for line in lines if "n=1 do=wait" in line] == ["-", "+"]
    head = lines.index("not the same run: it is no surprise that these differ")
    assert lines[head + 1].split() == ["seed", "1", "2"]
    assert head < lines.index("event 1 is the first that differs")


def test_another_text_of_the_scenario_is_told_first(
    records: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "waits.yaml"
    path.write_text(SCENARIO + "description: other\n")
    assert main(["run", str(path), "--runs", str(tmp_path / "runs"), "-q"]) == 0
    [other] = (tmp_path / "runs").glob("waits-1-*")
    capsys.readouterr()
    assert main(["diff", str(records[0]), str(other)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "not the same run: it is no surprise that these differ"
    assert lines[4].split()[:2] == ["scenario", "file"]
    assert lines[-2:] == ["the events are the same", "so is the outcome"]


def test_an_outcome_alone_can_differ(
    records: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(records[0], tmp_path / "copy")
    file = tmp_path / "copy/summary.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"verdict": "failed"}))
    assert main(["diff", str(records[0]), str(tmp_path / "copy")]) == 1
    out = capsys.readouterr().out
    assert "the events are the same" in out
    assert "verdict  'passed'  'failed'" in out


def test_what_is_no_record_is_code_4_and_named(
    records: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(records[0]), str(tmp_path / "nowhere")]) == 4
    assert capsys.readouterr().err == (
        f"airbed: {tmp_path}/nowhere: there is no such record; a record is a directory\n"
    )
    assert main(["diff", str(tmp_path), str(records[0])]) == 4
    assert f"airbed: {tmp_path}: this is no record of a run" in capsys.readouterr().err


def test_a_record_of_another_format_is_code_4(
    records: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(records[0], tmp_path / "copy")
    file = tmp_path / "copy/manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 2}))
    assert main(["diff", str(records[0]), str(tmp_path / "copy")]) == 4
    assert "manifest.json has format 2; this version of Airbed reads format 1" in (
        capsys.readouterr().err
    )
