"""Each fault does what its name says, by the machinery that would do it in reality."""

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.engine.format.fault_catalog import FAULTS, HOSTS
from scenarios.engine.world.faults import Fault, inject
from scenarios.engine.world.faults.implemented import BEGIN
from sim.net.links import LINKS

Run = Callable[..., Any]

NOW = "window: { from: before_dispatch }"
TWO_MESSAGES = """\
flow:
  - { do: message, by: ana, with: { to: all, text: One two three } }
  - { do: wait,    with: { for: 10s } }
  - { do: message, by: ana, with: { to: all, text: Four five six } }
  - { do: wait,    with: { for: 60s } }
"""


def test_every_fault_of_the_catalog_is_implemented_and_no_other() -> None:
    assert sorted(BEGIN) == sorted(FAULTS)


# The network


@pytest.mark.parametrize(
    "fault",
    [
        "inject: latency, with: { latency: 2s }",
        "inject: jitter, with: { jitter: 10s }",
        "inject: bandwidth, with: { rate: 200B/s }",
        "inject: loss, with: { share: 40% }",
        "inject: partition, window: { to: 5s }",
        "inject: timeout, window: { to: 5s }",
        "inject: slicer, with: { average_size: 10B, delay: 50ms }",
    ],
)
def test_what_delays_is_noticed_by_its_delay_alone(run: Run, fault: str) -> None:
    quick = run().happened("vendor.accepted", service="gcm")[0]
    done = run(f"id: f, target: link.gateway-gcm, {fault}")
    assert done.result.verdict == "passed", done.failures
    slow = done.happened("vendor.accepted", service="gcm")[0]
    flows = [r.happened("step.started", n=1)[0]["t"] for r in (run(), done)]
    assert slow["t"] - flows[1] > quick["t"] - flows[0] + 100_000_000
    assert done.result.fates["delivered"] == 2
    assert done.result.faults[0].fired > 0


@pytest.mark.parametrize(
    "fault",
    [
        "inject: down, window: { to: 20s }",
        "inject: reset_peer, window: { to: 20s }",
        "inject: limit_data, with: { bytes: 100B }, window: { to: 20s }",
    ],
)
def test_what_ends_connections_makes_the_gateway_try_again(run: Run, fault: str) -> None:
    done = run(f"id: f, target: link.gateway-gcm, {fault}")
    assert done.result.verdict == "passed", done.failures
    assert done.happened("push.retry", provider="gcm")
    assert done.result.fates["delivered"] == 2


def test_a_slow_close_is_seen_late_at_the_other_end(run: Run) -> None:
    def delay(done: Any) -> float:
        opened, _ = done.happened("connection.opened", host="site", to="gateway")
        ends = done.happened("connection.closed", connection=opened["connection"])
        return float(ends[-1]["t"] - ends[0]["t"]) / 1e9

    slow = run("id: f, target: link.site-gateway, inject: slow_close, with: { delay: 20s }")
    assert slow.result.verdict == "passed", slow.failures
    assert delay(slow) == pytest.approx(delay(run()) + 20, abs=0.1)


def test_a_direction_cuts_one_way_only(run: Run) -> None:
    fault = "id: f, target: link.gateway-apns, inject: partition, window: { from: step 3 }"
    there = run(f"{fault}, direction: upstream", flow=TWO_MESSAGES)
    back = run(f"{fault}, direction: downstream", flow=TWO_MESSAGES)
    assert len(there.happened("vendor.accepted", service="apns")) == 1
    assert len(back.happened("vendor.accepted", service="apns")) == 2


def test_a_name_that_cannot_be_looked_up_is_that_of_the_links_other_end(run: Run) -> None:
    done = run("id: f, target: link.gateway-apns, inject: dns_failure")
    assert done.happened("provider.closed", provider="apns", reason="gaierror")
    assert not done.happened("vendor.accepted", service="apns")
    assert done.happened("vendor.accepted", service="gcm")


# Hosts


