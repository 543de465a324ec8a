"""The back-off of retransmissions, judged without a network."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sim.net.retransmission import (
    FIRST_RETRANSMISSION,
    MAX_RETRANSMISSION,
    RETRANSMISSIONS,
    Backoff,
)


def waits(backoff: Backoff, lateness: list[float] | None = None) -> list[float]:
    """All waits until it gives up, if every attempt is in vain; attempts may be late."""
    now, result = backoff.started, []
    late = iter(lateness or [])
    while (wait := backoff.next_wait(now)) is not None:
        result.append(wait)
        now += wait + next(late, 0.0)
    return result


def test_it_doubles_up_to_a_limit_and_gives_up_after_924_seconds() -> None:
    found = waits(Backoff(10.0))
    assert len(found) == RETRANSMISSIONS + 1
    assert found[0] == FIRST_RETRANSMISSION
    for wait, following in pairwise(found):
        assert following == min(2 * wait, MAX_RETRANSMISSION)
    assert round(sum(found), 3) == 924.6  # as tcp_retries2 is documented for Linux


@given(
    st.floats(0, 1e6),
    st.floats(0.001, 5_000),
    st.lists(st.floats(0, 3), max_size=40),
)
def test_a_user_timeout_decides_by_time_alone(
    started: float, user_timeout: float, lateness: list[float]
) -> None:
    backoff = Backoff(started, user_timeout)
    found = waits(backoff, lateness)
    assert all(0 < wait <= MAX_RETRANSMISSION for wait in found)
    assert sum(found) <= user_timeout + 1e-6
    assert sum(found) + sum(lateness) >= user_timeout - 2e-6
