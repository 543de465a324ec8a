"""One seed, one wire digest: in any process, on any Python, under pytest or not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.reference_program import digest

pytestmark = pytest.mark.determinism

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("reference_program.py")

NEEDED = "import sys, aiohttp, cryptography, simpy, sqlalchemy; print(sys.version_info[:2])"


def pythons() -> Iterator[str]:
    """This interpreter and those in AIRBED_PYTHONS, `:` between their paths."""
    yield sys.executable
    yield from filter(None, os.environ.get("AIRBED_PYTHONS", "").split(":"))


def in_a_fresh_process(python: str, hash_seed: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [python, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def expected() -> str:
    return digest(seed=1)


def test_the_same_seed_gives_the_same_digest_twice_in_a_process(expected: str) -> None:
    assert len(expected) == 64
    assert digest(seed=1) == expected


def test_another_seed_gives_another_digest(expected: str) -> None:
    assert digest(seed=2) != expected


def test_tracing_connections_or_not_leaves_the_digest_as_it_is(expected: str) -> None:
    assert digest(seed=1, wants_connections=False) == expected


@pytest.mark.parametrize("hash_seed", ["0", "1", "42", "4294967295"])
def test_a_fresh_process_gives_the_same_digest_under_any_hash_seed(
    hash_seed: str, expected: str
) -> None:
    assert in_a_fresh_process(sys.executable, hash_seed, "1") == expected


@pytest.mark.parametrize("python", [*pythons()])
def test_every_python_gives_the_same_digest(python: str, expected: str) -> None:
    probe = subprocess.run([python, "-c", NEEDED], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"{python} lacks something: {probe.stderr.strip().splitlines()[-1]}")
    assert in_a_fresh_process(python, "random", "1") == expected


def test_a_world_before_it_in_the_process_leaves_no_trace(expected: str) -> None:
    assert in_a_fresh_process(sys.executable, "7", "5", "9", "1").splitlines()[-1] == expected
