"""A sweep runs every cell with every seed, and sorts the outcomes."""

import csv
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.format.loader import load
from scenarios.engine.running.sweep import (
    Causes,
    Job,
    Manner,
    Outcome,
    count_of,
    jobs_of,
    longest_first,
    run_job,
)
from scenarios.engine.shipped import SHIPPED

ROOT = SHIPPED.parent
SCENARIO = """\
format: 1
name: Sometimes it fails
matrix: { wish: [0, 1, 2] }
world: { gateway: { kind: airnotifier }, site: { kind: moodle } }
flow: [{ do: wait, with: { for: 1s } }]
expect:
  checks:
    - { that: fates.created == $matrix.wish, when: $matrix.wish < 2 }
"""
GOOD = SCENARIO.replace("[0, 1, 2]", "[0, 2]")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with two scenarios: one passes, the other fails in one cell of three."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.yaml").write_text(SCENARIO)
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def table(directory: Path) -> list[dict[str, str]]:
    with (directory / "sweep.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))


def summary(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "sweep.json").read_text())
    return content


def test_every_cell_is_run_with_every_seed_and_only_failures_leave_a_record(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "some.yaml", "--seeds", "4..5", "--jobs", "1"]) == 1
    directory = here / "runs/sweep-some-4-5"
    rows = table(directory)
    assert [(row["cell"], row["seed"]) for row in rows] == [
        (f"wish={wish}", str(seed)) for seed in range(4, 6) for wish in range(3)
    ]
    assert [row["verdict"] for row in rows] == ["passed", "failed", "passed"] * 2
    records = sorted(path.name[:8] for path in directory.iterdir() if path.is_dir())
    assert records == [f"some-1-{seed}" for seed in range(4, 6)]
    out = capsys.readouterr().out
    assert out.startswith("3 cells x 2 seeds: 6 runs, 1 at a time\n")
    assert "2 x failed" in out
    assert "4 x passed" in out
    assert "some.yaml:8:15: error[check]: check failed: fates.created == $matrix.wish" in out
    assert "6 runs: 4 passed, 2 failed" in out
    assert re.search(r"\n[\d.]+ s with 1 job, [\d.]+ CPU seconds; [\d.]+ runs per second of", out)
    assert out.splitlines()[-1].startswith(
        "try next      airbed replay runs/sweep-some-4-5/some-1-4-"
    )


def test_a_sweep_says_how_far_it_is_where_there_is_no_terminal(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["sweep", "some.yaml", "--seeds", "1..7", "--jobs", "1"])
    told = [line for line in capsys.readouterr().err.splitlines() if " of 21 runs: " in line]
    assert len(told) == 10
    assert told[0] == "2 of 21 runs: 1 passed, 1 failed"


@pytest.mark.parametrize(("file", "runs"), [("some.yaml", 3), ("good.yaml", 2)])
def test_no_two_blank_lines_of_a_sweep_follow_each_other(
    here: Path, monkeypatch: pytest.MonkeyPatch, file: str, runs: int
) -> None:
    said = io.StringIO()
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, said)
    main(["sweep", file, "--seeds", "1..1", "--jobs", "1"])
    assert f"{runs} of {runs} runs" in said.getvalue()
    assert "\n\n\n" not in said.getvalue()


def test_after_a_sweep_that_passed_one_of_its_runs_can_be_looked_at(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "good.yaml", "--seeds", "1..2", "--jobs", "1"]) == 0
    next_line = capsys.readouterr().out.splitlines()[-1]
    assert next_line == "try next      airbed run good.yaml --seed 1 --cell wish=0"


def test_the_command_of_a_failure_repeats_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "some.yaml", "--seeds", "1..1", "--jobs", "1"]) == 1
    [cause] = [c for c in summary(here / "runs/sweep-some-1-1")["causes"] if c["code"]]
    [example] = cause["examples"]
    program, *arguments = example["command"].split()
    assert (program, arguments[0]) == ("airbed", "replay")
    assert main(arguments) == 0
    assert "repeated: the events and the wire digest are the recorded ones" in (
        capsys.readouterr().out
    )


def test_the_summary_is_written_down(here: Path) -> None:
    assert main(["sweep", "some.yaml", "--seeds", "1..2", "--jobs", "1"]) == 1
    content = summary(here / "runs/sweep-some-1-2")
    assert content["runs"] == content["planned"] == 6
    assert content["verdicts"] == {"passed": 4, "failed": 2}
    assert not content["interrupted"]
    causes = [(c["verdict"], c["code"], c["place"], c["count"]) for c in content["causes"]]
    assert causes == [("failed", "check", "8:15", 2), ("passed", "", "", 4)]


def test_all_records_can_be_kept(here: Path) -> None:
    assert main(["sweep", "good.yaml", "--seeds", "1..2", "--jobs", "1", "--keep", "all"]) == 0
    directory = here / "runs/sweep-good-1-2"
    assert len([path for path in directory.iterdir() if path.is_dir()]) == 4
    assert all(row["command"].startswith("airbed replay ") for row in table(directory))


