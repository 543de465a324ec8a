"""What came later live than it could come simulated accounts for differences; nothing else does."""

from hypothesis import given
from hypothesis import strategies as st

from reports.late import Row, reason

SECOND = 10**9


def pair(simulated: float, live: float) -> tuple[Row, Row]:
    """A notification that the gateway took at these seconds in the two worlds."""
    one, other = ({"accepted_ns": str(round(s * SECOND))} for s in (simulated, live))
    return one, other


REFUSALS = [1 * SECOND, 2 * SECOND]
SOON, LATE = pair(1.1, 2.2), pair(1.2, 2.5)


def test_what_was_taken_later_than_anything_simulated_is_accounted_for() -> None:
    said = reason(REFUSALS, [SOON, LATE, pair(1.15, 2.6)], [False, True, True])
    assert said == (
        "the gateway took these 2 0.50 to 0.60 s after a push service had refused one, and"
        " simulated all of them in 0.20 s: computing takes time on a real machine"
    )


def test_without_a_refusal_or_a_difference_there_is_nothing_to_account_for() -> None:
    assert reason([None, 2 * SECOND], [SOON, LATE], [False, True]) is None
    assert reason([1 * SECOND, None], [SOON, LATE], [False, True]) is None
    assert reason(REFUSALS, [SOON, LATE], [False, False]) is None


def test_what_came_no_later_than_what_is_alike_has_another_cause() -> None:
    assert reason(REFUSALS, [SOON, LATE], [True, False]) is None
    assert reason(REFUSALS, [SOON, LATE, pair(1.1, 2.6)], [False, True, False]) is None


def test_what_came_as_late_in_the_simulated_run_has_another_cause() -> None:
    assert reason(REFUSALS, [pair(1.6, 2.1), LATE], [False, True]) is None


def test_what_the_gateway_never_took_has_another_cause() -> None:
    nothing: Row = {"accepted_ns": ""}
    assert reason(REFUSALS, [SOON, (LATE[0], nothing)], [False, True]) is None
    assert reason(REFUSALS, [(nothing, nothing), LATE], [False, True]) is not None


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.booleans()), max_size=9))
def test_only_a_moment_that_parts_them_accounts_for_them(
    made: list[tuple[int, int, bool]],
) -> None:
    pairs = [pair(1 + here / 100, 2 + there / 100) for here, there, _ in made]
    said = reason(REFUSALS, pairs, [differs for _, _, differs in made])
    late = [there for _, there, differs in made if differs]
    parted = bool(late) and (
        max(here for here, _, _ in made) < min(late)
        and all(there < min(late) for _, there, differs in made if not differs)
    )
    assert (said is not None) == parted
