"""The shipped scenarios put the bytes on the wire that they always did.

Whatever Python and hash seed they run under, watched or not. Here they run in fresh processes;
`test_shipped_scenarios_pass.py` compares those that run within pytest. When a change is meant to be
seen on the wire, `pin.py` writes the table anew.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.determinism.pin import pinned
from tests.determinism.reference_runs import MANNERS

pytestmark = pytest.mark.determinism

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("reference_runs.py")
HELP = "see tests/determinism/pin.py"


def other_pythons() -> Iterator[str]:
    """Those in AIRBED_PYTHONS, `:` between their paths; .ci/run fills it."""
    yield from filter(None, os.environ.get("AIRBED_PYTHONS", "").split(":"))


def differing(found: dict[str, str]) -> list[str]:
    """Names whose digest is not the pinned one."""
    table = pinned()
    return [
        name for name in sorted(found.keys() | table.keys()) if found.get(name) != table.get(name)
    ]


def in_a_fresh_process(python: str, hash_seed: str, manner: str = "plain") -> dict[str, str]:
    result = subprocess.run(
        [python, str(PROGRAM), manner],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return dict(line.split() for line in result.stdout.splitlines())


def test_at_least_ten_scenarios_are_pinned() -> None:
    assert len([name for name in pinned() if "/" in name]) >= 10


@pytest.mark.parametrize(
    ("manner", "hash_seed"), [*zip(MANNERS, ["0", "1", "4294967295"], strict=True)]
)
def test_the_digests_are_the_pinned_ones_however_a_run_is_watched_and_under_any_hash_seed(
    manner: str, hash_seed: str
) -> None:
    assert differing(in_a_fresh_process(sys.executable, hash_seed, manner)) == [], HELP


@pytest.mark.parametrize("python", [*other_pythons()])
def test_the_digests_are_the_pinned_ones_on_every_python(python: str) -> None:
    assert differing(in_a_fresh_process(python, "random")) == [], HELP
