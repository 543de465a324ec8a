"""The table of gateways names every scenario, and takes no outcome that nobody expected."""

from pathlib import Path

from scenarios.engine.format.loader import load
from scenarios.engine.shipped import SHIPPED
from tests.foreign.expected import _REASONS
from tests.foreign.external_gateways import KINDS
from tests.foreign.gateway_table import (
    BEGIN,
    DOCUMENT,
    END,
    Job,
    Outcome,
    jobs_of,
    table,
    unexplained,
)

TEN_STEPS = SHIPPED / "flows" / "ten_steps.yaml"
PRUNED = SHIPPED / "faults" / "uninstalled_app.yaml"


def outcome(job: Job, verdict: str = "passed") -> Outcome:
    cell = load(job.path).cells[job.cell].id
    return Outcome(job, cell, verdict, "" if verdict == "passed" else "something", "")


def as_expected(job: Job) -> Outcome:
    failed = unexplained([outcome(job)])
    return outcome(job, "failed" if failed else "passed")


def test_a_row_says_what_passed_what_failed_and_why_and_what_was_skipped_and_why() -> None:
    files = [load(TEN_STEPS), load(PRUNED)]
    [_, _, ten_steps, pruned] = table(
        files, [*map(as_expected, jobs_of(files, KINDS, 1))]
    ).splitlines()
    assert ten_steps == (
        "| `flows/ten_steps` | passed | passed | passed (ios); failed (android): it takes a push"
        " without `device` for one to iOS: 400 |"
    )
    assert pruned.count("passed (ios); skipped (android): only a gateway's own log says") == 3


def test_what_nobody_expected_is_told_whichever_way_it_went() -> None:
    [*_, android] = [job for job in jobs_of([load(TEN_STEPS)], ["2014"], 1) if job.cell == 5]
    assert unexplained([outcome(android, "failed")]) == []
    assert "passed, although: it takes a push" in unexplained([outcome(android)])[0]
    ours = Job("ours", TEN_STEPS, 0, 0)
    assert unexplained([outcome(ours, "failed")]) == [
        "ours ten_steps platform=ios,app_state=closed #1: something ()"
    ]


def test_what_has_faults_is_not_repeated() -> None:
    assert len(jobs_of([load(TEN_STEPS)], ["ours"], 10)) == 60
    assert jobs_of([load(SHIPPED / "faults" / "site_crash.yaml")], ["ours"], 10) == []


def test_every_scenario_is_in_the_document_and_every_reason_is_about_one() -> None:
    names = {path.stem: path for path in SHIPPED.glob("*/*.yaml")}
    rows = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    assert [Path(row.split("`")[1]).stem for row in rows] == [
        path.stem for path in sorted(names.values())
    ]
    assert not any("not explained" in row for row in rows)
    for _, scenario, part in _REASONS:
        assert any(part in cell.id for cell in load(names[scenario]).cells)
