"""What a killed process leaves in the directory of records is taken away, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from scenarios.engine.running.record import RecordWriter
from scenarios.engine.running.unfinished import hidden, remove_abandoned

MAKE_ONE = """\
import os, signal, sys
from pathlib import Path
from scenarios.engine.running.record import RecordWriter
RecordWriter(Path(sys.argv[1]), "killed", 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def made_long_ago(directory: Path) -> Path:
    os.utime(directory, (0, 0))
    return directory


def test_the_directory_of_a_killed_process_is_taken_away(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", MAKE_ONE, str(tmp_path)], check=False)
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".killed-1.")
    remove_abandoned(tmp_path)
    assert left.exists(), "it may just be being made"
    made_long_ago(left)
    remove_abandoned(tmp_path)
    assert not left.exists()


def test_a_run_that_goes_on_keeps_its_directory(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path, "running", 1)
    made_long_ago(writer.path)
    remove_abandoned(tmp_path)
    assert writer.state.is_dir()
    writer.discard()


def test_what_has_another_name_stays(tmp_path: Path) -> None:
    names = [".git", "ten_steps-1-034b2482", ".hidden.not-hexadecimal", "fidelity"]
    for name in names:
        (tmp_path / name).mkdir()
        made_long_ago(tmp_path / name)
    file = tmp_path / hidden("file")
    file.touch()
    made_long_ago(file)
    remove_abandoned(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, file.name])
