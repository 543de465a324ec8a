"""The timeline draws every hop of a run under the step it belongs to."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from reports.hops import Drawing, drawing
from reports.reading import Record
from reports.timeline import (
    CHARACTER,
    STEP_WIDTH,
    TIME_WIDTH,
    timeline_html,
    write_timeline,
)

WriteRecord = Callable[..., Record]


def hops(picture: Drawing) -> list[tuple[int, str, str | None]]:
    """(step, from, to) of all hops, without the marks."""
    return [
        (section.n, item.source, item.target)
        for section in picture.sections
        for item in section.items
        if item.target is not None
    ]


def test_lanes_run_from_people_over_servers_to_phones(write_record: WriteRecord) -> None:
    lanes = [lane.name for lane in drawing(write_record()).lanes]
    assert lanes == ["ana", "ben", "site", "gateway", "apns", "phone"]


def test_every_hop_stands_under_its_step(write_record: WriteRecord) -> None:
    assert hops(drawing(write_record())) == [
        (3, "phone", "gateway"),
        (4, "phone", "site"),
        (4, "phone", "site"),
        (5, "phone", "site"),
        (6, "ben", "site"),
        (7, "ana", "site"),
        (7, "site", "gateway"),
        (8, "gateway", "apns"),
        (9, "apns", "phone"),
    ]


def test_requests_of_one_step_follow_each_other(write_record: WriteRecord) -> None:
    login = drawing(write_record()).sections[3]
    first, second = (item for item in login.items if item.target)
    assert first.end == second.start


def test_a_hop_lasts_from_its_sending_to_its_arrival(write_record: WriteRecord) -> None:
    [arrival] = [i for i in drawing(write_record()).sections[8].items if i.target]
    assert (arrival.start, arrival.end) == (7_135_000_000, 7_520_000_000)


def test_a_fleet_is_one_lane_and_its_hops_are_counted(write_record: WriteRecord) -> None:
    fleet = {"name": "fleet", "role": "phone", "title": "fleet", "names": [], "count": 100}
    events: list[dict[str, Any]] = [
        {"t": 7_000_000_000, "kind": "step.started", "host": "engine", "n": n} for n in range(1, 10)
    ]
    for number in range(100):
        wire = {"service": "apns", "mid": "m", "device": f"fleet-{number}"}
        t = 7_001_000_000 + number
        events.append({"t": t, "kind": "vendor.sent", "host": "apns", **wire})
        phone = f"fleet-{number}"
        events.append(
            {"t": t + 5, "kind": "phone.received", "host": phone, **wire, "duplicate": False}
        )
    record = write_record(events, hosts=[fleet, *write_record().summary["hosts"]])
    [item] = [item for section in drawing(record).sections for item in section.items]
    assert (item.source, item.target, item.count) == ("apns", "fleet", 100)
    assert "100 \N{MULTIPLICATION SIGN} push arrives" in timeline_html(record)


def test_a_fault_is_marked_where_it_begins_and_ends_with_a_bar_between(
    write_record: WriteRecord,
) -> None:
    ms = 1_000_000
    fault = {"id": "cut", "inject": "partition", "target": "link.gateway-apns", "fired": 1}
    ends = {"start_ns": 2100 * ms, "end_ns": 7200 * ms}
    events = [
        {"t": ends["start_ns"], "kind": "fault.started", "host": "network", "fault": "cut"},
        {"t": ends["end_ns"], "kind": "fault.ended", "host": "network", "fault": "cut"},
    ]
    steps = [
        {"t": n * 1000 * ms, "kind": "step.started", "host": "engine", "n": n, "do": "", "by": ""}
        for n in range(1, 11)
    ]
    told = sorted([*steps, *events], key=lambda event: event["t"])
    record = write_record(told, faults=[{**fault, **ends}])
    marks = [(s.n, i.source, i.label) for s in drawing(record).sections for i in s.items]
    assert marks == [
        (2, "gateway", "partition begins (cut)"),
        (7, "gateway", "partition is over (cut)"),
    ]
    page = timeline_html(record)
    assert page.count('<rect class="fault"') == 1
    still = write_record(told[:-5], faults=[{**fault, **ends, "end_ns": None}])
    assert timeline_html(still).count('<rect class="fault"') == 1
    moment = write_record(told, faults=[{**fault, **ends, "end_ns": ends["start_ns"]}])
    assert 'class="fault"' not in timeline_html(moment)
    assert "partition (cut)" in timeline_html(moment)


def test_the_page_is_complete_in_itself(write_record: WriteRecord) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.links: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "!doctype"):
                self.open.append(tag)
            self.links += [
                value or "" for name, value in attrs if name in ("href", "src", "srcset")
            ]

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    page = write_timeline(write_record()).read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.links == []
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page


def test_all_ten_steps_are_named(write_record: WriteRecord) -> None:
    page = timeline_html(write_record())
    for n in range(1, 11):
        assert f">{n}</text>" in page
    assert "The user opens the app" in page


def test_a_call_of_the_web_service_goes_by_its_function(write_record: WriteRecord) -> None:
    [call] = [item for item in drawing(write_record()).sections[4].items if item.target]
    assert call.label == "add_device() → 200"


def test_a_step_shows_when_it_begins(write_record: WriteRecord) -> None:
    page = timeline_html(write_record())
    times = re.findall(r'class="time"[^>]*>([^<]*)<', page)
    assert times[:3] == ["1.000 s", "2.000 s", "3.000 s"], "step 1 at its mark, 2 has none"
    assert times[3:5] == ["3.050 s", "4.000 s"], "what happens first in step 3 begins with it"


def test_a_label_covers_neither_the_times_nor_the_edge(write_record: WriteRecord) -> None:
    long = "/a/very/long/path/that/is/wider/than/the/space/between/two/lanes/and/then/some.php"
    request = {"kind": "http.request", "host": "ana-browser", "method": "POST", "status": 200}
    steps = {"kind": "step.started", "host": "engine", "do": "", "by": "", "t": 1000, "n": 1}
    event = {**request, "server": "site", "path": long, "t": 2000}
    page = timeline_html(write_record([steps, event]))
    [middle] = re.findall(r'<text x="([0-9.]+)" y="[0-9.]+">POST /a', page)
    assert float(middle) - CHARACTER * len(f"POST {long} → 200") / 2 > STEP_WIDTH + TIME_WIDTH - 1


def test_what_comes_from_a_scenario_cannot_break_out_of_the_page(
    write_record: WriteRecord,
) -> None:
    evil = "<script>alert(1)</script>"
    record = write_record(name=evil, verdict="failed", failures=[evil], command=evil)
    assert "<script" not in timeline_html(record)


def test_a_failed_run_shows_its_failures_first(write_record: WriteRecord) -> None:
    page = timeline_html(write_record(verdict="failed", failures=["error[fate]: lost: 1"]))
    assert page.index("error[fate]: lost: 1") < page.index("<svg")
