"""Bookkeeping of unconfirmed pushes, and the hunt for one that makes the server hang up."""

from hypothesis import given
from hypothesis import strategies as st

from server.airnotifier.providers.apns.frames import ErrorPacket
from server.airnotifier.providers.apns.suspicion import Suspicion
from server.airnotifier.providers.apns.window import LAST_IDENTIFIER, Settlement, Window
from server.airnotifier.push import Push


def push(number: int) -> Push:
    return Push(number, "moodle", "apns", "00" * 32, "{}", None, None, 0.0, 1)


def window_of(count: int, memory: int = 100) -> tuple[Window, list[Push]]:
    window, pushes = Window(memory), [push(number) for number in range(1, count + 1)]
    for number, entry in enumerate(pushes, 1):
        assert window.add(entry) == number
    return window, pushes


def test_an_error_packet_divides_the_window() -> None:
    window, pushes = window_of(5)
    assert window.settle(ErrorPacket(8, 3)) == Settlement(pushes[:2], pushes[2], pushes[3:])
    assert repr(window) == "<Window empty, next=6>"


def test_a_shutdown_confirms_the_named_push_too() -> None:
    window, pushes = window_of(5)
    assert window.settle(ErrorPacket(10, 3)) == Settlement(pushes[:3], None, pushes[3:])


def test_a_shutdown_with_identifier_zero_says_that_nothing_was_accepted() -> None:
    window, pushes = window_of(2)
    assert window.settle(ErrorPacket(10, 0)) == Settlement(replay=pushes)


def test_a_packet_about_an_unknown_push_leaves_everything_to_be_repeated() -> None:
    for identifier in (0, 9):
        window, pushes = window_of(3)
        settlement = window.settle(ErrorPacket(8, identifier))
        assert settlement == Settlement(replay=pushes, understood=False)


def test_a_packet_about_a_push_that_was_confirmed_by_silence_takes_that_back() -> None:
    window, pushes = window_of(6)
    assert window.confirm(5) == pushes[:4]
    assert window.settle(ErrorPacket(8, 2)) == Settlement(
        [], pushes[1], pushes[2:], recalled=pushes[2:4]
    )


def test_a_late_shutdown_takes_back_what_was_behind_the_last_accepted_one() -> None:
    window, pushes = window_of(6)
    window.confirm(5)
    assert window.settle(ErrorPacket(10, 3)) == Settlement([], None, pushes[3:], pushes[3:4])


def test_what_was_confirmed_too_long_ago_is_not_remembered() -> None:
    window, pushes = window_of(6, memory=2)
    window.confirm(5)
    assert window.settle(ErrorPacket(8, 2)) == Settlement(replay=pushes[4:], understood=False)


def test_a_shutdown_after_everything_was_confirmed_is_understood() -> None:
    window, _ = window_of(2)
    window.confirm(10)
    assert window.settle(ErrorPacket(10, 2)) == Settlement()


def test_identifiers_run_out_instead_of_starting_again() -> None:
    window = Window(0)
    window.next = LAST_IDENTIFIER
    assert not window.exhausted
    assert window.add(push(1)) == LAST_IDENTIFIER
    assert window.exhausted


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 40), st.sampled_from([8, 10, 255]))
def test_every_push_has_exactly_one_fate(
    count: int, confirmed: int, identifier: int, status: int
) -> None:
    window, pushes = window_of(count)
    done = window.confirm(confirmed + 1)
    settlement = window.settle(ErrorPacket(status, identifier))
    rejected = [settlement.rejected] if settlement.rejected else []
    taken_back = [*rejected, *settlement.recalled]
    kept = [push for push in done if push not in taken_back]
    assert kept + settlement.confirmed + rejected + settlement.replay == pushes
    assert len(window) == 0


@given(st.integers(1, 300), st.sets(st.integers(0, 299), min_size=1, max_size=20))
def test_the_culprits_are_found_and_nobody_is_written_too_often(
    count: int, culprits: set[int]
) -> None:
    waiting = [push(number) for number in range(count)]
    suspicion = Suspicion(limit=count)
    given_up: list[int] = []
    written = [0] * count
    for _ in range(2_000):
        if not waiting:
            break
        batch = waiting[: suspicion.allowance]
        for entry in batch:
            written[entry.id] += 1
        if culprits.isdisjoint(entry.id for entry in batch):
            waiting = waiting[len(batch) :]
            suspicion.progress(len(batch))
        elif (guilty := suspicion.silent_end(batch)) is not None:
            given_up.append(guilty.id)
            waiting.remove(guilty)
            suspicion.progress(1)
    assert given_up == sorted(culprit for culprit in culprits if culprit < count)
    assert waiting == []
    assert max(written) <= 5
