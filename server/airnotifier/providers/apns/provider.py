"""The binary APNs provider of one application: its links, and its identity."""

import asyncio
import ssl

from server.airnotifier.departures import Departures
from server.airnotifier.outcomes import Outcomes
from server.airnotifier.providers.apns.forgetful import ForgetfulLink
from server.airnotifier.providers.apns.link import Endpoint, Link
from server.airnotifier.providers.apns.pace import Pace
from server.airnotifier.settings import ApnsSettings, AppSettings
from server.configuration_file import SettingsError


class ApnsService:
    """Sends the pushes of one lane over one or several links.

    A further link is used, and connected, only while those before it cannot take more. With one
    link pushes leave in the order of acceptance; with several there is no order between them.
    """

    def __init__(self, app: AppSettings, departures: Departures, outcomes: Outcomes) -> None:
        settings = app.apns
        assert settings is not None
        endpoint = Endpoint(app.apns_host, settings.port, client_tls(app.name, settings))
        kind = Link if settings.recovery == "replay" else ForgetfulLink
        self._departures = departures
        pace = Pace(settings.connects_per_minute)
        self._links = [
            kind(f"{app.name}/{number}", endpoint, settings, departures, outcomes, pace)
            for number in range(1, settings.connections + 1)
        ]

    def __repr__(self) -> str:
        return f"<ApnsService {self._links!r}>"

    def wake(self) -> None:
        """Pushes arrived in the backlog."""
        for link in self._links:
            link.wake()
            if not self._departures.waiting:
                break

    async def close(self) -> None:
        """Disconnect, after the fate of what is under way is known."""
        await asyncio.gather(*(link.close() for link in self._links))


def client_tls(app: str, settings: ApnsSettings) -> ssl.SSLContext:
    """TLS with the application's certificate, verifying the server. Raises SettingsError."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"app {app}: the APNs certificate cannot be used: {error}") from error
    return context
