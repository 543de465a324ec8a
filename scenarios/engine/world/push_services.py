"""The push services of a world: APNs with its sandbox, and GCM, under their names of 2013.

Settings come from the scenario, certificates from the world's authority. What they do is in
`sim/vendors/`; here they get hosts, names and certificates, and are started and stopped.
"""

import ssl
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any, Final

import simpy

from scenarios.engine.format.models import Environment, Platform, Scenario
from scenarios.engine.world.named_hosts import NamedHosts
from scenarios.engine.world.stage import Stage
from sim.kernel.bridge import as_event
from sim.net.server_identity import ServerIdentity
from sim.net.tls import CertificateFlaw
from sim.surface import Host
from sim.vendors.apns.certificates import Environment as AppleEnvironment
from sim.vendors.apns.service import ApnsService
from sim.vendors.gcm.service import GcmService
from sim.vendors.gcm.settings import Project

SENDER_ID: Final = "694767596569"
OTHER_SENDER_ID: Final = "815162342001"
"""Somebody else's, with whom no phone has registered."""
APNS_NAME: Final = "gateway.push.apple.com"
COURIER_NAME: Final = "1-courier.push.apple.com"
SANDBOX_NAME: Final = "gateway.sandbox.push.apple.com"
SANDBOX_COURIER_NAME: Final = "1-courier.sandbox.push.apple.com"
GCM_NAME: Final = "android.googleapis.com"
GOOGLE_NAME: Final = "android.clients.google.com"
MTALK_NAME: Final = "mtalk.google.com"

CERTIFIED: Final[dict[Environment, AppleEnvironment]] = {
    "production": "production",
    "sandbox": "development",
}
"""What Apple's certificates call it."""


class PushServices:
    """See the module. `projects`: whom GCM knows, by the keys that it gave them."""

    def __init__(
        self,
        stage: Stage,
        scenario: Scenario,
        hosts: NamedHosts,
        projects: tuple[Project, ...],
    ) -> None:
        world = stage.world
        self._stage = stage
        self._scenario = scenario
        self._identities: dict[str, ServerIdentity] = {}
        """By host, what the gateway sees of it in TLS."""
        self._apns_host = hosts.add("apns", APNS_NAME, COURIER_NAME)
        self._gcm_host = hosts.add("gcm", GCM_NAME, GOOGLE_NAME, MTALK_NAME)
        self.apns = self._apns(self._apns_host, APNS_NAME, COURIER_NAME, "production")
        self.sandbox: ApnsService | None = None
        """APNs for apps in development, where a scenario has any."""
        if scenario.uses_sandbox:
            names = (SANDBOX_NAME, SANDBOX_COURIER_NAME)
            self._sandbox_host = hosts.add("apns-sandbox", *names)
            self.sandbox = self._apns(self._sandbox_host, *names, "development")
        self.gcm = GcmService(
            scenario.world.vendors.gcm.settings(*projects),
            host_name=self._gcm_host.name,
            trace=world.trace,
            rng=world.seeds.stream("vendors/gcm"),
            phone_tls=self._phone_tls("android", MTALK_NAME),
            provider_tls=self._identity(
                self._gcm_host, GCM_NAME, self._gcm_names(), spared=(GOOGLE_NAME,)
            ),
        )

    def start(self) -> Generator[simpy.Event, Any, None]:
        """Start them, so that phones can be made known to them."""
        yield self._stage.start_apns(self._apns_host, self.apns)
        if self.sandbox is not None:
            yield self._stage.start_apns(self._sandbox_host, self.sandbox)
        yield self._stage.start_gcm(self._gcm_host, self.gcm)

    def stop(self) -> Generator[simpy.Event, Any, None]:
        """Stop them gracefully."""
        env = self._stage.world.env
        for host, stop in ((self._apns_host, self.apns.stop), (self._gcm_host, self.gcm.stop)):
            yield as_event(env, host.start(stop))
        if self.sandbox is not None:
            yield as_event(env, self._sandbox_host.start(self.sandbox.stop))

    def apns_of(self, phone: str) -> ApnsService:
        """The APNs from which a phone has its token; a fleet's have theirs from production."""
        wanted = self._scenario.devices.phones.get(phone)
        if self.sandbox is not None and wanted is not None and wanted.environment == "sandbox":
            return self.sandbox
        return self.apns

    def show_flaw(
        self, service: str, flaw: CertificateFlaw, used: Callable[[], None]
    ) -> Callable[[], None]:
        """Show the gateway a certificate with a flaw until the result is called. `service`: apns
        (with its sandbox) or gcm.
        """
        undo = ExitStack()
        for host, identity in self._identities.items():
            if host.partition("-")[0] == service:
                undo.callback(identity.show(flaw, used))
        return undo.close

    def follow_clocks(self) -> None:
        """From now on certificates are judged by the clocks of the hosts that look at them."""
        hosts = self._stage.world.hosts
        for host, identity in self._identities.items():
            identity.follow_clocks(hosts["gateway"].clock_error, hosts[host].clock_error)

    def _identity(self, host: Host, *what: Any, **how: Any) -> ssl.SSLContext:
        identity = ServerIdentity(self._stage.world.ca, *what, **how)
        self._identities[host.name] = identity
        return identity.context

    def lanes(self) -> list[dict[str, Any]]:
        """Their hosts as a drawing shows them."""
        apns = {"name": "apns", "role": "apns", "title": "APNs", "names": ["apns"]}
        sandbox = {"name": "apns-sandbox", "role": "apns", "title": "APNs sandbox"}
        return [
            apns,
            *([] if self.sandbox is None else [{**sandbox, "names": ["apns-sandbox"]}]),
            {"name": "gcm", "role": "gcm", "title": "GCM", "names": ["gcm", GOOGLE_NAME]},
        ]

    def _apns(
        self, host: Host, name: str, courier: str, environment: AppleEnvironment
    ) -> ApnsService:
        world = self._stage.world
        return ApnsService(
            self._scenario.world.vendors.apns.settings(),
            host_name=host.name,
            trace=world.trace,
            rng=world.seeds.stream(f"vendors/{host.name}"),
            phone_tls=self._phone_tls("ios", courier),
            provider_tls=self._identity(
                host, name, self._stage.names_on_certificate(name), client_certificates=True
            ),
            environment=environment,
        )

    def _phone_tls(self, platform: Platform, name: str) -> ssl.SSLContext | None:
        """What a push service listens with for its phones; None: in the clear."""
        if not self._scenario.devices.use_tls(platform):
            return None
        ca = self._stage.world.ca
        return ca.server_context(ca.issue(name, names=self._stage.names_on_certificate(name)))

    def _gcm_names(self) -> list[str]:
        """Names of the HTTPS port, where phones with TLS register too."""
        names = self._stage.names_on_certificate(GCM_NAME)
        return [*names, GOOGLE_NAME] if self._scenario.devices.use_tls("android") else names
