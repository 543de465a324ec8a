"""A gateway of 2013 refuses with status 200; site, phones and the books take it for what it is."""

from pathlib import Path

import pytest

from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode

ROOT = Path(__file__).parents[2] / "scenarios"
GATEWAY = "{ kind: airnotifier, app: moodle }"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "security/send_with_app_key.yaml",
            {"{ refused: true }": "{ refused: true, status: 200 }"},
        ),
        (
            "security/register_with_site_key.yaml",
            {"{ refused: true }": "{ refused: true, answer: No permission to create token }"},
        ),
    ],
)
def test_a_refusal_with_status_200_is_one(
    name: str, changes: dict[str, str], tmp_path: Path
) -> None:
    text = (ROOT / name).read_text()
    for old, new in {GATEWAY: GATEWAY[:-2] + ", legacy_status: 2013 }", **changes}.items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    assert main(["run", str(file), "--runs", str(tmp_path / "runs")]) == ExitCode.OK
