"""One command runs scenarios in both worlds, and the report finds them alike hop by hop."""

from pathlib import Path

import pytest

from reports.two_worlds import fidelity
from scenarios.engine.commands.cli import main
from scenarios.engine.commands.live_limits import most_phones
from scenarios.engine.exit_codes import ExitCode
from scenarios.engine.running.sweep import Manner

pytestmark = pytest.mark.live

FILES = [
    "scenarios/flows/two_devices_one_disabled.yaml",
    "scenarios/flows/not_enabled.yaml",
]
TOO_MANY = """\
format: 1
name: More phones than there are descriptors
world: {{ gateway: {{ kind: airnotifier }}, site: {{ kind: moodle }} }}
devices:
  fleet: {{ count: {count}, platform: ios }}
flow: [{{ do: settle }}]
"""


def test_old_clients_with_keys_that_they_cannot_have_are_refused_before_any_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--runs", str(tmp_path), "--old-clients", "--keys", "ed25519"]
    assert main(["fidelity", *FILES, *options]) == ExitCode.INVALID
    assert "old clients need RSA or ECDSA" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_live_runs_have_the_keys_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Manner] = []

    def run(jobs: object, runs: Path, how: Manner, workers: int) -> set[str]:
        asked.append(how)
        return {"passed"}

    monkeypatch.setattr("scenarios.engine.commands.fidelity._run", run)
    options = ["--runs", str(tmp_path / "runs"), "--keys", "ecdsa", "--old-clients"]
    main(["fidelity", *FILES, *options])
    simulated, live = asked
    assert not simulated.is_live
    assert (live.live_options.tls.keys, live.live_options.tls.old_clients) == ("ecdsa", True)
    assert live.live_arguments == "--live --longest-wait 3s --keys ecdsa --old-clients "


def test_one_command_makes_the_report_and_finds_shipped_scenarios_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    too_many = tmp_path / "many.yaml"
    too_many.write_text(TOO_MANY.format(count=most_phones() + 1))
    runs = tmp_path / "runs"
    options = ["--runs", str(runs), "--longest-wait", "300ms", "--jobs", "2"]
    assert main(["fidelity", *FILES, str(too_many), *options]) == ExitCode.OK
    assert "runs are alike in everything compared" in capsys.readouterr().out
    report = fidelity(runs / "simulated", runs / "live")
    assert len(report.comparisons) == 3  # one has two cells
    for comparison in report.comparisons:
        aspects = {aspect.name: aspect for aspect in comparison.aspects}
        assert aspects["verdict"].simulated == aspects["verdict"].live == "passed"
        for name in ("steps", "fates", "hops", "requests", "connections"):
            assert aspects[name].differences == [], f"{comparison.name}: {name}"
    pages = [(runs / name).read_text() for name in ("fidelity.md", "fidelity.html")]
    for page in pages:
        assert "Of two devices, the disabled one stays silent, seed 1" in page
        assert f"{most_phones() + 1} phones have more connections" in page
