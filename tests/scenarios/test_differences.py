"""Every fault, with each kind of target and each parameter, and every step makes a difference.

What makes none is not there for anybody. The tables are in `differences.py`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.engine.format.fault_catalog import FAULTS
from scenarios.engine.format.loader import load
from scenarios.engine.format.steps_catalog import STEPS
from scenarios.engine.running.runner import Runner
from tests.scenarios import differences as table
from tests.scenarios.engine.world.conftest import Keeper, Silent

Outcome = tuple[Any, ...]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """What a scenario comes to: bytes on the wire, fates, what people gave up, the trace.

    The same scenario is run once.
    """
    place = tmp_path_factory.mktemp("differences")
    known: dict[str, Outcome] = {}

    def run(text: str) -> Outcome:
        if text not in known:
            path = place / "scenario.yaml"
            path.write_text(text, encoding="utf-8")
            file = load(path)
            keeper = Keeper()
            result = Runner(place / "runs", Silent(), [keeper]).run(file, file.cells[0], 1)
            assert not [s for s in result.steps if s.status == "failed"], [
                failure.plain for failure in result.failures
            ]
            excuses = [step.excuse for step in result.steps]
            told = [
                e for e in keeper.events if e["kind"].partition(".")[0] not in ("step", "fault")
            ]
            known[text] = (result.wire_digest, dict(result.fates), excuses, told)
        return known[text]

    return run


def lines(key: str, items: list[str]) -> str:
    return f"{key}:\n" + "".join(f"  - {{ {item} }}\n" for item in items) if items else ""


def scenario(faults: list[str], target: str = "") -> str:
    head = table.FLEET_HEAD if "fleet" in target else table.HEAD
    written = [f"id: f{n}, may_not_fire: true, {fault}" for n, fault in enumerate(faults)]
    flow = list(table.FLOW)
    if "fleet" not in target and any("dns_failure" in fault for fault in faults):
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
    outcome: Callable[[str], Outcome], name: str, kind: str
) -> None:
    assert name in table.FAULTS, f"say in differences.py how '{name}' makes a difference"
    parameters, _ = table.FAULTS[name]
    noticed = False
    for target in table.TARGETS[kind]:
        before = needed(name, target)
        without = outcome(scenario(before, target))
        noticed |= (
            outcome(scenario([*before, fault_line(name, target, parameters)], target)) != without
        )
    assert noticed, f"'{name}' changes nothing when it goes into a {kind}"


@pytest.mark.parametrize(
    "name", [f"{fault}.{key}" for fault, each in FAULTS.items() for key in each.parameters]
)
def test_each_parameter_of_a_fault_makes_a_difference(
    outcome: Callable[[str], Outcome], name: str
) -> None:
    assert name in table.PARAMETERS, f"say in differences.py how '{name}' makes a difference"
    fault, _ = name.split(".")
    noticed = False
    for kind in FAULTS[fault].targets:
        for target in table.TARGETS[kind][:2]:
            one, other = (
                outcome(
                    scenario([*needed(fault, target), fault_line(fault, target, written)], target)
                )
                for written in table.PARAMETERS[name]
            )
            noticed |= one != other
        if noticed:
            return
    assert noticed, f"'{name}' changes nothing"


@pytest.mark.parametrize("name", STEPS)
def test_a_step_makes_a_difference(outcome: Callable[[str], Outcome], name: str) -> None:
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
