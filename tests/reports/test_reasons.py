"""What came later live than it could simulated accounts for differences, and what was confirmed
before it arrived; nothing else does.
"""

from hypothesis import given
from hypothesis import strategies as st

from reports.reasons import Row, came_late, confirmed_early

SECOND = 10**9


def pair(simulated: float, live: float) -> tuple[Row, Row]:
    """A notification that the gateway took at these seconds in the two worlds."""
    one, other = ({"accepted_ns": str(round(s * SECOND))} for s in (simulated, live))
    return one, other


REFUSALS = [1 * SECOND, 2 * SECOND]
SOON, LATE = pair(1.1, 2.2), pair(1.2, 2.5)


def test_what_was_taken_later_than_anything_simulated_is_accounted_for() -> None:
    said = came_late(REFUSALS, [SOON, LATE, pair(1.15, 2.6)], [False, True, True])
    assert said == (
        "live, the gateway took these 2 0.50 to 0.60 s after a push service had refused one or"
        " closed; simulated, it had taken all by 0.20 s. Computing takes time on a real machine"
    )


def test_without_a_refusal_or_a_difference_there_is_nothing_to_account_for() -> None:
    assert came_late([None, 2 * SECOND], [SOON, LATE], [False, True]) is None
    assert came_late([1 * SECOND, None], [SOON, LATE], [False, True]) is None
    assert came_late(REFUSALS, [SOON, LATE], [False, False]) is None


def test_what_came_no_later_than_the_last_simulated_one_has_another_cause() -> None:
    assert came_late(REFUSALS, [SOON, LATE], [True, False]) is None
    assert came_late(REFUSALS, [SOON, LATE], [True, True]) is None
    # What came as late and is alike does not matter.
    assert came_late(REFUSALS, [SOON, LATE, pair(1.1, 2.6)], [False, True, False]) is not None


def test_what_came_as_late_in_the_simulated_run_has_another_cause() -> None:
    assert came_late(REFUSALS, [pair(1.6, 2.1), LATE], [False, True]) is None


def test_what_the_gateway_never_took_has_another_cause() -> None:
    nothing: Row = {"accepted_ns": ""}
    assert came_late(REFUSALS, [SOON, (LATE[0], nothing)], [False, True]) is None
    assert came_late(REFUSALS, [(nothing, nothing), LATE], [False, True]) is not None


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans()), max_size=9))
def test_it_is_all_of_them_or_no_reason(made: list[tuple[int, int, bool]]) -> None:
    pairs = [pair(1 + here / 100, 2 + there / 100) for here, there, _ in made]
    said = came_late(REFUSALS, pairs, [differs for _, _, differs in made])
    late = [there for _, there, differs in made if differs]
    last = max((here for here, _, _ in made), default=0)
    assert (said is not None) == (bool(late) and all(there > last for there in late))


def concluded(completed: str, accepted: str, **others: str) -> Row:
    row = {"fate": "delivered", "attempts": "1", **others}
    return {**row, "completed_ns": completed, "vendor_accepted_ns": accepted}


SIMULATED, LIVE = concluded("9", "5"), concluded("4", "5")


def test_what_was_confirmed_before_it_arrived_is_accounted_for() -> None:
    said = confirmed_early([(SIMULATED, LIVE), (SIMULATED, SIMULATED)], [True, False])
    assert said is not None
    assert said.startswith("live, the gateway took these 1 for confirmed before APNs had them")


def test_what_differs_in_more_than_that_has_another_cause() -> None:
    for other in (
        concluded("9", "5"),
        concluded("", "5"),
        concluded("4", ""),
        concluded("4", "5", fate="lost"),
        concluded("4", "5", attempts="2"),
    ):
        assert confirmed_early([(SIMULATED, LIVE), (SIMULATED, other)], [True, True]) is None
    assert confirmed_early([(LIVE, LIVE)], [True]) is None
    assert confirmed_early([(SIMULATED, LIVE)], [False]) is None
