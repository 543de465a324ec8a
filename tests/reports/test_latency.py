"""Latencies: which notifications count, how percentiles are taken, and the figure on the page."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from reports.latency import ENOUGH, axis_ticks, latencies, latency_html, percentile
from reports.reading import Record

SECOND = 1_000_000_000


def record_of(path: Path, rows: Sequence[tuple[str, int | None, int | None]]) -> Record:
    """A record with these notifications: provider, nanoseconds of creation and of arrival."""
    with (path / "notifications.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["provider", "created_ns", "received_ns"])
        writer.writerows(rows)
    return Record(path, {"mode": "simulated"})


def test_only_what_arrived_has_a_latency(tmp_path: Path) -> None:
    record = record_of(
        tmp_path,
        [
            ("gcm", SECOND, 4 * SECOND),
            ("apns", SECOND, 2 * SECOND),
            ("apns", SECOND, None),
            ("gcm", None, None),
            ("gcm", SECOND, SECOND * 3 // 2),
        ],
    )
    assert latencies(record) == {"apns": [1.0], "gcm": [0.5, 3.0]}


@pytest.mark.parametrize(("share", "value"), [(50, 2.0), (51, 3.0), (75, 3.0), (99, 4.0), (1, 1.0)])
def test_a_percentile_is_the_nearest_rank(share: int, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value


def test_few_deliveries_are_not_drawn(tmp_path: Path) -> None:
    rows = [("apns", 0, SECOND)] * (ENOUGH - 1)
    assert latency_html(record_of(tmp_path, rows)) == ""


def test_the_page_has_a_line_and_a_row_for_each_push_service(tmp_path: Path) -> None:
    rows = [("apns", 1, n * SECOND // 10) for n in range(1, ENOUGH)] + [("gcm", 1, 7 * SECOND)]
    page = latency_html(record_of(tmp_path, rows))
    assert "APNs" in page
    assert "<td>1</td><td>7.000 s</td><td>7.000 s</td><td>7.000 s</td><td>7.000 s</td>" in page
    assert 'role="img"' in page
    assert "<?xml" not in page


@pytest.mark.parametrize(
    ("times", "labelled"),
    [
        ([0.12, 0.32, 0.45], [0.1, 0.2, 0.3, 0.4, 0.5]),
        ([0.06, 0.2, 1.7], [0.05, 0.1, 0.2, 0.5, 1, 2]),
        ([0.06, 960.0], [0.01, 0.1, 1, 10, 100, 1000]),
        ([0.3] * 20, [0.3, 0.4, 0.5]),
        ([1.0, 10.0], [1, 2, 5, 10]),
    ],
)
def test_the_labels_of_the_axis_span_the_data(times: list[float], labelled: list[float]) -> None:
    ticks, others = axis_ticks(times)
    assert ticks == labelled
    assert not set(ticks) & set(others)
    assert all(ticks[0] < tick < ticks[-1] for tick in others)


def test_the_figure_says_that_its_axis_is_logarithmic(tmp_path: Path) -> None:
    rows = [("apns", 1, n * SECOND // 40) for n in range(5, 5 + ENOUGH)]
    page = latency_html(record_of(tmp_path, rows))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", page)
    assert "seconds (logarithmic)" in texts
    assert {"0.1", "0.2", "0.5", "1"} <= set(texts), "the longest took 0.6 s"


def test_the_same_record_is_drawn_the_same_to_the_byte(tmp_path: Path) -> None:
    record = record_of(tmp_path, [("apns", 1, n * SECOND) for n in range(1, 40)])
    assert latency_html(record) == latency_html(record)
