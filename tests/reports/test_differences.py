"""Two records are compared event by event, and what came of them value by value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.differences import (
    ABSENT,
    Change,
    first_difference,
    provenance_changes,
    summary_changes,
)
from reports.reading import NotARecord, Record
from tests.reports.complete import MANIFEST, STEP, SUMMARY

Write = Callable[..., Record]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a record of that name: its events, changes to its summary, changes to its manifest."""

    def write(
        name: str,
        events: list[dict[str, Any]],
        summary: dict[str, Any] | None = None,
        manifest: dict[str, Any] | None = None,
    ) -> Record:
        path = tmp_path / name
        path.mkdir()
        outcome = {**SUMMARY, "fates": {"lost": 0}, **(summary or {})}
        (path / "summary.json").write_text(json.dumps(outcome))
        made = {**MANIFEST, **(manifest or {})}
        (path / "manifest.json").write_text(json.dumps(made))
        (path / "trace.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
        return Record.read(path)

    return write


def story(length: int, **last: Any) -> list[dict[str, Any]]:
    """That many events; the last one with other fields."""
    events: list[dict[str, Any]] = [
        {"t": place, "host": "gateway", "kind": "push.accepted", "push": place}
        for place in range(length)
    ]
    events[-1] |= last
    return events


def test_records_of_the_same_run_have_no_difference(write: Write) -> None:
    left, right = write("left", story(9)), write("right", story(9))
    assert first_difference(left, right) is None
    assert summary_changes(left, right) == []
    assert provenance_changes(left, right) == []


def test_the_first_event_that_differs_comes_with_its_fields_and_what_was_before(
    write: Write,
) -> None:
    left = write("left", [*story(8), {"t": 9, "host": "site", "kind": "a"}])
    right = write("right", [*story(8, push=None, app="x"), {"t": 9, "host": "apns", "kind": "b"}])
    found = first_difference(left, right)
    assert found is not None
    assert found.number == 8
    assert found.fields == [Change("push", 7, None), Change("app", ABSENT, "x")]
    assert [event["push"] for event in found.before] == [4, 5, 6]


def test_the_order_of_the_fields_is_no_difference(write: Write) -> None:
    left = write("left", [{"t": 1, "host": "a", "kind": "k"}])
    assert first_difference(left, write("right", [{"kind": "k", "host": "a", "t": 1}])) is None


def test_a_number_and_a_truth_are_not_equal(write: Write) -> None:
    found = first_difference(write("left", story(2, push=1)), write("right", story(2, push=True)))
    assert found is not None
    assert found.fields == [Change("push", 1, True)]


def test_a_trace_that_ends_earlier_differs_there(write: Write) -> None:
    found = first_difference(write("left", story(3)), write("right", story(5)))
    assert found is not None
    assert (found.number, found.left) == (4, None)
    assert found.right == story(5)[3]


def test_the_comparison_ends_where_it_is_told_to(write: Write) -> None:
    left, right = write("left", story(3)), write("right", story(5))
    assert first_difference(left, right, upto=3) is None
    assert first_difference(left, right, upto=4) is not None


def test_outcomes_are_compared_value_by_value_but_not_the_names_of_files(write: Write) -> None:
    steps = [{**STEP, "status": "passed", "end_ns": 5}]
    left = write("left", story(1), {"file": "a.yaml", "steps": steps})
    failed = [{**STEP, "status": "failed", "end_ns": 6}]
    right = write("right", story(1), {"file": "b.yaml", "fates": {"lost": 2}, "steps": failed})
    assert summary_changes(left, right) == [
        Change("steps.1.status", "passed", "failed"),
        Change("fates.lost", 0, 2),
    ]


def test_versions_are_told(write: Write) -> None:
    left = write("left", story(1), manifest={"packages": {"aiohttp": "3.12.0"}, "ended": "now"})
    right = write("right", story(1), manifest={"packages": {"aiohttp": "3.13.0"}, "ended": "then"})
    assert provenance_changes(left, right) == [Change("packages.aiohttp", "3.12.0", "3.13.0")]


@pytest.mark.parametrize("line", ["{", "[]", '{"t": 1}', "\x00"])
def test_a_broken_line_is_named(write: Write, line: str) -> None:
    left, right = write("left", story(3)), write("right", story(3))
    with (right.path / "trace.jsonl").open("a") as trace:
        trace.write(line)
    with pytest.raises(NotARecord, match=r"right/trace\.jsonl:4: this line is not an event"):
        first_difference(left, right)


def test_a_record_without_a_trace_is_said_to_have_none(write: Write) -> None:
    left, right = write("left", story(3)), write("right", story(3))
    (right.path / "trace.jsonl").unlink()
    with pytest.raises(NotARecord, match=r"right/trace\.jsonl: No such file"):
        first_difference(left, right)
