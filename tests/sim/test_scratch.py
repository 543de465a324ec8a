"""Directories of killed processes are cleared away; all others are left alone."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sim.scratch import Scratch, clear_away_leftovers

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left_behind(place: Path) -> Path:
    """A directory with a key in it whose process was killed."""
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(ROOT)!r})
        from sim.scratch import Scratch
        scratch = Scratch("ca")
        (scratch.path / "deep").mkdir()
        (scratch.path / "deep" / "key.pem").write_text("key")
        print(scratch.path, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "TMPDIR": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip())


def test_a_directory_goes_with_its_object(place: Path) -> None:
    with Scratch("serve") as path:
        assert path.parent == place
        assert path.stat().st_mode & 0o077 == 0
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed(place: Path) -> None:
    path = left_behind(place)
    assert (path / "deep" / "key.pem").exists()
    assert clear_away_leftovers() == 1
    assert list(place.iterdir()) == []


def test_what_is_in_use_stays(place: Path) -> None:
    with Scratch("ca") as path:
        assert clear_away_leftovers() == 0
        assert path.exists()


def test_one_that_is_just_being_made_stays(place: Path) -> None:
    beginning = place / "airbed-ca-12345678"
    beginning.mkdir(mode=0o700)
    (beginning / ".lock.new").touch(0o600)
    assert clear_away_leftovers() == 0
    assert beginning.exists()


def test_what_others_may_write_to_or_is_named_otherwise_stays(place: Path) -> None:
    open_to_all, renamed = left_behind(place), left_behind(place)
    open_to_all.chmod(0o777)
    other = renamed.rename(place / "airbed-record")
    assert clear_away_leftovers() == 0
    assert open_to_all.exists()
    assert other.exists()


def test_symbolic_links_are_not_followed(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    target = left_behind(elsewhere)
    (place / target.name).symlink_to(target)
    path = left_behind(place)
    (path / "link").symlink_to(elsewhere)
    lock_elsewhere = left_behind(place)
    (lock_elsewhere / ".lock").unlink()
    (lock_elsewhere / ".lock").symlink_to(target / ".lock")
    assert clear_away_leftovers() == 1
    assert not path.exists()
    assert lock_elsewhere.exists()
    assert (target / "deep" / "key.pem").exists()
    assert (place / target.name).is_symlink()


def test_a_place_that_does_not_exist_has_nothing_to_clear(tmp_path: Path) -> None:
    assert clear_away_leftovers(tmp_path / "nowhere") == 0
