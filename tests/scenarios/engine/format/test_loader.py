"""A file becomes one checked scenario for each cell of its matrix."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import ScenarioFile, load
from scenarios.engine.format.matrix import cell_id, combine, substitute_cell
from sim.distributions import Constant, LogNormal

HEAD = """\
format: 1
name: Made for a test
"""
WORLD = """\
world:
  gateway: { kind: airnotifier }
  site: { kind: moodle, users: { ana: teacher, ben: student } }
"""
FLOW = """\
flow:
  - { do: wait, with: { for: 1s } }
"""


def load_text(folder: Path, text: str) -> ScenarioFile:
    path = folder / "a.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return load(path)


def test_without_a_matrix_there_is_one_cell_and_seed_1(tmp_path: Path) -> None:
    file = load_text(tmp_path, HEAD + WORLD + FLOW)
    assert [cell.id for cell in file.cells] == [""]
    assert list(file.seeds) == [1]


def test_the_first_axis_changes_slowest(tmp_path: Path) -> None:
    file = load_text(
        tmp_path, HEAD + "matrix: { os: [ios, android], n: [1, 2, 3] }\n" + WORLD + FLOW
    )
    assert [cell.id for cell in file.cells] == [
        "os=ios,n=1", "os=ios,n=2", "os=ios,n=3",
        "os=android,n=1", "os=android,n=2", "os=android,n=3",
    ]  # fmt: skip


def test_seeds_are_counted_from_the_first(tmp_path: Path) -> None:
    file = load_text(tmp_path, HEAD + "seeds: { from: 5, count: 3 }\n" + WORLD + FLOW)
    assert list(file.seeds) == [5, 6, 7]


def test_values_of_the_matrix_keep_their_type(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD
        + "matrix: { count: [2, 3], on: [true], text: ['5 $ each'] }\n"
        + WORLD
        + "devices: { fleet: { count: $matrix.count, platform: ios } }\n"
        "flow:\n"
        "  - { do: set_preference, by: ben, with: { loggedin: $matrix.on, loggedoff: false } }\n"
        "  - { do: message, by: ana, with: { to: ben, text: 'it is $matrix.text' } }\n"
        "  - { do: message, by: ana, with: { to: ben, text: $matrix.text } }\n",
    )
    fleets = [cell.scenario.devices.fleet for cell in file.cells]
    assert [fleet and fleet.count for fleet in fleets] == [2, 3]
    preference, *messages = file.cells[0].scenario.flow
    assert preference.arguments == {"loggedin": True, "loggedoff": False}
    # The dollar sign stays escaped, since the run resolves these texts once more.
    assert [step.arguments["text"] for step in messages] == ["it is 5 $$ each", "5 $$ each"]


def test_conditions_keep_their_references(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD
        + "matrix: { n: [1, 2] }\n"
        + WORLD
        + FLOW
        + "expect: { checks: [{ that: fates.lost == 0, when: $matrix.n == 1 }] }\n",
    )
    check = file.cells[1].scenario.expect.checks[0]
    assert check.when is not None
    assert check.when.text == "$matrix.n == 1"


def test_quantities_are_in_seconds_and_bytes(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD + WORLD + "  vendors:\n"
        "    apns: { latency: { dist: lognormal, median: 60ms, p99: 400ms }, close_delay: 200ms,\n"
        "            reject_delay: 300ms, payload_limit: 256B }\n"
        "  network: { latency: 15ms, jitter: 0 }\n"
        "devices: { fleet: { count: 3, mix: { ios: 45%, android: 55% } } }\n"
        + FLOW.replace("1s", "5m"),
    )
    scenario = file.cells[0].scenario
    apns, network = scenario.world.vendors.apns, scenario.world.network
    assert apns.latency == LogNormal(dist="lognormal", median=0.06, p99=0.4)
    assert apns.reject_delay == Constant(value=0.3)
    assert (apns.close_delay, apns.payload_limit) == (0.2, 256)
    assert (network.latency, network.jitter) == (0.015, 0.0)
    fleet = scenario.devices.fleet
    assert fleet is not None
    assert fleet.mix is not None
    assert (fleet.mix.ios, fleet.mix.android) == (0.45, 0.55)
    assert scenario.flow[0].arguments == {"for": 300.0}


def test_what_yaml_1_1_would_change_is_left_alone(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD + "matrix: { word: [no, on, 12:30, 2013-05-01, 0o17, 1_000, .5] }\n" + WORLD + FLOW,
    )
    values = [cell.values["word"] for cell in file.cells]
    assert values == ["no", "on", "12:30", "2013-05-01", 15, "1_000", 0.5]


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD
        + WORLD
        + "devices:\n  one: &phone { platform: ios, owner: ben }\n  two: *phone\n"
        + FLOW,
    )
    phones = file.cells[0].scenario.devices.phones
    assert list(phones) == ["one", "two"]
    assert phones["one"] == phones["two"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\N{BYTE ORDER MARK}"])
def test_line_ends_and_a_byte_order_mark_change_nothing(
    tmp_path: Path, ending: str, mark: str
) -> None:
    path = tmp_path / "a.yaml"
    text = mark + HEAD.replace("1", "2", 1) + WORLD + FLOW.replace("1s", "1")
    path.write_bytes(text.replace("\n", ending).encode())
    with pytest.raises(InvalidScenario) as caught:
        load(path)
    said = caught.value.render().plain.splitlines()
    assert [line.split(": error")[0] for line in said if "error[" in line] == [
        f"{path}:1:9",
        f"{path}:7:30",
    ]


def test_a_matrix_without_bounds_is_refused(tmp_path: Path) -> None:
    axes = ", ".join(f"a{n}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]" for n in range(6))
    with pytest.raises(InvalidScenario) as caught:
        load_text(tmp_path, HEAD + f"matrix: {{ {axes} }}\n" + WORLD + FLOW)
    assert [each.message for each in caught.value.diagnostics] == [
        "the matrix has 1000000 cells, more than 1000"
    ]


scalars = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
axes = st.dictionaries(
    st.from_regex(r"[a-z]{1,3}", fullmatch=True),
    st.lists(scalars, min_size=1, max_size=3, unique_by=lambda value: str(value).lower()),
    max_size=3,
)


@given(axes)
def test_every_combination_is_there_once(axes: dict[str, list[bool | int | str]]) -> None:
    cells = list(combine(dict(axes)))
    count = 1
    for values in axes.values():
        count *= len(values)
    assert len(cells) == count
    assert all(list(cell) == list(axes) for cell in cells)
    assert all(cell[name] in axes[name] for cell in cells for name in axes)


def test_a_cell_is_named_by_its_values() -> None:
    assert cell_id({"platform": "ios", "fast": True, "n": 3}) == "platform=ios,fast=true,n=3"


def test_only_the_parts_that_may_depend_on_a_cell_do() -> None:
    document = {
        "name": "costs $$5 and $matrix.n",
        "world": {"text": "$$ $matrix.n"},
        "flow": [{"with": {"text": "$$ $matrix.n $token"}, "when": "$matrix.n == 1"}],
    }
    assert substitute_cell(document, {"n": 3}) == {
        "name": "costs $$5 and $matrix.n",
        "world": {"text": "$ 3"},
        "flow": [{"with": {"text": "$$ 3 $token"}, "when": "$matrix.n == 1"}],
    }


def test_what_only_the_run_knows_is_left_for_it(tmp_path: Path) -> None:
    file = load_text(
        tmp_path,
        HEAD + WORLD + "devices: { phone: { platform: ios, owner: ben } }\n"
        "flow:\n"
        "  - { do: open_app, by: phone, save: { state: $result.state } }\n"
        "  - { do: set_app_state, by: phone, with: { state: $state } }\n"
        "  - { do: accept_push, by: phone, expect: { token: $state } }\n",
    )
    flow = file.cells[0].scenario.flow
    assert [step.arguments for step in flow] == [{}, {"state": "$state"}, {}]
    assert flow[2].expect == {"token": "$state"}


def test_every_missing_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as caught:
        load_text(tmp_path, "tags: []\n")
    assert [each.message for each in caught.value.diagnostics] == [
        f"the scenario needs the key '{key}'" for key in ("format", "name", "world", "flow")
    ]
