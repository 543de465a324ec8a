"""The recorder: events in order, to every listener, as lines of JSON."""

import json

from sim.kernel.environment import SimEnvironment
from sim.trace.recorder import Event, Recorder, line_of


def test_an_event_has_its_time_in_nanoseconds_its_host_and_its_fields_in_order() -> None:
    env = SimEnvironment(start=1.25)
    recorder = Recorder(env)
    events = recorder.keep()
    recorder.emit("vendor.sent", "apns", nid="n1", redelivery=False, size=3, at=None, rate=0.5)
    env.advance_to(2.000_000_001)
    recorder.emit("phone.received", "phone")
    assert events == [
        {
            "t": 1_250_000_000,
            "host": "apns",
            "kind": "vendor.sent",
            "nid": "n1",
            "redelivery": False,
            "size": 3,
            "at": None,
            "rate": 0.5,
        },
        {"t": 2_000_000_001, "host": "phone", "kind": "phone.received"},
    ]
    assert list(events[0]) == ["t", "host", "kind", "nid", "redelivery", "size", "at", "rate"]


def test_listeners_hear_each_event_in_the_order_in_which_they_were_added() -> None:
    recorder = Recorder(SimEnvironment())
    heard: list[tuple[str, str]] = []
    recorder.emit("before.anybody", "listens")
    for name in ("first", "second"):
        recorder.listen(lambda event, name=name: heard.append((name, event["kind"])))
    recorder.emit("a.b", "host")
    recorder.emit("c.d", "host")
    assert heard == [("first", "a.b"), ("second", "a.b"), ("first", "c.d"), ("second", "c.d")]


def test_all_listeners_see_the_same_event() -> None:
    recorder = Recorder(SimEnvironment())
    seen: list[Event] = []
    recorder.listen(seen.append)
    recorder.listen(seen.append)
    recorder.emit("a.b", "host")
    assert seen[0] is seen[1]


def test_a_field_may_have_the_name_of_a_parameter() -> None:
    recorder = Recorder(SimEnvironment())
    events = recorder.keep()
    recorder.emit("a.b", "machine", self="x")
    assert events[0]["self"] == "x"


def test_a_line_is_compact_json_with_text_as_it_is() -> None:
    event: Event = {"t": 5, "host": "Zoë", "kind": "a.b", "text": 'a "quote"\nline', "none": None}
    line = line_of(event)
    assert line == '{"t":5,"host":"Zoë","kind":"a.b","text":"a \\"quote\\"\\nline","none":null}'
    assert json.loads(line) == event
