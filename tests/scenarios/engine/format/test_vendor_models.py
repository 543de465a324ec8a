"""Every setting of the push services can be written in a scenario and arrives there."""

from pathlib import Path
from typing import Any

import pytest

from scenarios.engine.format.diagnostics import InvalidScenario
from scenarios.engine.format.loader import load
from scenarios.engine.format.vendor_models import Apns, Gcm, Outage, ReconnectLimit, SlowAnswers
from sim.distributions import Constant
from sim.vendors.apns import settings as apns
from sim.vendors.gcm import settings as gcm

PROJECT = gcm.Project(sender_id="1", api_keys=("key",))
APNS: dict[str, tuple[Any, Any]] = {
    "latency": ("60ms", Constant(value=0.06)),
    "reject_delay": ("300ms", Constant(value=0.3)),
    "close_delay": ("1s", 1.0),
    "close_style": ("rst", "rst"),
    "payload_limit": ("2KiB", 2048),
    "modern_protocol_error": (True, True),
    "no_error_packet": ("5%", 0.05),
    "wrong_identifier": ("10%", 0.1),
    "coalesce_pick": ("random", "random"),
    "stored_per_app": (3, 3),
    "max_storage": ("7d", 604_800.0),
    "reconnect_limit": (
        {"connects": 5, "per": "1m", "penalty": "10m"},
        apns.ReconnectLimit(connects=5, per=60, penalty=600),
    ),
    "shutdown_after": (9, 9),
    "close_after": (8, 8),
    "dead_after": (2.5, 2.5),
    "connections_per_address": (7, 7),
    "read_timeout": ("10s", 10.0),
    "reinstall_keeps_token": (False, False),
}
GCM: dict[str, tuple[Any, Any]] = {
    "latency": ("90ms", Constant(value=0.09)),
    "payload_limit": ("1KiB", 1024),
    "max_registration_ids": (10, 10),
    "max_collapse_keys": (2, 2),
    "max_pending": (5, 5),
    "default_ttl": ("1h", 3600),
    "strict_fields": (True, True),
    "unregister_delay": ("5m", 300.0),
    "canonical_old_id_ttl": ("1d", 86_400.0),
    "retry_after": ("date", "date"),
    "heartbeat": ("4m", 240.0),
    "dead_after": (2, 2.0),
    "connections_per_address": (7, 7),
    "read_timeout": ("10s", 10.0),
    "outage": (
        {"status": 500, "retry_after": "30s", "share": "20%"},
        gcm.Outage(status=500, retry_after=30, share=0.2),
    ),
    "slow_answers": ({"delay": "2s"}, gcm.SlowAnswers(delay=2)),
}


@pytest.mark.parametrize("name", APNS)
def test_a_setting_of_apns_arrives_there(name: str) -> None:
    written, wanted = APNS[name]
    field = "legacy_payload_limit" if name == "payload_limit" else name
    settings = Apns.model_validate({name: written}).settings()
    assert settings == apns.ApnsSettings.model_validate({field: wanted})
    assert settings != apns.ApnsSettings() or name == "reject_delay"


@pytest.mark.parametrize("name", GCM)
def test_a_setting_of_gcm_arrives_there(name: str) -> None:
    written, wanted = GCM[name]
    settings = Gcm.model_validate({name: written}).settings(PROJECT)
    assert settings == gcm.GcmSettings.model_validate({"projects": (PROJECT,), name: wanted})
    assert settings != gcm.GcmSettings(projects=(PROJECT,))


def test_no_setting_is_left_out() -> None:
    renamed = {"payload_limit": "legacy_payload_limit"}
    assert {renamed.get(name, name) for name in APNS} == {*apns.ApnsSettings.model_fields}
    assert {*GCM} == {*gcm.GcmSettings.model_fields} - {"projects", "per_id_error"}
    assert {*ReconnectLimit.model_fields} == {*apns.ReconnectLimit.model_fields}
    assert {*Outage.model_fields} == {*gcm.Outage.model_fields}
    assert {*SlowAnswers.model_fields} == {*gcm.SlowAnswers.model_fields}


@pytest.mark.parametrize(
    ("vendors", "message"),
    [
        ("apns: { stored_per_app: 0 }", "must be at least 1"),
        ("apns: { payload_limit: 70kB }", "must be at most 65535"),
        ("apns: { max_storage: 30 }", "has no unit"),
        ("apns: { reconnect_limit: { per: 0s } }", "must be more than 0"),
        ("gcm: { outage: { status: 200 } }", "must be at least 500"),
        ("gcm: { default_ttl: 90d }", "must be at most 2419200"),
        ("gcm: { default_ttl: 1500ms }", "whole number"),
        ("gcm: { projects: [] }", "there is no key 'projects'"),
    ],
)
def test_what_a_push_service_would_refuse_is_a_mistake_in_the_file(
    tmp_path: Path, vendors: str, message: str
) -> None:
    path = tmp_path / "vendors.yaml"
    path.write_text(
        "format: 1\nname: Vendors\nworld:\n  gateway: { kind: airnotifier }\n"
        f"  site: {{ kind: moodle }}\n  vendors: {{ {vendors} }}\n"
        "flow: [{ do: settle }]\n"
    )
    with pytest.raises(InvalidScenario) as caught:
        load(path)
    [diagnostic] = caught.value.diagnostics
    assert message in diagnostic.message
