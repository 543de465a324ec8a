"""A wrong clock is set in memory that two processes share."""

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.live.skew import SharedSkew, Skew


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor, path = tempfile.mkstemp()
    os.unlink(path)
    SharedSkew.prepare(descriptor)
    yield descriptor
    os.close(descriptor)


def test_at_first_the_clock_is_right(memory: int) -> None:
    assert SharedSkew(memory).read() == Skew()
    assert Skew().at(12345.0) == 0.0


def test_who_shares_the_memory_reads_what_was_written_last(memory: int) -> None:
    one, other = SharedSkew(memory), SharedSkew(memory)
    for skew in (Skew(60.0, 0.5, 100.0), Skew(-3600.0), Skew()):
        one.write(skew)
        assert other.read() == skew


@given(offset=st.floats(-1e6, 1e6), drift=st.floats(-0.5, 0.5), passed=st.floats(0, 1e5))
def test_a_drift_grows_from_the_moment_on_at_which_it_was_set(
    offset: float, drift: float, passed: float
) -> None:
    skew = Skew(offset, drift, since=1000.0)
    assert skew.at(1000.0) == offset
    assert skew.at(1000.0 + passed) == pytest.approx(offset + drift * passed, abs=1e-6)