def test_a_power_cut_runs_no_clean_up_and_the_database_has_what_was_accepted(run: Run) -> None:
    done = run(
        "id: cut, target: link.gateway-apns, inject: down, window: { to: 30s }",
        "id: f, target: host.gateway, inject: crash, window: { from: 10s, for: 5s }",
    )
    assert done.result.verdict == "passed", done.failures
    [crash] = done.happened("host.crashed", host="gateway")
    [boot] = done.happened("host.booted", host="gateway")
    assert boot["t"] - crash["t"] == pytest.approx(5e9)
    between = [e for e in done.events if e["host"] == "gateway" and e["t"] == crash["t"]]
    assert {e["kind"] for e in between} <= {
        "fault.started", "fault.fired", "host.crashed", "connection.closed",
    }  # fmt: skip
    assert done.result.fates["delivered"] == 2
    assert len(done.happened("push.accepted")) == 2


def test_a_restart_closes_connections_in_good_order(run: Run) -> None:
    done = run(
        "id: f, target: host.gateway, inject: restart, window: { from: step 3, for: 20s }",
        flow=TWO_MESSAGES,
    )
    assert done.result.verdict == "passed", done.failures
    assert not done.happened("host.crashed")
    closed = done.happened("connection.closed", host="gateway")
    assert {event["how"] for event in closed} == {"fin"}
    assert done.happened("push.requested", status=0), "nobody listens meanwhile"


def test_a_server_that_two_faults_keep_down_comes_back_after_the_second(run: Run) -> None:
    done = run(
        "id: f, target: host.gateway, inject: restart, window: { from: 10s, for: 10s }",
        "id: g, target: host.gateway, inject: crash, window: { from: 15s, for: 10s }",
        "id: h, target: host.gateway, inject: crash, window: { from: 16s, for: 2s },"
        " may_not_fire: true",
    )
    assert done.result.verdict == "passed", done.failures
    [boot] = done.happened("host.booted", host="gateway")
    assert boot["t"] == done.happened("fault.ended", fault="g")[0]["t"]
    assert done.result.faults[2].fired == 0, "it was off already"


def test_a_paused_server_answers_late_and_nothing_is_lost(run: Run) -> None:
    done = run("id: f, target: host.gateway, inject: pause, window: { to: 5s }")
    assert done.result.verdict == "passed", done.failures
    accepted = done.happened("push.accepted")
    flow = done.happened("step.started", n=1)[0]["t"]
    assert all(event["t"] >= flow + 5e9 for event in accepted)
    assert done.result.fates["delivered"] == 2


@pytest.mark.parametrize(
    ("fault", "off"),
    [
        ("clock_offset, with: { offset: -2h }", -7200),
        ("clock_drift, with: { drift: 10% }", 1),
    ],
)
def test_a_wrong_clock_is_wrong_on_its_host_alone(run: Run, fault: str, off: float) -> None:
    done = run(
        f"id: f, target: host.gateway, inject: {fault}, window: {{ from: 10s, for: 20s }}",
        flow="flow:\n  - { do: wait, with: { for: 60s } }\n",
    )
    assert done.result.verdict == "passed", done.failures
    wrong, right = done.happened("host.clock", host="gateway")
    assert (wrong["offset"] or wrong["drift"] * 10) == pytest.approx(off)
    assert (right["offset"], right["drift"]) == (0, 0)


# Push services


BAD = "id: bad, target: device.phone, inject: token_corrupt, window: { from: before_dispatch }"


@pytest.mark.parametrize("fault", ["reject_delay", "close_delay"])
def test_apns_takes_its_time_to_reject_and_to_close(run: Run, fault: str) -> None:
    def took(done: Any) -> float:
        [rejected] = done.happened("vendor.rejected", service="apns")
        [closed] = done.happened("vendor.closed", service="apns", reason="rejected")
        return float(closed["t"] - rejected["t"]) / 1e9

    done = run(BAD, f"id: f, target: vendor.apns, inject: {fault}, with: {{ delay: 3s }}")
    assert done.result.verdict == "passed", done.failures
    if fault == "reject_delay":
        assert took(done) > 3
    assert done.result.faults[1].fired == 1


