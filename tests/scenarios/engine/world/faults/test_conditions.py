"""A fault with `when` is there in the cells in which that holds, and nowhere else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load
from tests.scenarios.engine.world.conftest import HEAD, SEND

Run = Callable[..., Any]

MATRIX = "matrix: { bad: [no, yes] }\n"
GONE = "id: gone, target: device.phone, inject: uninstall, window: { from: before_dispatch }"


def scenario(tmp_path: Path, *faults: str) -> Path:
    path = tmp_path / "matrix.yaml"
    lines = "".join(f"  - {{ {fault} }}\n" for fault in faults)
    path.write_text(HEAD.replace("world:", f"{MATRIX}world:") + f"faults:\n{lines}{SEND}")
    return path


def test_a_cell_has_the_faults_whose_condition_holds(tmp_path: Path) -> None:
    late = "id: late, target: host.site, inject: pause, when: $matrix.bad == no"
    always = "id: always, target: host.site, inject: pause"
    file = load(scenario(tmp_path, f"{GONE}, when: $matrix.bad == yes", late, always))
    assert [[f.id for f in cell.scenario.faults] for cell in file.cells] == [
        ["late", "always"],
        ["gone", "always"],
    ]
    assert [cell.fault_places for cell in file.cells] == [(1, 2), (0, 2)]


def test_without_it_the_run_is_as_if_the_fault_were_not_in_the_file(run: Run) -> None:
    with_one = run(f"{GONE}, when: 1 == 2")
    assert with_one.result.wire_digest == run().result.wire_digest
    assert with_one.result.faults == []
    assert run(f"{GONE}, when: 1 == 1").result.fates["undeliverable"] == 1


def test_the_record_says_what_the_cell_had(run: Run) -> None:
    done = run(
        f"{GONE}, when: 1 == 2", "id: b, target: host.site, inject: pause, window: { to: 1s }"
    )
    assert [
        each["id"]
        for each in json.loads((done.result.record / "summary.json").read_text())["faults"]
    ] == ["b"]


def test_a_fault_that_did_not_fire_is_shown_at_its_place(run: Run) -> None:
    late = "id: b, target: host.site, inject: pause, window: { from: 1h }"
    assert (
        "faults.yaml:11:41: error[fault-not-fired]" in run(f"{GONE}, when: 1 == 2", late).failures
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("$matrix.bda == yes", "the matrix has no '$matrix.bda'"),
        ("$msg == 1", "'$msg' is not known here, only what the matrix has"),
        ("fates.lost == 0", "'fates.lost' is only known at the end"),
        ("$matrix.bad < 3", "needs two numbers"),
        ("$matrix.bad ==", ""),
    ],
)
def test_a_condition_that_cannot_be_decided_is_a_mistake(
    tmp_path: Path, condition: str, message: str
) -> None:
    with pytest.raises(InvalidScenario) as caught:
        load(scenario(tmp_path, f"{GONE}, when: {condition}"))
    assert any(message in each.message for each in caught.value.diagnostics), [
        each.message for each in caught.value.diagnostics
    ]
