"""A comparison of two records finds what differs, says which side had what, and nothing else."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.fidelity import main
from reports.fidelity_pages import html, markdown
from reports.reading import Record
from reports.two_worlds import HOPS, Comparison, fidelity
from tests.reports import complete

SUMMARY: dict[str, Any] = {
    **complete.SUMMARY, "name": "A run", "cell": "platform=ios",
    "steps": [{**complete.STEP, "do": "message", "results": {"id": 1}}],
    "fates": {"created": 1, "delivered": 1},
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"kind": "connection.opened", "host": "phone", "to": "gateway"},
    {"kind": "http.request", "host": "phone", "method": "POST", "server": "push.example",
     "path": "/tokens", "status": 200},
    {"kind": "push.dispatched", "host": "gateway", "attempt": 1},
    {"kind": "vendor.connected", "host": "apns", "service": "apns"},
]  # fmt: skip
ROW: dict[str, Any] = {
    "message": "1", "phone": "phone", "token_ref": "a", "user": "3", "origin": "message",
    "fate": "delivered", "attempts": "1", **{f"{hop}_ns": n for n, hop in enumerate(HOPS, 1)},
}  # fmt: skip

Change = Callable[[dict[str, Any], list[dict[str, Any]], dict[str, Any]], None]


def record(directory: Path, change: Change | None = None) -> Path:
    summary, events, row = json.loads(json.dumps([SUMMARY, EVENTS, ROW]))
    if change is not None:
        change(summary, events, row)
    path = directory / "run"
    path.mkdir(parents=True)
    (path / "summary.json").write_text(json.dumps(summary))
    lines = [json.dumps({"t": number, **event}) for number, event in enumerate(events)]
    (path / "trace.jsonl").write_text("\n".join(lines) + "\n")
    with (path / "notifications.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(row))
        table.writeheader()
        table.writerow(row)
    return directory


def compared(tmp_path: Path, change: Change | None = None) -> Comparison:
    [comparison] = fidelity(
        record(tmp_path / "simulated"), record(tmp_path / "live", change)
    ).comparisons
    return comparison


def differences(comparison: Comparison) -> dict[str, list[str]]:
    return {each.name: each.differences for each in comparison.aspects if not each.same}


def test_the_same_run_is_alike(tmp_path: Path) -> None:
    assert compared(tmp_path).same
    page = "\n".join(markdown(fidelity(tmp_path / "simulated", tmp_path / "live")))
    assert "1 of 1 runs are alike in everything compared.\n" in page
    assert "| 1 notification | 1 |" in page


@pytest.mark.parametrize(
    ("change", "aspect", "said"),
    [
        (lambda s, e, r: s.update(verdict="failed"), "verdict", "passed | failed"),
        (
            lambda s, e, r: s["steps"][0]["results"].update(id=2),
            "steps",
            "1 message: passed {'id': 1} | 1 message: passed {'id': 2}",
        ),
        (lambda s, e, r: s["fates"].update(delivered=0), "fates", "delivered: 1 | 0"),
        (
            lambda s, e, r: e[1].update(status=503),
            "requests",
            "phone POST push.example/tokens: 200 | phone POST push.example/tokens: 503",
        ),
        (lambda s, e, r: e.append(e[0]), "connections", "phone to gateway: 1 | 2"),
        (lambda s, e, r: e.append(e[3]), "connections", "seen by apns: 1 | 2"),
        (
            lambda s, e, r: e.append({**e[2], "attempt": 2}),
            "sent again",
            "sent to a push service again: 0 | 1",
        ),
    ],
)
def test_each_aspect_notices_its_difference(
    tmp_path: Path, change: Change, aspect: str, said: str
) -> None:
    assert differences(compared(tmp_path, change)) == {aspect: [said]}


def test_another_order_of_hops_is_a_difference_and_other_times_are_none(tmp_path: Path) -> None:
    def later(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
        r.update({f"{hop}_ns": 1000 * n for n, hop in enumerate(HOPS, 1)})

    def swapped(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
        r.update(sent_ns=6, received_ns=5)

    assert compared(tmp_path / "later", later).same
    [said] = differences(compared(tmp_path / "swapped", swapped))["hops"]
    assert said.startswith("1 to phone: created > accepted")
    assert "sent > received" in said.split(" | ")[0]
    assert "received > sent" in said.split(" | ")[1]


def test_the_date_in_a_push_is_the_calendars(tmp_path: Path) -> None:
    def dated(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
        s["steps"][0]["results"]["custom"] = {"date": "1", "id": "7"}

    [said] = differences(compared(tmp_path, dated))["steps"]
    assert "date" not in said
    assert "'id': '7'" in said


def test_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    simulated, live = record(tmp_path / "simulated"), tmp_path / "live"
    live.mkdir()
    report = fidelity(simulated, live, [("Another", "too long")])
    assert report.comparisons == []
    assert report.left_out == [
        ("Another", "too long"),
        ("A run [platform=ios], seed 1", "there is no live record"),
    ]


def test_both_pages_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulated = record(tmp_path / "simulated")
    live = record(tmp_path / "live", lambda s, e, r: s["steps"][0].update(status="<b>"))
    report = fidelity(simulated, live)
    text, page = "\n".join(markdown(report)), "\n".join(html(report))
    assert "| A run [platform=ios], seed 1 | steps |" in text
    assert "<b> {'id': 1}`" in text
    assert "message: &lt;b&gt;" in page
    assert "<script" not in page
    assert main([str(simulated), str(live)]) == 0
    assert (tmp_path / "fidelity.md").read_text() == text + "\n"
    assert (tmp_path / "fidelity.html").read_text() == page + "\n"


def test_a_directory_that_is_none_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "a"), str(tmp_path / "b")]) == 4
    assert "there is no such directory" in capsys.readouterr().err
    assert main([]) == 4


def test_a_record_can_be_compared_with_itself(tmp_path: Path) -> None:
    simulated = record(tmp_path / "simulated")
    shutil.copytree(simulated, tmp_path / "live")
    assert Record.read(simulated / "run").name == "A run [platform=ios], seed 1"
    assert fidelity(simulated, tmp_path / "live").differences == 0


def late(summary: dict[str, Any], events: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """APNs refused one at 0; this one was taken at 9 and lost, though nobody ever wrote it."""
    events[0].clear()
    events[0].update(kind="vendor.rejected", host="apns")
    row.update(accepted_ns=9, dispatched_ns="", completed_ns=10)


def refused_early(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
    e[0].clear()
    e[0].update(kind="vendor.rejected", host="apns")


def test_differences_of_what_came_late_are_accounted_for(tmp_path: Path) -> None:
    simulated, live = tmp_path / "simulated", tmp_path / "live"
    report = fidelity(record(simulated, refused_early), record(live, late))
    [comparison] = report.comparisons
    assert [aspect.name for aspect in comparison.aspects if not aspect.same] == ["hops"]
    assert comparison.reason is not None
    assert report.explained == report.differences == 1
    for page in ("\n".join(markdown(report)), "\n".join(html(report))):
        assert "1 difference in the others, 1 of them accounted for" in page
        assert "hops (accounted for)" in page
        assert f"What it comes from: {comparison.reason}." in page


@pytest.mark.parametrize(("repetitions", "accounted_for"), [(1, True), (2, False)])
def test_what_was_sent_again_is_accounted_for_if_it_is_as_many(
    tmp_path: Path, repetitions: int, accounted_for: bool
) -> None:
    def changed(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
        late(s, e, r)
        e += [{"kind": "push.retry", "host": "gateway"}] * repetitions

    simulated, live = tmp_path / "simulated", tmp_path / "live"
    [comparison] = fidelity(record(simulated, refused_early), record(live, changed)).comparisons
    assert (comparison.reason is not None) is accounted_for


@pytest.mark.parametrize(("service", "accounted_for"), [("apns", True), (None, False)])
def test_one_more_connection_to_a_push_service_is_accounted_for_and_no_other(
    tmp_path: Path, service: str | None, accounted_for: bool
) -> None:
    def changed(s: dict[str, Any], e: list[dict[str, Any]], r: dict[str, Any]) -> None:
        late(s, e, r)
        s["fates"].update(delivered=0, lost=1)
        e.append(EVENTS[3] if service else EVENTS[0])

    simulated, live = tmp_path / "simulated", tmp_path / "live"
    [comparison] = fidelity(record(simulated, refused_early), record(live, changed)).comparisons
    assert (comparison.reason is not None) is accounted_for