def test_a_lost_error_packet_leaves_the_gateway_with_silence(run: Run) -> None:
    done = run(BAD, "id: f, target: vendor.apns, inject: lost_error_packet, window: { to: 1s }")
    assert done.result.verdict == "passed", done.failures
    [retry] = done.happened("push.retry", provider="apns")
    assert retry["reason"] == "connection_closed"
    assert done.happened("push.rejected", reason="invalid_token"), "the second time it is told"


def test_a_wrong_error_packet_is_not_understood(run: Run) -> None:
    done = run(BAD, "id: f, target: vendor.apns, inject: wrong_error_packet, window: { to: 1s }")
    assert done.result.verdict == "passed", done.failures
    assert done.happened("push.retry", reason="connection_closed")


def test_gcm_says_when_to_come_back_and_the_gateway_obeys(run: Run) -> None:
    done = run(
        "id: f, target: vendor.gcm, inject: unavailable, with: { retry_after: 20s },"
        " window: { to: 5s }"
    )
    assert done.result.verdict == "passed", done.failures
    [retry] = done.happened("push.retry", provider="gcm")
    assert (retry["reason"], retry["delay"]) == ("http_503", 20)
    assert done.result.fates["delivered"] == 2


def test_an_answer_that_is_too_slow_makes_the_gateway_ask_again(run: Run) -> None:
    done = run(
        "id: f, target: vendor.gcm, inject: slow_answers, with: { delay: 45s }, window: { to: 5s }"
    )
    assert done.result.verdict == "passed", done.failures
    assert len(done.happened("vendor.accepted", service="gcm")) == 2
    assert done.result.fates["duplicate"] == 1


# Phones


def test_airplane_mode_is_over_at_the_end(run: Run) -> None:
    done = run("id: f, target: device.phone, inject: airplane_mode, window: { to: 30s }")
    assert done.result.verdict == "passed", done.failures
    [offline], [online] = done.happened("phone.offline"), done.happened("phone.online")
    assert online["t"] - offline["t"] == pytest.approx(30e9)
    assert done.result.fates["delivered"] == 2


def test_a_dead_path_is_told_to_nobody(run: Run) -> None:
    done = run(f"id: f, target: device.phone, inject: dead_path, {NOW}")
    assert done.happened("vendor.sent", service="apns")
    assert not done.happened("vendor.acked", service="apns")
    assert not done.happened("phone.handover")


def test_a_hand_over_is_told_to_the_phone(run: Run) -> None:
    done = run(f"id: f, target: device.phone, inject: handover, with: {{ to: cellular }}, {NOW}")
    assert done.result.verdict == "passed", done.failures
    [moved] = done.happened("host.moved", host="phone")
    sessions = done.happened("phone.session", host="phone")
    assert sessions[-1]["t"] - moved["t"] < 2e9
    phone = done.context.deployment.world.hosts["phone"]
    assert phone.link is LINKS["cellular"]
    assert done.result.fates["delivered"] == 2


@pytest.mark.parametrize("phone", ["phone", "tablet"])
def test_a_rotated_token_is_another_one(run: Run, phone: str) -> None:
    done = run(f"id: f, target: device.{phone}, inject: token_rotation, {NOW}")
    assert done.result.verdict == "passed", done.failures
    names = list(done.context.deployment.population.tokens.values())
    assert names.count(phone) == 2
    assert done.result.fates["delivered"] == (1 if phone == "phone" else 2)


# Fleets and chance


FLEET = """\
format: 1
name: Faults
world:
  gateway: { kind: airnotifier, app: moodle }
  site:    { kind: moodle }
devices:
  fleet: { count: 20, platform: ios, state: enabled }
"""
TO_ALL = """\
flow:
  - { do: message, by: admin, with: { to: all, text: One two three } }
  - { do: settle }
"""


