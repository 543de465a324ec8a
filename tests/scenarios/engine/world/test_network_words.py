"""Links, NAT and the cost of work, as a scenario has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.radio import Radio
from scenarios.engine.commands.live_limits import refusals
from scenarios.engine.format.loader import load
from sim.net.shaping import TransmissionQueue

Run = Callable[..., Any]

HEAD = """\
format: 1
name: Network
world:
  gateway: {{ kind: airnotifier, app: moodle{gateway} }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student, eva: student }}{site} }}
{world}
devices:
  phone:  {{ platform: ios, owner: ben, state: enabled{phone} }}
  tablet: {{ platform: android, owner: eva, state: enabled }}
"""
SEND = """\
flow:
  - { do: message, by: ana, with: { to: all, text: One two three } }
  - { do: wait,    with: { for: 2m } }
"""


def head(world: str = "", gateway: str = "", site: str = "", phone: str = "") -> str:
    return HEAD.format(world=f"  {world}" if world else "", gateway=gateway, site=site, phone=phone)


def seconds_to(done: Any, host: str) -> float:
    """From the beginning of the flow to the receipt."""
    [received] = done.happened("phone.received", host=host)
    return (received["t"] - done.happened("step.started", n=1)[0]["t"]) / 1e9


@pytest.mark.parametrize("link", ["latency: 2s", "jitter: 10s", "bandwidth: 100B/s", "loss: 40%"])
def test_a_link_of_one_host_slows_that_host_and_no_other(run: Run, link: str) -> None:
    plain = run(head=head(), flow=SEND)
    done = run(head=head(f"links: {{ phone: {{ {link} }} }}"), flow=SEND)
    assert seconds_to(done, "phone") > seconds_to(plain, "phone") + 0.1
    assert seconds_to(done, "tablet") == pytest.approx(seconds_to(plain, "tablet"), abs=0.05)


def test_a_link_of_the_whole_world_and_one_of_a_host_go_together(run: Run) -> None:
    network = "network: { bandwidth: 64KiB/s, queue: 32KiB }"
    world = f"{network}\n  links: {{ site: {{ latency: 1s }}, ana: {{ loss: 5% }} }}"
    hosts = run(head=head(world), flow=SEND).context.deployment.world.hosts
    assert hosts["gateway"].link.bandwidth == 65_536
    assert (hosts["site"].link.latency, hosts["site"].link.queue) == (1.0, 32_768)
    assert hosts["phone"].link.latency == 0.012, "as Wi-Fi has it"
    assert hosts["ana-browser"].link.loss == 0.05


def test_a_full_queue_loses_packets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = "links: {{ gateway: {{ bandwidth: 2KiB/s{0} }} }}"
    enter = TransmissionQueue.enter
    lost = []

    def counting(self: TransmissionQueue, now: float, size: int) -> float | None:
        duration = enter(self, now, size)
        if duration is None:
            lost.append(size)
        return duration

    monkeypatch.setattr(TransmissionQueue, "enter", counting)
    run(head=head(narrow.format("")), flow=SEND)
    assert lost == []
    tight = run(head=head(narrow.format(", queue: 300B")), flow=SEND)
    assert lost
    assert tight.result.fates["delivered"] == 2


def test_another_network_is_behind_the_same_settings(run: Run) -> None:
    fault = "id: h, target: device.phone, inject: handover, with: { to: cellular }"
    links = [
        run(fault, head=head(world), flow=SEND).context.deployment.world.hosts["phone"].link
        for world in ("", "links: { phone: { loss: 1% } }")
    ]
    assert [link.latency for link in links] == [0.06, 0.06]
    assert [link.loss for link in links] == [0.0, 0.01]


def test_a_nat_forgets_an_idle_phone_and_the_message_waits_for_its_heartbeat(run: Run) -> None:
    flow = "flow:\n  - { do: wait, with: { for: 10m } }\n" + SEND.removeprefix("flow:\n").replace(
        "2m", "20m"
    )
    plain = run(head=head(), flow=flow)
    done = run(head=head(phone=", nat: 5m"), flow=flow)
    assert seconds_to(plain, "phone") < 610
    assert seconds_to(done, "phone") > 840, "heartbeats are 15 minutes apart"
    assert done.result.fates["delivered"] == 2


@pytest.mark.parametrize(
    ("gateway", "site"),
    [
        (", cost: { push: 2s }", ""),
        ("", ", cost: { service: 1s }"),
        (", cost: { cores: 2, push: 2s }", ""),
    ],
)
def test_work_takes_its_time(run: Run, gateway: str, site: str) -> None:
    plain = run(head=head(), flow=SEND)
    done = run(head=head(gateway=gateway, site=site), flow=SEND)
    assert seconds_to(done, "tablet") > seconds_to(plain, "tablet") + 1.9


def test_a_world_in_which_no_phone_can_be_set_up_is_a_failure_that_says_so(run: Run) -> None:
    done = run(head=head("links: { phone: { loss: 80% } }"), flow=SEND)
    assert done.result.verdict == "failed"
    assert "faults.yaml:7:1: error[set-up]: the phones cannot be set up" in done.failures


@pytest.mark.parametrize(
    "phone", ["platform: ios", "platform: ios, registration: app2013", "platform: android"]
)
@pytest.mark.parametrize("loss", ["95%", "99.9%"])
def test_a_world_in_which_nothing_gets_through_is_given_up_in_minutes(
    run: Run, phone: str, loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, dialled = Radio._connect, []

    def counting(self: Radio) -> None:
        dialled.append(self)
        connect(self)

    monkeypatch.setattr(Radio, "_connect", counting)
    devices = f"devices:\n  phone: {{ owner: ben, state: registered, {phone} }}\n"
    world = head(f"links: {{ phone: {{ loss: {loss} }} }}")
    done = run(head=world.partition("devices:")[0] + devices, flow=SEND)
    assert "the phones cannot be set up" in done.failures
    assert done.result.virtual_seconds < 1_000
    assert len(dialled) < 20, "the phone goes on trying, less and less often"


def test_a_live_world_has_no_costs(tmp_path: Path) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text(head(gateway=", cost: { push: 1ms }") + SEND)
    refused = refusals(load(path), foreign_gateway=False)
    assert refused is not None
    [diagnostic] = refused.diagnostics
    assert "costs are for the simulated world" in diagnostic.message
