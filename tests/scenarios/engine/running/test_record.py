"""Records of runs that share a directory, a name, or do not come to an end."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.format.loader import load
from scenarios.engine.format.models import Scenario
from scenarios.engine.running.record import RecordWriter, checkout_state
from scenarios.engine.running.results import RunResult
from scenarios.engine.running.runner import Runner
from scenarios.engine.world.stage import Stage

SCENARIO = """\
format: 1
name: Nothing happens
world: { gateway: { kind: airnotifier }, site: { kind: moodle } }
flow: [{ do: wait, with: { for: 1s } }]
"""

Write = Callable[[str], Path]


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: RunResult) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: RunResult) -> None: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(more: str = "") -> Path:
        path = tmp_path / "quiet.yaml"
        path.write_text(SCENARIO + more)
        return path

    return write


def names(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir())


def test_two_runs_of_one_scenario_at_once_leave_each_other_alone(
    tmp_path: Path, write: Write
) -> None:
    file, runs = load(write("")), tmp_path / "runs"

    class Meanwhile(Silent):
        """Runs the same scenario with the same seed while it runs."""

        def step_started(self, step: Any) -> None:
            started.append(RecordWriter(runs, "quiet", 1))

    started: list[RecordWriter] = []
    first = Runner(runs, Meanwhile()).run(file, file.cells[0], 1)
    assert started[0].state.is_dir(), "the other run goes on"
    started[0].discard()
    second = Runner(runs, Silent()).run(file, file.cells[0], 1)

    assert first.verdict == second.verdict == "passed"
    assert first.record == second.record
    assert names(runs) == [str(first.record and first.record.name)]
    assert len(list((runs / names(runs)[0]).iterdir())) == 8


def test_a_run_that_ends_in_an_error_leaves_nothing_behind(tmp_path: Path, write: Write) -> None:
    file, runs = load(write("")), tmp_path / "runs"

    def no_world(scenario: Scenario, seed: int, state: Path, wants_connections: bool) -> Stage:
        assert state.is_dir()
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        Runner(runs, Silent(), stages=no_world).run(file, file.cells[0], 1)
    assert names(runs) == []


def test_cells_that_sound_alike_have_records_of_their_own(tmp_path: Path, write: Write) -> None:
    file = load(write("matrix: { word: [a b, a_b, A_B, other] }\n"))
    runner = Runner(tmp_path / "runs", Silent())
    records = [runner.run(file, cell, 1).record for cell in file.cells]
    stems = [record.name.rpartition("-1-")[0] for record in records if record is not None]
    assert stems == ["quiet-a_b-cell1", "quiet-a_b-cell2", "quiet-A_B-cell3", "quiet-other"]


def test_another_scenario_of_the_same_name_does_not_take_a_records_place(tmp_path: Path) -> None:
    texts = {"one": SCENARIO, "other": SCENARIO + "tags: [other]\n"}
    records = []
    for directory, text in texts.items():
        (tmp_path / directory).mkdir()
        path = tmp_path / directory / "quiet.yaml"
        path.write_text(text)
        for _ in range(2):
            file = load(path)
            result = Runner(tmp_path / "runs", Silent()).run(file, file.cells[0], 1)
            assert result.record is not None
            records.append(result.record.name)
    first, again, other, other_again = records
    assert first == again
    assert other == other_again
    assert other.startswith(f"{first}-")


def test_a_file_that_was_edited_replaces_its_own_record(tmp_path: Path, write: Write) -> None:
    for tag in ("a", "b"):
        file = load(write(f"tags: [{tag}]\n"))
        Runner(tmp_path / "runs", Silent()).run(file, file.cells[0], 1)
    assert len(names(tmp_path / "runs")) == 1


def test_the_command_of_a_run_repeats_just_this_cell(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = load(write("matrix: { word: [a b, $HOME], n: [1, 2] }\n"))
    result = RunResult(file, file.cells[3], 5)
    program, *arguments = shlex.split(result.command)
    monkeypatch.chdir(tmp_path)
    assert program == "airbed"
    assert main([*arguments, "-q"]) == 0
    assert [name.rpartition("-")[0] for name in names(tmp_path / "runs")[1:]] == ["quiet-_HOME-2-5"]


def test_some_values_choose_all_cells_with_them(tmp_path: Path, write: Write) -> None:
    path, runs = write("matrix: { word: [a, b], n: [1, 2] }\n"), tmp_path / "runs"
    assert main(["run", "-q", str(path), "--cell", "n=2", "--runs", str(runs)]) == 0
    stems = [name.rpartition("-1-")[0] for name in names(runs)[1:]]
    assert stems == ["quiet-a-2", "quiet-b-2"]
    assert main(["run", "-q", str(path), "--cell", "word=b,n=1", "--runs", str(runs)]) == 0
    assert len(names(runs)) == 4, "three records and the file for build servers"


def test_a_cell_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = write("matrix: { n: [1, 2] }\n"), tmp_path / "runs"
    assert main(["run", str(path), "--cell", "n=3", "--runs", str(runs)]) == 5
    assert capsys.readouterr().err == (
        "airbed: no cell has n=3; possible are 1, 2\n  cells there are:\n  n=1\n  n=2\n"
    )
    assert main(["run", str(path), "--cell", "m=1", "--runs", str(runs)]) == 5
    assert capsys.readouterr().err.startswith(
        "airbed: there is no m in the matrix; only 'n' is possible here\n"
    )


def test_values_that_no_cell_has_together_are_told(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = write("matrix: { n: [1, 2] }\n"), tmp_path / "runs"
    assert main(["run", str(path), "--cell", "n=1,n=2", "--runs", str(runs)]) == 5
    assert capsys.readouterr().err.startswith("airbed: no cell has all of n=1,n=2\n")


def test_a_file_without_a_matrix_has_no_cells_to_choose(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = write(""), tmp_path / "runs"
    assert main(["run", str(path), "--cell", "n=1", "--runs", str(runs)]) == 5
    assert capsys.readouterr().err == (
        f"airbed: {path} has no matrix, and so no cells; leave out --cell n=1\n"
    )


def test_a_seed_that_is_too_large_is_told_the_limit(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", str(write("")), "--seed", "9" * 19])
    assert ended.value.code == 4
    assert "this seed is too large: the largest is 999999999999999999" in capsys.readouterr().err


def test_a_directory_that_cannot_be_written_to_is_bad_usage(
    tmp_path: Path, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    runs = tmp_path / "file" / "runs"
    assert main(["run", str(write("")), "--runs", str(runs)]) == 4
    assert capsys.readouterr().err == (
        f"airbed: no records can be written to {runs}: Not a directory\n"
    )


def test_a_checkout_is_changed_by_changes_of_its_own_files_only(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    def dirty() -> bool:
        state = checkout_state(tmp_path)
        assert state is not None
        return bool(state["dirty"])

    git("init", "-q")
    (tmp_path / "code.py").write_text("1")
    git("add", "code.py")
    git("commit", "-q", "-m", "first")
    (tmp_path / "own.yaml").write_text("format: 1")
    assert not dirty()
    (tmp_path / "code.py").write_text("2")
    assert dirty()
