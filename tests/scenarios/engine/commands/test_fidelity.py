"""One command runs scenarios in both worlds, and the report finds them alike hop by hop."""

from pathlib import Path

import pytest

from reports.two_worlds import fidelity
from scenarios.engine.commands.cli import main
from scenarios.engine.exit_codes import ExitCode

pytestmark = pytest.mark.live

FILES = [
    "scenarios/security/send_with_app_key.yaml",
    "scenarios/flows/two_devices_one_disabled.yaml",
    "scenarios/flows/not_enabled.yaml",
    "scenarios/faults/dns_failure.yaml",
]


def test_three_shipped_scenarios_are_alike_in_both_worlds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fidelity", *FILES, "--runs", str(tmp_path), "--longest-wait", "300ms"]
    assert main(arguments) == ExitCode.OK
    assert "runs are alike in everything compared" in capsys.readouterr().out
    report = fidelity(tmp_path / "simulated", tmp_path / "live")
    assert len(report.comparisons) == 4  # one has two cells
    for comparison in report.comparisons:
        aspects = {aspect.name: aspect for aspect in comparison.aspects}
        assert aspects["verdict"].simulated == aspects["verdict"].live == "passed"
        for name in ("steps", "fates", "hops", "requests", "connections"):
            assert aspects[name].differences == [], f"{comparison.name}: {name}"
    pages = [(tmp_path / name).read_text() for name in ("fidelity.md", "fidelity.html")]
    for page in pages:
        assert "Of two devices, the disabled one stays silent, seed 1" in page
        assert "a live world cannot inject dns_failure into host.gateway" in page
