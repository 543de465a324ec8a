"""The timeline draws every hop of a run under the step it belongs to."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, get_args

from reports.drawn import Drawing, Tone
from reports.hops import drawing
from reports.reading import Record
from reports.timeline import (
    CHARACTER,
    STEP_WIDTH,
    TIME_WIDTH,
    timeline_html,
    write_timeline,
)

WriteRecord = Callable[..., Record]

MS = 1_000_000


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


def step(n: int, ms: int) -> dict[str, Any]:
    return {"t": ms * MS, "kind": "step.started", "host": "engine", "n": n, "do": "", "by": ""}


def arrivals(number: int, ms: int) -> list[dict[str, Any]]:
    """A push is sent to the phone, and is there 5 ms later."""
    wire = {"service": "apns", "mid": f"m{number}", "device": "phone"}
    sent = {"t": ms * MS, "kind": "vendor.sent", "host": "apns", **wire}
    received = {"kind": "phone.received", "host": "phone", "duplicate": False, **wire}
    return [sent, {"t": (ms + 5) * MS, **received}]


def rows(picture: Drawing) -> list[tuple[int, int, str]]:
    """(milliseconds, count, label) of all rows from top to bottom."""
    return [
        (item.start // MS, item.count, item.label)
        for section in picture.sections
        for item in section.items
    ]


def test_the_description_stands_above_the_drawing(write_record: WriteRecord) -> None:
    page = timeline_html(write_record(description="Bold <and> short"))
    assert page.index("<p>Bold &lt;and&gt; short</p>") < page.index("<figure>")
    assert "<p></p>" not in timeline_html(write_record())


def test_a_live_run_took_real_time_and_has_no_digest(write_record: WriteRecord) -> None:
    record = write_record()
    assert "virtual time" in timeline_html(record)
    record.summary.update(mode="live", wire_digest="")
    page = timeline_html(record)
    assert "real time" in page
    assert "virtual time" not in page
    assert "wire digest" not in page


def test_every_hop_stands_under_the_step_in_which_it_begins(write_record: WriteRecord) -> None:
    assert hops(drawing(write_record())) == [
        (3, "phone", "gateway"),
        (4, "phone", "site"),
        (4, "phone", "site"),
        (5, "phone", "site"),
        (6, "ben", "site"),
        (7, "ana", "site"),
        (7, "site", "gateway"),
        (7, "gateway", "apns"),
        (7, "apns", "phone"),
    ]


def test_no_row_stands_above_one_that_began_earlier(write_record: WriteRecord) -> None:
    times = [time for time, _, _ in rows(drawing(write_record()))]
    assert times == sorted(times)


def test_a_step_whose_work_was_done_before_it_began_says_so(write_record: WriteRecord) -> None:
    sections = drawing(write_record()).sections
    assert [section.n for section in sections if section.early] == [8, 9]
    assert timeline_html(write_record()).count("begun before, see above") == 2


def test_what_begins_with_a_step_stands_under_it_and_not_under_the_step_before(
    write_record: WriteRecord,
) -> None:
    steps = [step(n, n * 1000) for n in range(1, 11)]
    told = [*steps[:9], *arrivals(1, 9000), steps[9]]
    assert hops(drawing(write_record(told))) == [(9, "apns", "phone")]
    late = [*steps[:9], *arrivals(1, 10_000)]
    assert hops(drawing(write_record([*late, steps[9]]))) == [(9, "apns", "phone")], "either fits"


def test_alike_hops_shortly_after_each_other_are_one_row(write_record: WriteRecord) -> None:
    told = [step(1, 1000)]
    for number in range(20):
        told += arrivals(number, 1000 + 45 * number)
    assert rows(drawing(write_record(told))) == [(1000, 20, "push arrives")]


def test_a_longer_gap_parts_alike_hops(write_record: WriteRecord) -> None:
    told = [step(1, 1000)]
    for number in range(20):
        told += arrivals(number, 1000 + number + (number >= 15) * 300)
    assert rows(drawing(write_record(told))) == [
        (1000, 15, "push arrives"),
        (1315, 5, "push arrives"),
    ]


def test_a_fault_between_alike_hops_stands_between_their_rows(write_record: WriteRecord) -> None:
    fault = {"id": "cut", "inject": "crash", "target": "host.gateway", "fired": 1}
    told = [step(1, 1000)]
    for number in range(20):
        told += arrivals(number, 1000 + 10 * number)
    told.append({"t": 1102 * MS, "kind": "fault.started", "host": "gateway", "fault": "cut"})
    told.append({"t": 1152 * MS, "kind": "push.retry", "host": "gateway", "reason": "timeout"})
    told.sort(key=lambda event: event["t"])
    record = write_record(told, faults=[{**fault, "start_ns": 1102 * MS, "end_ns": None}])
    drawn = rows(drawing(record))
    assert [(time, count) for time, count, _ in drawn] == [
        (1000, 11),
        (1102, 1),
        (1110, 5),
        (1152, 1),
        (1160, 4),
    ]


def test_requests_of_one_step_follow_each_other(write_record: WriteRecord) -> None:
    login = drawing(write_record()).sections[3]
    first, second = (item for item in login.items if item.target)
    assert first.end == second.start


def test_a_hop_lasts_from_its_sending_to_its_arrival(write_record: WriteRecord) -> None:
    [arrival] = [
        item
        for section in drawing(write_record()).sections
        for item in section.items
        if item.label == "push arrives"
    ]
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
        (2, "gateway", "partition of gateway-apns begins (cut)"),
        (7, "gateway", "partition of gateway-apns is over (cut)"),
    ]
    page = timeline_html(record)
    assert page.count('<rect class="fault"') == 1
    still = write_record(told[:-5], faults=[{**fault, **ends, "end_ns": None}])
    assert timeline_html(still).count('<rect class="fault"') == 1
    moment = write_record(told, faults=[{**fault, **ends, "end_ns": ends["start_ns"]}])
    assert 'class="fault"' not in timeline_html(moment)
    assert "partition of gateway-apns (cut)" in timeline_html(moment)


def test_a_fault_that_changed_nothing_is_one_quiet_mark_without_a_bar(
    write_record: WriteRecord,
) -> None:
    fault = {"id": "cut", "inject": "crash", "target": "host.gateway", "fired": 0}
    ends = {"start_ns": 2100 * MS, "end_ns": 7200 * MS}
    told = [step(n, n * 1000) for n in range(1, 11)]
    told.append({"t": 2100 * MS, "kind": "fault.started", "host": "gateway", "fault": "cut"})
    told.append({"t": 7200 * MS, "kind": "fault.ended", "host": "gateway", "fault": "cut"})
    told.sort(key=lambda event: event["t"])
    record = write_record(told, faults=[{**fault, **ends}])
    [mark] = [item for section in drawing(record).sections for item in section.items]
    assert (mark.label, mark.tone) == ("crash of gateway has no effect (cut)", "quiet")
    assert not mark.turn
    assert '<rect class="fault"' not in timeline_html(record)


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


def test_the_legend_has_every_kind_of_arrow_dot_and_bar(write_record: WriteRecord) -> None:
    page = timeline_html(write_record())
    [tones] = re.findall(r'<figcaption>\s*(<span class="key.*</span>)', page, re.DOTALL)
    keys = re.findall(r'class="key (\w+)"', tones)
    assert set(get_args(Tone)) <= set(keys)
    assert "fault" in keys
    for key in keys:
        assert f".key.{key}::before" in page


def test_lanes_and_bars_run_behind_labels_and_labels_behind_arrows(
    write_record: WriteRecord,
) -> None:
    picture = drawing(write_record())
    page = timeline_html(write_record())
    assert page.count('<rect class="behind"') == sum(len(s.items) for s in picture.sections)
    _, *bands = page.split('<g class="step">')
    crossed = [band for band in bands if 'class="hop' in band]
    assert len(crossed) == 5
    assert all(band.rindex('class="behind"') < band.index('class="hop') for band in crossed)
    assert page.rindex('class="life"') < page.index('class="behind"')


def test_what_comes_from_a_scenario_cannot_break_out_of_the_page(
    write_record: WriteRecord,
) -> None:
    evil = "<script>alert(1)</script>"
    record = write_record(name=evil, verdict="failed", failures=[evil], command=evil)
    assert "<script" not in timeline_html(record)


def test_a_failed_run_shows_its_failures_first(write_record: WriteRecord) -> None:
    page = timeline_html(write_record(verdict="failed", failures=["error[fate]: lost: 1"]))
    assert page.index("error[fate]: lost: 1") < page.index("<svg")
