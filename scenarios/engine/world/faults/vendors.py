"""Faults of push services: other settings for a while, or closing of their own accord."""

from typing import Any

from scenarios.engine.world.faults.injection import Injection
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.settings import GcmSettings, Outage, SlowAnswers
from sim.vendors.overrides import Override


def delay(injection: Injection) -> None:
    """From a bad notification to the error packet, or from that to the end."""
    if injection.happens():
        _override_apns(injection, {injection.fault.inject: injection.parameters["delay"]})


def lost_error_packet(injection: Injection) -> None:
    _override_apns(injection, {"no_error_packet": injection.fault.probability})


def wrong_error_packet(injection: Injection) -> None:
    _override_apns(injection, {"wrong_identifier": injection.fault.probability})


def shutdown(injection: Injection) -> None:
    """Code 10 on every connection now, or on one when it has taken so many notifications."""
    _close(
        injection, "shutdown_after", injection.deployment.services.push.apns.shut_down_connections
    )


def silent_close(injection: Injection) -> None:
    """The end of every connection now, or of one when it has taken so many notifications."""
    _close(injection, "close_after", injection.deployment.services.push.apns.close_silently)


def bad_certificate(injection: Injection) -> None:
    """New connections of the gateway are shown a certificate that it has to refuse."""
    if injection.happens():
        service, flaw = injection.host, injection.parameters["flaw"]
        push = injection.deployment.services.push
        injection.at_end(push.show_flaw(service, flaw, injection.fire))


def unavailable(injection: Injection) -> None:
    """An HTTP 5xx, with Retry-After if wanted."""
    wanted = injection.parameters
    retry_after = wanted.get("retry_after")
    outage = Outage(
        status=wanted["status"],
        retry_after=None if retry_after is None else round(retry_after),
        share=injection.fault.probability,
    )
    _override_gcm(injection, {"outage": outage})


def slow_answers(injection: Injection) -> None:
    """The answers to requests that were processed come late."""
    slow = SlowAnswers(delay=injection.parameters["delay"], share=injection.fault.probability)
    _override_gcm(injection, {"slow_answers": slow})


def _close(injection: Injection, setting: str, close_all: Any) -> None:
    after = injection.parameters.get("after")
    if not injection.happens():
        return
    if after is None:
        for _ in range(close_all()):
            injection.fire()
        return

    def used() -> None:
        injection.fire()
        override.end()

    override: Override[ApnsSettings] = injection.deployment.services.push.apns.override(
        {setting: after}, used
    )
    injection.at_end(override.end)


def _override_apns(injection: Injection, changes: dict[str, Any]) -> None:
    override = injection.deployment.services.push.apns.override(changes, injection.fire)
    injection.at_end(override.end)


def _override_gcm(injection: Injection, changes: dict[str, Any]) -> None:
    override: Override[GcmSettings] = injection.deployment.services.push.gcm.override(
        changes, injection.fire
    )
    injection.at_end(override.end)
