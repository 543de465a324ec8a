"""What a run prints when nobody sits at a terminal: plain lines, in order, and all of it."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from scenarios.engine.commands.cli import main
from scenarios.engine.commands.console import MANY, RunConsole
from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.shipped import SHIPPED

FILE = SHIPPED / "security" / "register_with_site_key.yaml"

Printed = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Runs a scenario and gives the exit code and the lines it printed."""

    def run(path: Path = FILE, *options: str) -> tuple[int, list[str]]:
        code = main(["run", str(path), "--seed", "5", "--runs", str(tmp_path / "runs"), *options])
        return code, capsys.readouterr().out.splitlines()

    return run


def test_each_step_is_a_line_with_its_virtual_time(printed: Printed) -> None:
    code, lines = printed()
    assert code == 0
    steps = [line for line in lines if " s   " in line and "phone" in line]
    assert steps[0].split()[:5] == [steps[0].split()[0], "s", "1", "open_app", "phone"]
    assert any("3 register_gateway" in line and "status=403" in line for line in steps)


def test_a_run_ends_with_fates_verdict_digest_record_and_how_to_run_it_again(
    printed: Printed,
) -> None:
    _, lines = printed()
    heads = [line.split("  ")[0] for line in lines]
    for head in ("fates", "invariants", "verdict", "wire digest", "record", "run again"):
        assert head in heads
    short = "scenarios/security/register_with_site_key.yaml"
    assert f"run again     airbed run {short} --seed 5 --cell platform=ios" in lines
    assert "look at" in heads


def test_nothing_is_coloured_or_cut_where_there_is_no_terminal(printed: Printed) -> None:
    _, lines = printed()
    assert not any("\x1b" in line for line in lines)
    digests = [line.split()[-1] for line in lines if line.startswith("wire digest")]
    assert all(len(digest) == 64 for digest in digests)


def test_quiet_runs_are_one_line_each(printed: Printed) -> None:
    _, lines = printed(FILE, "-q")
    assert [line.split()[1] for line in lines if line.startswith("[")] == ["passed", "passed"]
    assert lines[0].startswith("[1/2] passed")
    assert not any("open_app" in line for line in lines)


def test_verbose_runs_show_what_servers_and_phones_did_in_the_order_of_time(
    printed: Printed,
) -> None:
    _, lines = printed(FILE, "-v")
    start = next(number for number, line in enumerate(lines) if "1 open_app" in line)
    end = next(number for number, line in enumerate(lines) if "receive_nothing" in line)
    times = [float(line.split()[0]) for line in lines[start:end]]
    assert times == sorted(times)
    assert any("gateway" in line and "request.refused" in line for line in lines)


def test_a_failed_run_sets_the_exit_code_and_is_named_in_the_summary(
    printed: Printed, tmp_path: Path
) -> None:
    path = tmp_path / "failing.yaml"
    text = FILE.read_text(encoding="utf-8").replace("refused: true", "status: 200")
    path.write_text(text, encoding="utf-8")
    code, lines = printed(path)
    assert code == 1
    assert any(f"{path}:" in line and "status is 403, expected 200" in line for line in lines)
    assert any(line.startswith("0 passed, 2 failed") for line in lines)


def test_a_failed_run_names_its_cause_at_the_verdict_and_again_at_the_end(
    printed: Printed, tmp_path: Path
) -> None:
    path = tmp_path / "failing.yaml"
    text = FILE.read_text(encoding="utf-8").replace("refused: true", "status: 200")
    path.write_text(text, encoding="utf-8")
    _, lines = printed(path)
    cause = (
        f"{path}:21:86: step 3 register_gateway: status is 403, expected 200; the gateway refused"
        " the token: POST /tokens answered 403: No permission to create token"
    )
    verdict = next(place for place, line in enumerate(lines) if line.startswith("verdict"))
    assert lines[verdict + 1] == f"cause         {cause}"
    assert lines[-5] == f"first cause   {cause}"
    assert lines[-3].startswith("look inside   airbed replay ")


def test_a_line_of_many_runs_counts_them() -> None:
    file = load(FILE)
    result = RunResult(file, file.cells[0], 7, fates={"created": 2, "delivered": 2, "lost": 0})
    output = io.StringIO()
    console = RunConsole(Console(file=output), total=MANY + 1, brief=True, verbose=False)
    console.run_started(result)
    console.run_finished(result)
    line = output.getvalue()
    assert line.startswith("[ 1/13] passed")
    assert "seed 7  created=2 delivered=2" in line


def test_of_many_runs_those_that_failed_say_what_the_external_gateway_ran_into() -> None:
    file, told = load(FILE), "token 0123456789ab rejected"
    passed = RunResult(file, file.cells[0], 7, external_gateway=[told])
    failed = RunResult(file, file.cells[0], 8, external_gateway=[told])
    failed.fail(Text("error[fate]: lost: 1 of 2, expected 0"))
    for result, lines in ((passed, []), (failed, [f"gateway       {told}"])):
        output = io.StringIO()
        console = RunConsole(Console(file=output), total=2, brief=True, verbose=False)
        console.run_finished(result)
        assert [x for x in output.getvalue().splitlines() if "token" in x] == lines


def test_an_interrupted_run_is_neither_passed_nor_forgotten(tmp_path: Path) -> None:
    file = load(FILE)
    passed = RunResult(file, file.cells[0], 7)
    half = RunResult(file, file.cells[0], 8, verdict="interrupted")
    for results in ([passed, half], [passed]):  # it may have left no result
        output = io.StringIO()
        console = RunConsole(Console(file=output), total=5, brief=True, verbose=False)
        console.summary(results, tmp_path / "junit.xml", [], interrupted=True)
        assert "1 passed, 0 failed, 1 interrupted, 3 not run  in 0.0 s" in output.getvalue()


def test_a_reader_that_has_gone_ends_the_run_at_its_next_step() -> None:
    class Gone(Console):
        def print(self, *_objects: object, **_options: object) -> None:
            raise BrokenPipeError

    console = RunConsole(Gone(), total=1, brief=False, verbose=True)
    console.show_event({"t": 0, "host": "site", "kind": "login.succeeded"})
    with pytest.raises(BrokenPipeError):
        console.step_started(None)  # type: ignore[arg-type]