def test_processes_in_parallel_come_to_the_same_outcomes(here: Path) -> None:
    def outcomes(jobs: str) -> list[tuple[str, ...]]:
        assert main(["sweep", "good.yaml", "--seeds", "1..2", "--jobs", jobs]) == 0
        rows = table(here / "runs/sweep-good-1-2")
        return [(row["cell"], row["seed"], row["wire_digest"]) for row in rows]

    assert outcomes("2") == outcomes("1")


def test_several_files_are_swept_together(here: Path) -> None:
    assert main(["sweep", "good.yaml", "some.yaml", "--seeds", "3..3", "--jobs", "1"]) == 1
    rows = table(here / "runs/sweep-scenarios-3-3")
    assert [row["file"] for row in rows] == ["good.yaml"] * 2 + ["some.yaml"] * 3


@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg), (signal.SIGTERM, os.kill)],
    ids=["ctrl_c", "terminated_with_workers", "terminated"],
)
def test_an_interrupt_gives_the_summary_so_far(
    here: Path, number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    temporary = here / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "scenarios.engine.commands.cli", "sweep", "some.yaml"]
    with subprocess.Popen(
        [*command, "--seeds", "1..100000", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        start_new_session=True,
    ) as sweep:
        assert sweep.stderr is not None
        assert sweep.stdout is not None
        assert "error[check]" in sweep.stderr.readline()  # told as soon as it is known
        send(sweep.pid, number)
        out, complaints = sweep.communicate(timeout=60)
        assert "Traceback" not in complaints
    assert sweep.returncode == 2
    assert "interrupted; " in out
    directory = here / "runs/sweep-some-1-100000"
    content = summary(directory)
    assert content["interrupted"]
    assert 0 < content["runs"] == len(table(directory)) < content["planned"]
    assert not list(directory.glob(".*")), "nothing unfinished is left"
    assert not list(temporary.glob("airbed-*"))


def test_a_mistake_of_airbed_in_a_run_is_an_outcome_of_its_own(here: Path) -> None:
    (here / "runs").write_text("no directory")
    file = load(here / "some.yaml")
    outcome = run_job(Job(file, 0, 1), here / "runs", Manner())
    assert (outcome.verdict, outcome.code) == ("error", "NotADirectoryError")
    assert outcome.command.endswith("some.yaml --seed 1 --cell wish=0")


def outcome_of(verdict: Any, **changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "file": "a.yaml", "cell": "", "seed": 1, "verdict": verdict, "code": "", "place": "",
        "message": "", "fates": "created=1", "wire_digest": "", "virtual_seconds": 1.0,
        "cpu_seconds": 0.5, "command": "", "record": "",
    }  # fmt: skip
    return Outcome(**(fields | changes))


def test_outcomes_are_sorted_by_verdict_failure_and_fates_and_not_by_wording() -> None:
    causes = Causes()
    for seed in range(30):
        causes.add(outcome_of("passed", seed=seed))
    causes.add(outcome_of("failed", code="fate", place="3:1", message="2 of 3"))
    causes.add(outcome_of("failed", code="fate", place="3:1", message="1 of 3"))
    causes.add(outcome_of("failed", code="fate", place="3:1", fates="created=1 lost=1"))
    assert [(c.first.verdict, c.count) for c in causes.ranked()] == [
        ("failed", 2), ("failed", 1), ("passed", 30),
    ]  # fmt: skip
    assert causes.runs == 33
    assert len(causes.ranked()[-1].examples) == 10, "memory does not grow with the runs"


def test_every_cell_is_seen_before_the_second_seed(here: Path) -> None:
    file = load(here / "some.yaml")
    order = [(job.seed, job.cell) for job in jobs_of([file], range(1, 3))]
    assert order == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


def test_no_seed_is_looked_at_before_its_turn(here: Path) -> None:
    files = [load(here / "some.yaml"), load(here / "good.yaml")]
    endless = range(1, 10**18)
    assert count_of(files, endless) == 5 * len(endless)
    for jobs in (jobs_of(files, endless), longest_first(files, endless)):
        first = itertools.islice(jobs, 6)
        assert [(job.seed, job.cell) for job in first] == [
            (1, 0), (1, 1), (1, 2), (1, 0), (1, 1), (2, 0),
        ]  # fmt: skip


def test_more_runs_than_anyone_waits_for_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "good.yaml", "--seeds", "1..99999999999"]) == 4
    said = "these are 199,999,999,998 runs; one sweep does at most 10,000,000: ask for fewer"
    assert said in capsys.readouterr().err
    assert list((here / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("5", "'5' is no range of seeds: write 1..1000"),
        ("1-5", "'1-5' is no range of seeds: write 1..1000"),
        ("5..1", "'5..1' ends before it begins: write 1..5"),
        ("a..b", "'a' is not a seed: write a whole number from 0"),
        ("1..2..3", "'2..3' is not a seed: write a whole number from 0"),
        ("..5", "'' is not a seed: write a whole number from 0"),
        ("1..", "'' is not a seed: write a whole number from 0"),
    ],
)
def test_a_malformed_range_of_seeds_is_code_4(
    here: Path, capsys: pytest.CaptureFixture[str], seeds: str, said: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["sweep", "some.yaml", "--seeds", seeds])
    assert caught.value.code == 4
    assert capsys.readouterr().err.splitlines()[0] == f"airbed: argument --seeds: {said}"


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5", "99999"])
def test_a_number_of_jobs_is_one(here: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["sweep", "some.yaml", "--seeds", "1..2", f"--jobs={jobs}"])
    assert caught.value.code == 4
    assert f"'{jobs}' is no number of jobs: write 1 to 1024" in capsys.readouterr().err


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_backend_that_is_not_installed_is_code_4_and_says_what_to_install(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    package: str,
) -> None:
    for name in ("dask", package):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["sweep", "some.yaml", "--seeds", "1..2", "--backend", backend]) == 4
    assert f"pip install 'airbed[{backend}]'" in capsys.readouterr().err
    assert not list((here / "runs").iterdir())


