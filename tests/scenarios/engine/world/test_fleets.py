"""Fleets have the platforms they were asked for, and start known to everybody."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.loader import load
from scenarios.engine.format.models import Fleet
from scenarios.engine.running.runner import Runner
from scenarios.engine.world.fleets import _platforms

SCENARIO = """\
format: 1
name: A fleet
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site: {{ kind: moodle }}
devices:
  fleet: {{ count: 7, mix: {{ ios: 40%, android: 60% }}, state: {state} }}
flow:
  - {{ do: message, by: admin, with: {{ to: all, text: Exam moved }} }}
  - {{ do: settle, within: 60s }}
"""


class Silent:
    """Progress that nobody watches."""

    def run_started(self, result: Any) -> None: ...
    def step_started(self, step: Any) -> None: ...
    def step_finished(self, step: Any) -> None: ...
    def run_finished(self, result: Any) -> None: ...


@pytest.mark.parametrize(("count", "ios"), [(1, 0), (3, 1), (20, 9), (1000, 450)])
def test_a_mix_has_its_shares_spread_evenly(count: int, ios: int) -> None:
    fleet = Fleet.model_validate({"count": count, "mix": {"ios": "45%", "android": "55%"}})
    platforms = list(_platforms(fleet))
    assert len(platforms) == count
    assert Counter(platforms)["ios"] == ios
    assert Counter(platforms[: count // 2])["ios"] <= ios // 2 + 1


@pytest.mark.parametrize(
    ("state", "fates"), [("enabled", {"delivered": 7}), ("registered", {"suppressed": 7})]
)
def test_a_fleet_gets_pushes_if_its_owners_enabled_them(
    tmp_path: Path, state: str, fates: dict[str, int]
) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(SCENARIO.format(state=state), encoding="utf-8")
    file = load(path)
    result = Runner(tmp_path, Silent()).run(file, file.cells[0], 1)
    assert result.verdict == "passed"
    assert {name: result.fates[name] for name in fates} == fates
    assert result.fates["created"] == 7
