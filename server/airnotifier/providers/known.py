"""The push services that the gateway knows. Who needs one asks here, and knows none by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from server.airnotifier.departures import Departures
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.providers import PushService
from server.airnotifier.providers.apns import payload as apns_payload
from server.airnotifier.providers.apns.provider import ApnsService
from server.airnotifier.providers.gcm import payload as gcm_payload
from server.airnotifier.providers.gcm.provider import GcmService
from server.airnotifier.push import Content, Notification
from server.airnotifier.settings import AppSettings


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """One of them. What takes an application's settings needs those of the push service in it."""

    name: str
    """As the store, the log and `Target.provider` have it."""
    title: str
    """As people write it."""
    settings_of: Callable[[AppSettings], Any]
    """Its part of an application's settings; None if the application does not have it."""
    compose: Callable[[AppSettings, Notification, float], Content]
    """The content of a push that is accepted at that moment (Unix seconds). Raises Refused."""
    open: Callable[[AppSettings, Departures, Outcomes], PushService]
    """Who empties its lane. Raises SettingsError for certificates that cannot be used."""

    def configured(self, app: AppSettings) -> bool:
        """Whether the application has this push service."""
        return self.settings_of(app) is not None


PROVIDERS = {
    provider.name: provider
    for provider in (
        KnownProvider("apns", "APNs", attrgetter("apns"), apns_payload.compose, ApnsService),
        KnownProvider("gcm", "GCM", attrgetter("gcm"), gcm_payload.compose, GcmService),
    )
}
"""By name, in the order in which they are asked."""
