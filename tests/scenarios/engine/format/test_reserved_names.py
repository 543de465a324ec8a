"""Names that a phone, a user or a scenario cannot have."""

from pathlib import Path

import pytest

from scenarios.engine.format.cast import RESERVED
from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load

SCENARIO = """
format: 1
name: A phone with a name that is taken
world:
  gateway: {{ kind: airnotifier, app: moodle }}
  site: {{ kind: moodle, users: {{ ben: student }} }}
devices:
  {name}: {{ platform: ios, owner: ben }}
flow:
  - {{ do: settle }}
"""


@pytest.mark.parametrize("name", [name for name in RESERVED if name != "fleet"])
def test_a_phone_cannot_have_the_name_of_a_host_of_every_world(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO.format(name=name), encoding="utf-8")
    with pytest.raises(InvalidScenario) as refused:
        load(path)
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["bad-name"]


def test_a_scenario_s_name_is_text_that_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    text = SCENARIO.format(name="phone").replace("A phone with a name that is taken", '"x \\e[31m"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidScenario) as refused:
        load(path)
    assert len(refused.value.diagnostics) == 1
    assert "cannot be printed" in refused.value.diagnostics[0].message
