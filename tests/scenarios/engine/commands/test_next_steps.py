"""After a run: where to look, and commands that lead on."""

from pathlib import Path

from scenarios.engine.commands.next_steps import next_steps
from scenarios.engine.format.loader import load
from scenarios.engine.running.results import RunResult
from scenarios.engine.shipped import SHIPPED

FILE = SHIPPED / "flows" / "ten_steps.yaml"


def result(verdict: str = "passed", seed: int = 42, cell: int = 0) -> RunResult:
    file = load(FILE)
    made = RunResult(file, file.cells[cell], seed, record=Path(f"runs/{seed}-{cell}"))
    made.verdict = verdict  # type: ignore[assignment]
    return made


def test_after_a_pass_another_seed_comes_next_and_then_the_packets() -> None:
    cell = "platform=ios,app_state=closed"
    assert next_steps([result()], cell, with_packets=False) == [
        ("look at", "runs/42-0/timeline.html"),
        (
            "try next",
            f"airbed run scenarios/flows/ten_steps.yaml --seed 43 --cell {cell}"
            "   # other people, other latencies",
        ),
        (
            "",
            f"airbed run scenarios/flows/ten_steps.yaml --seed 42 --cell {cell} --pcap"
            "   # its packets, for Wireshark",
        ),
    ]


def test_packets_that_there_are_need_not_be_asked_for() -> None:
    names = [name for name, _ in next_steps([result()], None, with_packets=True)]
    assert names == ["look at", "try next"]


def test_a_live_run_leads_to_another_live_run() -> None:
    live = result()
    live.mode, live.live_arguments = "live", "--live --port-base 9000 "
    (_, _), (name, command) = next_steps([live], None, with_packets=False)
    assert name == "try next"
    assert command.startswith("airbed run --live --port-base 9000 scenarios/flows/")


def test_after_failures_the_first_one_is_what_to_look_into() -> None:
    failed = result("failed", cell=1)
    failed.virtual_seconds = 3.5
    failed.explained_at = 2_179_219_999
    assert next_steps([result(), failed, result("failed", cell=2)], None, with_packets=False) == [
        ("look at", "runs/42-1/timeline.html"),
        ("look inside", "airbed replay runs/42-1 --until 2.179219s"),
        (
            "run again",
            "airbed run scenarios/flows/ten_steps.yaml --seed 42"
            " --cell platform=ios,app_state=background",
        ),
    ]


def test_a_live_failure_cannot_be_replayed() -> None:
    failed = result("failed")
    failed.mode = "live"
    assert [name for name, _ in next_steps([failed], None, with_packets=False)] == ["look at"]
