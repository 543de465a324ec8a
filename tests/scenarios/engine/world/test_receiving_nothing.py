"""`receive_nothing` counts what has come already, unless somebody has taken note of it."""

from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]

HEAD = """\
format: 1
name: Nothing is to come
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student, eva: student }} }}
devices:
  phone:  {{ platform: ios, owner: ben, state: enabled }}
  tablet: {{ platform: android, owner: eva, state: enabled }}
  fleet:  {{ count: {fleet}, platform: ios, state: enabled }}
"""
TO_BEN = "message, by: ana, with: { to: ben, text: Lab at nine }"
TO_ALL = "message, by: ana, with: { to: all, text: Lab at nine }"
NOTHING = "receive_nothing, by: phone, within: 5s"


def play(run: Run, *steps: str, fleet: int = 1) -> Any:
    flow = "flow:\n" + "".join(f"  - {{ do: {step} }}\n" for step in steps)
    return run(head=HEAD.format(fleet=fleet), flow=flow)


def test_what_came_before_the_step_began_has_come(run: Run) -> None:
    for between in ("wait, with: { for: 30s }", "dispatch, by: gateway", "settle"):
        done = play(run, TO_BEN, between, NOTHING)
        [arrival] = done.happened("phone.received", host="phone")
        at = f"{arrival['t'] / 1e9:.3f} s"
        assert f"step 3 receive_nothing: phone received 1 at {at};" in done.failures


def test_what_came_two_steps_before_has_come_too(run: Run) -> None:
    done = play(
        run, TO_ALL, "settle", "receive, by: tablet", "open_at_page, by: tablet", NOTHING
    )  # fmt: skip
    assert "receive_nothing: phone received 1 at" in done.failures


def test_what_somebody_took_note_of_counts_no_more(run: Run) -> None:
    for noted in (
        ("receive, by: phone",),
        ("settle", "open_at_page, by: phone"),
        ("settle", "go_offline, by: phone"),
        ("settle", "message, by: ana, with: { to: eva, text: Lab at ten }"),
    ):
        done = play(run, TO_BEN, *noted, NOTHING)
        assert done.result.verdict == "passed", done.failures


def test_one_receive_takes_one(run: Run) -> None:
    twice = TO_BEN.replace("ben", "all")
    done = play(run, twice, "receive, by: phone", "receive_nothing, by: tablet, within: 5s")
    assert "receive_nothing: tablet received 1 at" in done.failures
    done = play(run, TO_BEN, "receive, by: phone", NOTHING, TO_BEN, "wait, with: { for: 5s }",
                "receive, by: phone", NOTHING)  # fmt: skip
    assert done.result.verdict == "passed", done.failures


def test_phones_of_a_fleet_are_named_and_too_many_are_counted(run: Run) -> None:
    done = play(run, TO_ALL, "settle", "receive_nothing, by: fleet, within: 1s", fleet=5)
    for number in range(3):
        assert f"fleet-{number:05d} received 1 at" in done.failures
    assert "and 2 more phones received some" in done.failures
    done = play(run, TO_ALL, "receive, by: fleet", "receive_nothing, by: fleet, within: 1s")
    assert done.result.verdict == "passed", done.failures
