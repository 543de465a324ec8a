"""Records are read back as they were written, and times read well."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.reading import NotARecord, Record, clock, seconds
from tests.reports.complete import SUMMARY


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (350_000, "350 µs"),
        (12_345_678, "12.3 ms"),
        (999_900_000, "1000 ms"),
        (1_530_000_000, "1.53 s"),
        (59_000_000_000, "59 s"),
        (125_000_000_000, "2 min 5 s"),
        (3_600_000_000_000, "1 h"),
    ],
)
def test_a_virtual_time_is_shown_with_its_unit(ns: int | None, text: str) -> None:
    assert seconds(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.000 s"),
        (2_296_400_000, "2.296 s"),
        (59_999_900_000, "1:00.000"),
        (1_203_250_000_000, "20:03.250"),
        (3_602_000_000_000, "1:00:02.000"),
    ],
)
def test_a_point_in_virtual_time_has_milliseconds(ns: int, text: str) -> None:
    assert clock(ns) == text


def test_a_record_gives_its_events_in_order(write_record: Callable[..., Record]) -> None:
    times = [event["t"] for event in write_record().events()]
    assert len(times) > 20
    assert times == sorted(times)


def test_a_record_is_named_by_scenario_cell_and_seed(write_record: Callable[..., Record]) -> None:
    assert write_record().name == "A message reaches the phone [platform=ios], seed 42"


def test_a_directory_without_a_summary_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(NotARecord, match=r"summary\.json"):
        Record.read(tmp_path)


def test_a_broken_summary_is_said_to_be_broken(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(NotARecord, match=r"summary\.json is damaged: from line 1 on it is no JSON"):
        Record.read(tmp_path)


def test_a_summary_that_names_no_run_is_said_to_be_broken(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"format": 1}')
    with pytest.raises(NotARecord, match=r"summary\.json is damaged: name is missing"):
        Record.read(tmp_path)


def test_a_file_with_other_bytes_than_text_is_said_to_be_broken(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    (tmp_path / "trace.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(NotARecord, match=r"trace\.jsonl is damaged: it has bytes that are no text"):
        list(Record.read(tmp_path).events())
    (tmp_path / "summary.json").write_bytes(b"\xff")
    with pytest.raises(NotARecord, match=r"summary\.json is damaged: it has bytes"):
        Record.read(tmp_path)