@pytest.mark.parametrize(
    ("select", "count"), [("index: 7", 1), ("count: 5", 5), ("share: 25%", 5), ("share: 100%", 20)]
)
def test_phones_of_a_fleet_are_chosen(run: Run, select: str, count: int) -> None:
    fault = f"id: f, target: device.fleet, select: {{ {select} }}, inject: uninstall, {NOW}"
    done = run(fault, head=FLEET, flow=TO_ALL)
    assert done.result.verdict == "passed", done.failures
    assert done.result.fates["undeliverable"] == count
    assert done.result.faults[0].fired == count


def test_the_seed_chooses_the_phones(run: Run) -> None:
    fault = f"id: f, target: device.fleet, select: {{ count: 5 }}, inject: uninstall, {NOW}"

    def gone(seed: int) -> list[str]:
        done = run(fault, head=FLEET, flow=TO_ALL, seed=seed)
        return sorted(event["host"] for event in done.happened("app.state", state="uninstalled"))

    assert gone(1) == gone(1) != gone(2)


def test_a_probability_is_each_phones_own(run: Run) -> None:
    fault = "id: f, target: device.fleet, select: { share: 100% }, inject: uninstall,"
    done = run(f"{fault} probability: 50%, {NOW}", head=FLEET, flow=TO_ALL)
    assert 3 <= done.result.fates["undeliverable"] <= 17


def test_a_network_fault_of_a_fleet_meets_the_chosen_phones_only(run: Run) -> None:
    fault = "id: f, target: link.fleet-apns, select: { count: 5 }, inject: partition"
    done = run(fault, head=FLEET, flow=TO_ALL.replace("settle }", "wait, with: { for: 5s } }"))
    assert done.result.verdict == "passed", done.failures
    assert len(done.happened("phone.received")) == 15


def test_a_probability_is_each_connections_own(run: Run) -> None:
    fault = "id: f, target: link.fleet-apns, select: { share: 100% }, inject: partition,"
    flow = TO_ALL.replace("settle }", "wait, with: { for: 5s } }")
    done = run(f"{fault} probability: 50%", head=FLEET, flow=flow)
    assert 3 <= len(done.happened("phone.received")) <= 17


def test_where_the_power_may_fail_the_server_waits_for_the_disk(run: Run) -> None:
    def durability(host: str) -> dict[str, str]:
        fault = f"id: f, target: host.{host}, inject: crash, window: {{ from: 10s, for: 5s }}"
        servers = run(fault).context.deployment.services._servers._servers
        return {name: server.program.settings.durability for name, server in servers.items()}

    assert durability("gateway") == {"gateway": "full", "site": "normal"}
    assert durability("site") == {"gateway": "normal", "site": "full"}


# From Python


def test_the_same_from_python(run: Run) -> None:
    """A fault is injected and taken back by hand; nothing but the deployment is needed."""
    seen: list[int] = []

    class Meddler:
        def attach(self, context: Any, record: Any) -> None:
            self.deployment = context.deployment
            context.deployment.world.trace.listen(self.feed)

        def feed(self, event: Any) -> None:
            if event["kind"] == "step.started" and event["n"] == 1:
                given = {"id": "mine", "target": "vendor.gcm", "inject": "unavailable"}
                self.injection = inject(self.deployment, Fault.model_validate(given))
                self.deployment.world.env.call_later(5, self.stop)

        def stop(self) -> None:
            self.injection.end()
            seen.append(self.injection.fired)

        def detach(self) -> None: ...

    done = run(inspectors=[Meddler()])
    assert done.result.fates["delivered"] == 2
    assert seen[0] > 0
    assert done.happened("fault.ended", fault="mine", fired=seen[0])


def test_hosts_are_named_as_they_are_looked_up(run: Run) -> None:
    services = run().context.deployment.services
    assert all(host in services.hosts.names_of(host) for host in HOSTS)
    assert "gateway.push.apple.com" in services.hosts.names_of("apns")
