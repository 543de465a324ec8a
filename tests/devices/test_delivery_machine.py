"""Whatever happens to the network between a phone and its push service: no message is lost, none is
shown twice, and they come in order. Where the service keeps only some for a phone that is away, no
more than these are sent again, and the others are said to have gone."""

import asyncio
import json
import struct
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devices.http import HttpClient
from devices.moodle_app import MoodleApp
from sim.net.faults import FaultHandle, Partition, ResetPeer
from sim.net.links import LINKS
from sim.world import World
from tests.devices.parts import (
    API_KEY,
    APP_ID,
    android,
    apns,
    bring_to,
    gcm,
    iphone,
    message,
    text_pairs,
    token_of,
)

PLENTY = 2 * 3600
"""Seconds after which every heartbeat has found out about its connection."""

moments = st.sampled_from([0, 0.03, 0.1, 0.3, 5, 1000])


class Delivery(RuleBasedStateMachine):
    """A phone with the app closed, and somebody who sends to it."""

    server: str
    limit = 1000
    """Messages that the service keeps for a phone that is away."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(seed=1)
        self.world.__enter__()
        self.app = self.set_up()
        self.phone = self.app.phone
        self.token = token_of(self.world, self.app)
        bring_to(self.world, self.app, "closed")
        self.wait(5)
        self.pushed = 0
        self.cuts: dict[str, FaultHandle] = {}
        self.there = True
        self.events = self.world.trace.keep()

    def set_up(self) -> MoodleApp:
        """Start the push service, the phone, and the sender's connection."""
        raise NotImplementedError

    def send(self, number: int) -> None:
        """Send a push about this message."""
        raise NotImplementedError

    # -- what may happen

    @rule(amount=st.integers(1, 3), then=moments)
    def push(self, amount: int, then: float) -> None:
        for _ in range(amount):
            self.pushed += 1
            self.send(self.pushed)
        self.wait(then)

    @rule()
    def switch(self) -> None:
        """The phone off or on."""
        (self.phone.power_off if self.phone.powered else self.phone.power_on)()

    @precondition(lambda self: self.there)
    @rule()
    def airplane_mode(self) -> None:
        radio = self.phone.radio
        (radio.go_offline if radio.online else radio.go_online)()

    @precondition(lambda self: self.phone.radio.online)
    @rule()
    def tunnel(self) -> None:
        """Into it or out of it: the phone does not notice."""
        self.there = not self.there
        (self.phone.host.reconnect if self.there else self.phone.host.disconnect)()

    @precondition(lambda self: self.phone.radio.online and self.there)
    @rule(link=st.sampled_from(["wifi", "cellular"]), then=moments)
    def hand_over(self, link: str, then: float) -> None:
        self.phone.host.move(LINKS[link])
        self.phone.radio.network_changed()
        self.wait(then)

    @rule(direction=st.sampled_from(["upstream", "downstream"]))
    def one_direction(self, direction: Any) -> None:
        """Lose what goes there, or lose it no more."""
        cut = self.cuts.pop(direction, None)
        if cut is not None:
            cut.remove()
        else:
            fault = Partition(between=(self.phone.name, self.server), direction=direction)
            self.cuts[direction] = self.world.faults.add(fault)

    @rule(then=moments)
    def reset_what_is_open(self, then: float) -> None:
        self.world.faults.add(ResetPeer(between=(self.phone.name, self.server))).remove()
        self.wait(then)

    @rule(then=moments)
    def answers_get_lost(self, then: float) -> None:
        """The phone hears, is not heard, and connects anew."""
        self.one_direction("upstream")
        self.push(2, 0.3)
        self.one_direction("upstream")
        self.reset_what_is_open(then)

    def wait(self, seconds: float) -> None:
        self.world.run(self.world.env.timeout(seconds))

    # -- what must be true

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    @invariant()
    def none_is_shown_twice_and_they_come_in_order(self) -> None:
        names = {event["mid"]: event["nid"] for event in self.of_kind("vendor.sent")}
        shown = [int(names[e["mid"]][1:]) for e in self.of_kind("phone.displayed")]
        assert shown == sorted(set(shown))

    @invariant()
    def no_more_are_sent_again_than_the_service_keeps(self) -> None:
        again = Counter(event["t"] for event in self.of_kind("vendor.sent") if event["redelivery"])
        assert max(again.values(), default=0) <= self.limit

    def teardown(self) -> None:
        try:
            self.all_have_come_when_everything_is_well()
        finally:
            self.world.__exit__(None, None, None)

    def all_have_come_when_everything_is_well(self) -> None:
        if self.phone.radio.online and not self.there:
            self.phone.host.reconnect()
        for cut in self.cuts.values():
            cut.remove()
        self.phone.radio.go_online()
        self.phone.power_on()
        self.wait(PLENTY)
        self.none_is_shown_twice_and_they_come_in_order()
        self.no_more_are_sent_again_than_the_service_keeps()
        names = {event["mid"]: event["nid"] for event in self.of_kind("vendor.sent")}
        displayed = {names[e["mid"]] for e in self.of_kind("phone.displayed")}
        gone = {event["nid"] for event in self.of_kind("vendor.collapsed")}
        assert len(displayed | gone) == self.pushed
        assert len(self.of_kind("vendor.acked")) + len(gone) == self.pushed
        assert not gone or self.limit < 1000


class ToIphone(Delivery):
    server = "apns"

    def set_up(self) -> MoodleApp:
        apns(self.world, stored_per_app=self.limit)
        issued = self.world.ca.issue("provider", uid=APP_ID, environments=["production"])
        tls = self.world.ca.client_context(issued)

        async def connect() -> asyncio.StreamWriter:
            return (await asyncio.open_connection("apns", 2195, ssl=tls, server_hostname="apns"))[1]

        self.provider = self.world.run(connect)
        return iphone(self.world)

    def send(self, number: int) -> None:
        payload = json.dumps(message(number)).encode()
        frame = struct.pack(">BIIH", 1, number, 2**31 - 1, 32) + bytes.fromhex(self.token)

        async def write() -> None:
            self.provider.write(frame + struct.pack(">H", len(payload)) + payload)

        self.world.run(write)


class ToAndroid(Delivery):
    server = "gcm"

    def set_up(self) -> MoodleApp:
        gcm(self.world, max_pending=self.limit)
        tls = self.world.ca.client_context()
        self.http = HttpClient(self.world.operator, user_agent="sender", tls=tls)
        return android(self.world)

    def send(self, number: int) -> None:
        body = json.dumps({"to": self.token, "data": text_pairs(number)}).encode()
        headers = {"Authorization": f"key={API_KEY}", "Content-Type": "application/json"}
        sending = self.http.request("POST", "https://gcm/gcm/send", headers=headers, body=body)
        assert self.world.run(sending).status == 200


TestToIphone = ToIphone.TestCase
TestToIphone.settings = settings(max_examples=100, stateful_step_count=25)
TestToAndroid = ToAndroid.TestCase
TestToAndroid.settings = TestToIphone.settings


class ToIphoneAsItIs(ToIphone):
    limit = 1


class ToAndroidWithFewPending(ToAndroid):
    limit = 2


TestToIphoneAsItIs = ToIphoneAsItIs.TestCase
TestToIphoneAsItIs.settings = TestToIphone.settings
TestToAndroidWithFewPending = ToAndroidWithFewPending.TestCase
TestToAndroidWithFewPending.settings = TestToIphone.settings