def test_an_invalid_file_is_not_swept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.yaml").write_text("format: 2\n")
    assert main(["sweep", "bad.yaml", "--seeds", "1..2"]) == 4
    assert capsys.readouterr().err.endswith("nothing was run\n")
    assert not (here / "runs").exists()


def test_without_seeds_each_file_has_its_own(here: Path) -> None:
    (here / "good.yaml").write_text(GOOD + "seeds: { from: 5, count: 2 }\n")
    assert main(["sweep", "good.yaml", "some.yaml", "--jobs", "1"]) == 1
    directory = here / "runs/sweep-scenarios"
    assert [(row["file"], row["cell"], row["seed"]) for row in table(directory)] == [
        ("good.yaml", "wish=0", "5"),
        ("good.yaml", "wish=2", "5"),
        ("some.yaml", "wish=0", "1"),
        ("some.yaml", "wish=1", "1"),
        ("some.yaml", "wish=2", "1"),
        ("good.yaml", "wish=0", "6"),
        ("good.yaml", "wish=2", "6"),
    ]
    assert summary(directory)["seeds"] is None


@pytest.mark.live
def test_a_live_sweep_runs_side_by_side_and_says_how_to_repeat_what_failed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "some.yaml").write_text(SCENARIO.replace("[0, 1, 2]", "[1, 2]"))
    (here / "long.yaml").write_text(SCENARIO.replace("[0, 1, 2]", "[2]").replace("1s", "1h"))
    command = [
        "sweep",
        "--live",
        "some.yaml",
        "long.yaml",
        "--jobs",
        "2",
        "--longest-wait",
        "100ms",
        "--keys",
        "ecdsa",
        "--old-clients",
    ]
    assert main(command) == 1
    directory = here / "runs/sweep-scenarios-live"
    rows = table(directory)
    assert sorted((row["file"], row["cell"], row["verdict"]) for row in rows) == [
        ("long.yaml", "wish=2", "passed"),
        ("some.yaml", "wish=1", "failed"),
        ("some.yaml", "wish=2", "passed"),
    ]
    [failed] = [row for row in rows if row["verdict"] == "failed"]
    asked = "--live --longest-wait 0.1s --keys ecdsa --old-clients"
    again = f"airbed run {asked} some.yaml --seed 1 --cell wish=1"
    assert failed["command"] == again
    made = json.loads((here / failed["record"] / "summary.json").read_text())
    assert (made["mode"], made["verdict"]) == ("live", "failed")
    out = capsys.readouterr().out
    assert f"         {again}\n         {failed['record']}\n" in out
    assert "3 runs: 2 passed, 1 failed" in out
    assert not list(directory.glob(".*"))


def test_a_live_sweep_begins_with_what_waits_longest(here: Path) -> None:
    (here / "long.yaml").write_text(GOOD.replace("for: 1s", "for: 1h"))
    files = [load(here / "some.yaml"), load(here / "long.yaml")]
    order = [job.file.path.name for job in longest_first(files, None)]
    assert order == ["long.yaml"] * 2 + ["some.yaml"] * 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--longest-wait", "5s"], "--longest-wait is for live runs: add --live"),
        (["--keys", "rsa"], "--keys is for live runs: add --live"),
        (["--old-clients"], "--old-clients is for live runs: add --live"),
        (
            ["--live", "--old-clients", "--keys", "ed25519"],
            "TLS 1.0 and 1.1 have no Ed25519: old clients need RSA or ECDSA keys",
        ),
        (["--live", "--backend", "dask"], "live runs are on this machine: not with --backend"),
    ],
)
def test_a_live_sweep_that_is_not_possible_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["sweep", "good.yaml", *arguments]) == 4
    assert said in capsys.readouterr().err
    assert list((here / "runs").iterdir()) == []
