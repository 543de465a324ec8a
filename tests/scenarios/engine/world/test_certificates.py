"""Certificates that are no good: of the push services, of the gateway, and by wrong clocks."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.engine.world.conftest import HEAD

Run = Callable[..., Any]

FLAWS = ["expired", "not_yet_valid", "foreign_authority", "other_name"]
SEND = """\
flow:
  - { do: message, by: ana, with: { to: all, text: One two three } }
  - { do: wait,    with: { for: 5m } }
"""


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("service", ["apns", "gcm"])
def test_the_gateway_refuses_a_push_service_whose_certificate_is_no_good(
    run: Run, service: str, flaw: str
) -> None:
    fault = f"id: f, target: vendor.{service}, inject: bad_certificate, with: {{ flaw: {flaw} }}"
    done = run(fault, flow=SEND)
    assert done.result.verdict == "passed", done.failures
    assert not done.happened("vendor.accepted", service=service)
    assert (done.result.fates["pending"], done.result.fates["delivered"]) == (1, 1)
    healed = run(f"{fault}, window: {{ to: 1m }}", flow=SEND)
    assert healed.result.fates["delivered"] == 2


@pytest.mark.parametrize("flaw", FLAWS)
def test_apns_refuses_a_gateway_whose_certificate_is_no_good(run: Run, flaw: str) -> None:
    kind = "gateway: { kind: airnotifier, app: moodle"
    head = HEAD.replace(kind, f"{kind}, apns: {{ certificate: {flaw} }}")
    done = run(head=head, flow=SEND)
    assert not done.happened("vendor.accepted", service="apns")
    if flaw == "other_name":  # another app's: its tokens are others
        assert done.happened("vendor.rejected", service="apns", reason="invalid_token")
    else:
        assert done.result.fates["pending"] == 1
    assert done.happened("vendor.accepted", service="gcm")


@pytest.mark.parametrize("offset", ["366d", "-366d"])
@pytest.mark.parametrize(
    ("host", "refused"), [("gateway", {"apns", "gcm"}), ("apns", {"apns"}), ("gcm", set())]
)
def test_a_clock_that_is_a_year_wrong_makes_certificates_invalid_for_its_host(
    run: Run, host: str, refused: set[str], offset: str
) -> None:
    fault = f"id: f, target: host.{host}, inject: clock_offset, with: {{ offset: {offset} }}"
    done = run(fault, flow=SEND)
    accepted = {event["service"] for event in done.happened("vendor.accepted")}
    assert accepted == {"apns", "gcm"} - refused


def test_an_hour_makes_no_difference_to_certificates(run: Run) -> None:
    fault = "id: f, target: host.gateway, inject: clock_offset, with: { offset: 1h }"
    assert run(fault, flow=SEND).result.fates["delivered"] == 2


def test_a_clock_that_drifts_makes_them_invalid_when_it_has_come_so_far(run: Run) -> None:
    fault = "id: f, target: host.gateway, inject: clock_drift, with: { drift: 100% }"
    flow = "flow:\n  - { do: wait, with: { for: 200d } }\n" + SEND.removeprefix("flow:\n")
    assert not run(fault, flow=flow).happened("vendor.accepted")
