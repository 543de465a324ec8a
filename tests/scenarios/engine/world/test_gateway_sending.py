"""How the gateway talks to the push services, as a scenario has it: keys and lifetimes."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

HEAD = """\
format: 1
name: Sending
world:
  gateway: {{ kind: airnotifier, app: moodle, {0} }}
  site:    {{ kind: moodle, users: {{ ana: teacher, ben: student, eva: student }} }}
devices:
  phone:  {{ platform: ios, owner: ben, state: enabled }}
  tablet: {{ platform: android, owner: eva, state: enabled }}
"""
ONE = """\
flow:
  - { do: message, by: ana, with: { to: eva, text: One two three } }
  - { do: wait,    with: { for: 30s } }
"""
AFTER_A_NIGHT = """\
flow:
  - { do: go_offline, by: PHONE }
  - { do: message, by: ana, with: { to: OWNER, text: One two three } }
  - { do: wait,    with: { for: 8h } }
  - { do: go_online, by: PHONE }
  - { do: wait,    with: { for: 1m } }
"""


def test_with_its_own_key_a_message_arrives(run: Run) -> None:
    done = run(head=HEAD.format("gcm: { key: own }"), flow=ONE)
    assert done.result.fates["delivered"] == 1


def test_a_key_that_gcm_does_not_know_is_refused_and_tried_again(run: Run) -> None:
    done = run(head=HEAD.format("gcm: { key: unknown }"), flow=ONE)
    retried = done.happened("push.retry")
    assert {event["reason"] for event in retried} == {"http_401"}
    assert len(retried) > 2
    assert done.result.fates["pending"] == 1
    assert not done.happened("vendor.accepted")


def test_the_key_of_another_sender_sends_to_nobody_and_costs_no_token(run: Run) -> None:
    done = run(head=HEAD.format("gcm: { key: other_sender }"), flow=ONE)
    [refusal] = done.happened("vendor.rejected")
    assert refusal["reason"] == "MismatchSenderId"
    assert done.result.fates["rejected"] == 1
    assert not done.happened("token.pruned")


@pytest.mark.parametrize(
    ("service", "phone", "owner"), [("apns", "phone", "ben"), ("gcm", "tablet", "eva")]
)
@pytest.mark.parametrize(("lifetime", "delivered"), [("7h", 0), ("9h", 1)])
def test_a_push_is_delivered_as_long_as_it_lives(
    run: Run, service: str, phone: str, owner: str, lifetime: str, delivered: int
) -> None:
    flow = AFTER_A_NIGHT.replace("PHONE", phone).replace("OWNER", owner)
    done = run(head=HEAD.format(f"{service}: {{ lifetime: {lifetime} }}"), flow=flow)
    assert done.result.fates["delivered"] == delivered
    assert done.result.fates["expired"] == 1 - delivered


def test_the_key_it_presents_is_a_secret(run: Run) -> None:
    done = run(head=HEAD.format("gcm: { key: unknown }"), flow=ONE)
    kinds = [secret.kind for secret in done.context.deployment.services.secrets()]
    assert "key presented to GCM" in kinds
