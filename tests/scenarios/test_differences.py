"""Every fault, with each kind of target and each parameter, and every step makes a difference.

What makes none is not there for anybody. The tables are in `differences.py`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.engine.format.fault_catalog import FAULTS
from scenarios.engine.format.steps_catalog import STEPS
from tests.scenarios import differences as table
from tests.scenarios import outcomes as runs
from tests.scenarios.outcomes import Outcome

Outcomes = Callable[[str], list[Outcome]]


@pytest.fixture
def outcome(outcomes: runs.Outcomes) -> Outcomes:
    """What a scenario comes to; whatever becomes of its notifications, its steps are done."""

    def run(text: str) -> list[Outcome]:
        found = outcomes.of(text)
        assert [failure for each in found for failure in each.failures] == []
        return found

    return run


def lines(key: str, items: list[str]) -> str:
    return f"{key}:\n" + "".join(f"  - {{ {item} }}\n" for item in items) if items else ""


def scenario(faults: list[str], target: str = "", *, look_up: bool = False) -> str:
    """`look_up`: somebody asks for a name in the middle of it."""
    head = table.FLEET_HEAD if "fleet" in target else table.HEAD
    written = [f"id: f{n}, may_not_fire: true, {fault}" for n, fault in enumerate(faults)]
    flow = list(table.FLOW)
    if "fleet" not in target and (look_up or any("dns_failure" in fault for fault in faults)):
        flow.insert(3, table.LOOK_UP)
    return head + lines("faults", written) + lines("flow", [f"do: {step}" for step in flow])


def fault_line(name: str, target: str, parameters: str) -> str:
    _, window = table.FAULTS[name]
    what = f"target: {target}, inject: {name}"
    what += f", with: {{ {parameters} }}" if parameters else ""
    return what + (f", window: {{ {window} }}" if window else "")


def needed(name: str, target: str) -> list[str]:
    return [] if "fleet" in target else list(table.NEEDS.get(name, ()))


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, each in FAULTS.items() for kind in each.targets]
)
def test_a_fault_makes_a_difference_with_each_kind_of_target(
    outcome: Outcomes, name: str, kind: str
) -> None:
    assert name in table.FAULTS, f"say in differences.py how '{name}' makes a difference"
    parameters, _ = table.FAULTS[name]
    for target in table.TARGETS[kind]:
        before = needed(name, target)
        without = outcome(scenario(before, target))
        if outcome(scenario([*before, fault_line(name, target, parameters)], target)) != without:
            return
    pytest.fail(f"'{name}' changes nothing when it goes into a {kind}")


@pytest.mark.parametrize(
    "name", [f"{fault}.{key}" for fault, each in FAULTS.items() for key in each.parameters]
)
def test_each_parameter_of_a_fault_makes_a_difference(outcome: Outcomes, name: str) -> None:
    assert name in table.PARAMETERS, f"say in differences.py how '{name}' makes a difference"
    fault, _ = name.split(".")
    for kind in FAULTS[fault].targets:
        for target in table.TARGETS[kind][:2]:
            one, other = (
                outcome(
                    scenario([*needed(fault, target), fault_line(fault, target, written)], target)
                )
                for written in table.PARAMETERS[name]
            )
            if one != other:
                return
    pytest.fail(f"'{name}' changes nothing")


def by_what_they_need() -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Every fault with each kind of target: what goes wrong before it, then (name, target)."""
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for name, each in FAULTS.items():
        for target in (table.TARGETS[kind][0] for kind in each.targets):
            found.setdefault(tuple(needed(name, target)), []).append((name, target))
    return found


ALIKE = by_what_they_need()


@pytest.mark.parametrize("before", ALIKE, ids=lambda before: ALIKE[before][0][0])
def test_faults_that_hardly_ever_happen_make_none(
    outcome: Outcomes, before: tuple[str, ...]
) -> None:
    """What `probability` is the probability of, a fault's description says: all of them heed it."""

    def comes_to(faults: list[tuple[str, str]]) -> Any:
        lines = [
            fault_line(name, target, table.FAULTS[name][0]) + ", probability: 0.001%"
            for name, target in faults
        ]
        # The dice are thrown, which gives GCM's messages other numbers.
        return [
            (each.fates, each.excuses, [event["kind"] for event in each.events])
            for each in outcome(scenario([*before, *lines], look_up=True))
        ]

    never = comes_to([])
    if comes_to(ALIKE[before]) != never:
        alone = [
            f"{name} in {target}"
            for name, target in ALIKE[before]
            if comes_to([(name, target)]) != never
        ]
        pytest.fail(f"they do not heed it: {', '.join(alone) or ALIKE[before]}")


@pytest.mark.parametrize("name", [name for name, each in FAULTS.items() if each.directed])
def test_the_direction_of_a_fault_makes_a_difference(outcome: Outcomes, name: str) -> None:
    parameters, _ = table.FAULTS[name]
    for target in table.TARGETS["link"]:
        line = fault_line(name, target, parameters).replace("before_dispatch", "8s")
        up, down = (
            outcome(scenario([*needed(name, target), f"{line}, direction: {way}"], target))
            for way in ("upstream", "downstream")
        )
        if up != down:
            return
    pytest.fail(f"'{name}' is the same in both directions")


@pytest.mark.parametrize("name", STEPS)
def test_a_step_makes_a_difference(outcome: Outcomes, name: str) -> None:
    assert name in table.STEPS, f"say in differences.py how '{name}' makes a difference"
    before, step, after = table.STEPS[name]
    head = table.HEAD
    if "by: new" in step:
        head += "  new: { platform: ios, owner: ben }\n"
    if name == "enable":
        head = head.replace("owner: ben, state: enabled", "owner: ben, state: registered")
    if name == "dispatch":
        head = head.replace("devices:", f"{table.SLOW_APNS}devices:")
    rest = ["wait, with: { for: 1s }"]
    with_it, without = (
        outcome(head + lines("flow", [f"do: {each}" for each in [*before, *it, *after, *rest]]))
        for it in ([step], [])
    )
    assert with_it != without, f"'{name}' changes nothing"


def test_the_tables_name_nothing_else() -> None:
    assert set(table.FAULTS) == set(FAULTS)
    assert set(table.STEPS) == set(STEPS)
    known = {f"{fault}.{key}" for fault, each in FAULTS.items() for key in each.parameters}
    assert set(table.PARAMETERS) == known
