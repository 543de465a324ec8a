"""What the machine does to a command ends in exit code 4, never in the one for bugs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main

ROOT = Path(__file__).parents[4]
AIRBED = "import sys; from scenarios.engine.commands.cli import main; sys.exit(main())"
SMALL = """\
format: 1
name: Small
world: { gateway: { kind: airnotifier }, site: { kind: moodle } }
flow: [{ do: wait, with: { for: 1s } }]
"""


def airbed(
    here: Path, redirection: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell, so that its streams can be anything."""
    path = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-c", AIRBED, *arguments],
        cwd=here,
        env=path | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(SMALL)
    return tmp_path


@pytest.mark.parametrize("command", ["--help", "schema", "run -q a.yaml"])
@pytest.mark.parametrize(("redirection", "code"), [(">/dev/full", 4), ("<&- >&- 2>&-", 0)])
def test_output_that_goes_nowhere(here: Path, command: str, redirection: str, code: int) -> None:
    done = airbed(here, redirection, *command.split())
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if code:
        assert "standard output" in done.stderr
        assert "No space left on device" in done.stderr


@pytest.mark.parametrize("command", ["--help", "run -q a.yaml"])
def test_a_reader_that_has_gone_is_no_failure(here: Path, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", AIRBED, *command.split()],
        cwd=here,
        env={"PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_directory_that_is_gone(here: Path) -> None:
    (here / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && {sys.executable} -c '{AIRBED}' list"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=here,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert done.stderr == (
        "airbed: the current directory does not exist any more: change to another one\n"
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "COLUMNS": "1", "PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "many", "LINES": "-1", "TERM": "nothing-known", "AIRBED_GATEWAY_APP_KEY": ""},
    ],
)
def test_an_odd_environment(here: Path, environment: dict[str, str]) -> None:
    done = airbed(here, "", "run", "-q", "a.yaml", **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_argument_that_is_no_text(here: Path) -> None:
    with pytest.raises(SystemExit) as asked:
        main(["check", "\udcff.yaml"])
    assert asked.value.code == 4


def test_a_file_whose_name_is_no_text(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "\udcff.yaml").write_text(SMALL)
    assert main(["check", str(here)]) == 4
    assert "the file's name is not text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "run", "list"])
def test_a_named_pipe_is_not_waited_for(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    os.mkfifo(here / "pipe.yaml")
    (here / "loop").symlink_to("loop")
    for name in ("pipe.yaml", "/dev/zero", "loop", "loop/a.yaml"):
        if command == "list":
            assert main(["list", str(here / name)]) == 4
        else:
            assert main([command, str(here / name)]) == 4
        assert "error[no-file]" in capsys.readouterr().err


def test_a_record_of_a_long_name_is_made(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    (here / f"{'a' * 250}.yaml").write_text(SMALL)
    assert main(["run", "-q", f"{'a' * 250}.yaml"]) == 0
    assert capsys.readouterr().err == ""
    assert any(path.is_dir() for path in (here / "runs").iterdir())


@pytest.mark.parametrize("runs", ["/dev/full", "file", "file/x", "/proc/x", "a" * 300])
def test_records_that_cannot_be_made_are_bad_usage(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runs: str
) -> None:
    monkeypatch.chdir(here)
    (here / "file").touch()
    assert main(["run", "a.yaml", "--runs", runs]) == 4
    assert "no records can be written to" in capsys.readouterr().err
