"""The gateway and the site of a world, set up and started as their operators would do it.

Settings files' contents come from the scenario; keys and passwords from the world's seed;
certificates from the world's authority; databases are SQLite files below the run's directory.
Their names are in the reserved domain `.example`. The push services are in `push_services.py`.
"""

import ssl
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import simpy
from pydantic import SecretStr

from devices.people import Person
from devices.settings import TokenPlace
from scenarios.engine.format.fault_catalog import SERVERS
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.people import User
from scenarios.engine.leaks import Secret
from scenarios.engine.world.foreign_gateway import register, trusted
from scenarios.engine.world.named_hosts import NamedHosts
from scenarios.engine.world.programs import Program
from scenarios.engine.world.push_services import (
    APNS_NAME,
    CERTIFIED,
    GCM_NAME,
    OTHER_SENDER_ID,
    SANDBOX_NAME,
    SENDER_ID,
    PushServices,
)
from scenarios.engine.world.stage import Stage
from server.airnotifier import admin as gateway_admin
from server.airnotifier.app import create_app as create_gateway
from server.airnotifier.permissions import Permission
from server.airnotifier.settings import (
    ApnsSettings as ApnsProviderSettings,
)
from server.airnotifier.settings import (
    AppSettings,
    GatewaySettings,
    KeySettings,
)
from server.airnotifier.settings import (
    GcmSettings as GcmProviderSettings,
)
from server.airnotifier.tables import metadata as gateway_tables
from server.database import Database
from server.durability import Durability
from server.moodle import admin as site_admin
from server.moodle.app import create_app as create_site
from server.moodle.passwords import make_hasher
from server.moodle.settings import (
    AirnotifierSettings,
    PasswordHash,
    Role,
    SiteSettings,
    UserSettings,
)
from server.moodle.site import install as install_site
from sim.vendors.apns.service import PROVIDER_PORT
from sim.vendors.gcm.service import HTTPS_PORT
from sim.vendors.gcm.settings import Project

APP_ID: Final = "com.moodle.moodlemobile"
GATEWAY_NAME: Final = "push.example"
GATEWAY_PORT: Final = 8801
SITE_NAME: Final = "school.example"

NO_POWER_CUT: Final[Durability] = "normal"
"""Survives the end of a process. Where no fault cuts the power, waiting for a real disk would be
wall-clock time spent for nothing."""

PASSWORD_HASH: Final = PasswordHash(time_cost=1, memory_cost=8, parallelism=1)
"""The cheapest there is: nobody attacks these accounts, and hashing takes no virtual time."""


class Services:
    """See the module. `state` is the directory for databases."""

    def __init__(self, stage: Stage, scenario: Scenario, state: Path) -> None:
        world = self._world = stage.world
        self._stage = stage
        self._scenario = scenario
        self._state = state
        keys = world.seeds.stream("deployment/keys")
        self.app_key, self.site_key, self.api_key = (keys.randbytes(16).hex() for _ in range(3))
        self.hosts = NamedHosts(world, scenario.world.network, scenario.world.links)
        self.gateway = self.hosts.add("gateway", GATEWAY_NAME)
        foreign = self._foreign = stage.foreign_gateway
        if foreign is not None:
            self.app_key = foreign.app_key or self.app_key
            self.site_key = foreign.site_key or self.site_key
            stage.stand_for_gateway(self.gateway)
        self.site = self.hosts.add("site", SITE_NAME)
        self._sending_key, projects = self._gcm_keys()
        self.push = PushServices(stage, scenario, self.hosts, projects)
        self._servers = stage.servers
        for host, cost in (
            (self.gateway, scenario.world.gateway.cost),
            (self.site, scenario.world.site.cost),
        ):
            if cost is not None:
                stage.set_cost(host, cost.model())
        wanted = scenario.world.gateway.apns.certificate
        self.certificate = world.ca.issue(
            "airnotifier",
            uid=APP_ID,
            environments=[CERTIFIED[self._scenario.world.gateway.environment]],
            flaw=None if wanted == "valid" else wanted,
        )
        """By which APNs knows the gateway."""
        self._gateway_settings = self._make_gateway_settings()
        self._site_settings: SiteSettings

    # -- running

    def start_servers(
        self, staff: Sequence[tuple[Person, Role]], only: Collection[str] = SERVERS
    ) -> Generator[simpy.Event, Any, None]:
        """Start the gateway and the site, on which the staff have accounts; or one of them."""
        self._site_settings = self._make_site_settings(staff)
        if self._foreign is None and "gateway" in only:
            gateway = Program("server.airnotifier", self._gateway_settings, create_gateway)
            yield self._servers.add(self.gateway, gateway, GATEWAY_PORT)
        if "site" in only:
            site = Program("server.moodle", self._site_settings, create_site)
            yield self._servers.add(self.site, site, 80)

    def stop(self) -> Generator[simpy.Event, Any, None]:
        """Stop everything gracefully, the site first."""
        yield from self._servers.stop_all()
        yield from self.push.stop()

    def crash(self, name: str) -> bool:
        """Cut the power of `gateway` or `site`; see `Servers.crash`."""
        return self._servers.crash(name)

    def stop_server(self, name: str) -> bool:
        """Stop `gateway` or `site` gracefully; see `Servers.stop`."""
        return self._servers.stop(name)

    def pause(self, name: str) -> bool:
        """Let `gateway` or `site` stand still; see `Servers.pause`."""
        return self._servers.pause(name)

    def resume(self, name: str) -> None:
        """Let it go on."""
        self._servers.resume(name)

    def start_again(self, name: str) -> None:
        """The end of a crash or stop; see `Servers.start_again`."""
        self._servers.start_again(name)

    # -- in bulk, before the servers start

    def import_tokens(self, registrations: Sequence[gateway_admin.Registration]) -> None:
        """Register tokens at the gateway: (token, device, channels)."""
        if self._foreign is not None:
            app = self._scenario.world.gateway.app
            register(self._foreign, self.app_key, app, registrations, token_in=self.token_in)
            return
        database = self._open(self._gateway_settings.database)
        database.create(gateway_tables)
        app = self._scenario.world.gateway.app
        database.run_now(gateway_admin.seed, self._gateway_settings)
        database.run_now(gateway_admin.import_tokens, app, registrations)
        database.engine.dispose()

    def import_accounts(
        self,
        users: Sequence[site_admin.NewUser],
        devices: Sequence[site_admin.NewDevice],
        *,
        enabled: bool,
    ) -> None:
        """Make accounts and their registered phones known to the site.

        `enabled`: their owners have ticked mobile notifications; if not, they have the site's
        defaults.
        """
        settings = self._make_site_settings(())
        database = self._open(settings.database)
        hasher = make_hasher(settings.password_hash)
        database.run_now(install_site, settings, hasher)
        ids = database.run_now(site_admin.import_users, users, hasher)
        database.run_now(site_admin.import_devices, devices)
        if not enabled:
            for state in ("loggedin", "loggedoff"):
                outputs = getattr(settings.default_outputs, state)
                database.run_now(site_admin.set_outputs, list(ids.values()), state, outputs)
        database.engine.dispose()

    def outbox_counts(self) -> dict[str, int]:
        """How many pushes wait in the gateway's outbox for each provider."""
        if not self._servers.started or self._foreign is not None:
            return {}
        database = self._open(self._gateway_settings.database)
        counts = database.run_now(gateway_admin.outbox_counts)
        database.engine.dispose()
        return counts

    def outbox_pushes(self) -> tuple[str, ...] | None:
        """The numbers of the pushes in the gateway's outbox; None when the gateway is not ours."""
        if self._stage.foreign_gateway is not None:
            return None
        database = self._open(self._gateway_settings.database)
        numbers = database.run_now(gateway_admin.outbox_pushes)
        database.engine.dispose()
        return tuple(map(str, numbers))

    def count_messages(self) -> int:
        """How many messages the site has stored."""
        database = self._open(self._site_settings.database)
        count = database.run_now(site_admin.count_messages)
        database.engine.dispose()
        return count

    def user_ids(self) -> dict[str, int]:
        """The site's user ids by user name."""
        database = self._open(self._site_settings.database)
        ids = database.run_now(site_admin.user_ids)
        database.engine.dispose()
        return ids

    def change_accounts(self, users: Mapping[str, User]) -> None:
        """Suspend and delete accounts and stop notifications, as an administrator of the site."""
        changes = [
            (change, name)
            for name, user in users.items()
            for change, wanted in (
                (site_admin.suspend_user, user.suspended),
                (site_admin.stop_notifications, user.emailstop),
                (site_admin.delete_user, user.deleted),
            )
            if wanted
        ]
        if not changes:
            return
        database = self._open(self._site_settings.database)
        for change, name in changes:
            database.run_now(change, name)
        database.engine.dispose()

    def _open(self, url: str) -> Database:
        return Database(url, durability=NO_POWER_CUT)

    # -- names and secrets

    @property
    def gateway_url(self) -> str:
        if self._foreign is not None:
            return self._foreign.url
        return f"http://{GATEWAY_NAME}:{GATEWAY_PORT}"

    @property
    def token_in(self) -> TokenPlace:
        """How phones register at the gateway."""
        return self._scenario.world.gateway.token_in or ("path" if self._foreign else "body")

    @property
    def gateway_tls(self) -> ssl.SSLContext | None:
        """By which phones know an external gateway with an https address."""
        return None if self._foreign is None else trusted(self._foreign)

    @property
    def site_url(self) -> str:
        return self._stage.site_url or f"http://{SITE_NAME}"

    def secrets(self) -> list[Secret]:
        """The keys of this deployment."""
        return [
            Secret("app's access key", self.app_key),
            Secret("site's access key", self.site_key),
            Secret("API key for GCM", self.api_key),
            *(
                [Secret("key presented to GCM", self._sending_key)]
                if self._sending_key != self.api_key
                else []
            ),
        ]

    def lanes(self) -> list[dict[str, Any]]:
        """The hosts here as a drawing shows them."""
        return [
            {"name": "site", "role": "site", "title": "site", "names": ["site", SITE_NAME]},
            {
                "name": "gateway",
                "role": "gateway",
                "title": "gateway",
                "names": ["gateway", urlsplit(self.gateway_url).hostname],
            },
            *self.push.lanes(),
        ]

    # -- settings

    def _durability(self, name: str) -> Durability:
        faults = self._scenario.faults
        has_crash = any(f.inject == "crash" and f.target == f"host.{name}" for f in faults)
        return "full" if has_crash else NO_POWER_CUT

    def _gcm_keys(self) -> tuple[str, tuple[Project, ...]]:
        """The key that the gateway presents to GCM, and the projects that GCM knows."""
        own = Project(sender_id=SENDER_ID, api_keys=(self.api_key,))
        wanted = self._scenario.world.gateway.gcm.key
        if wanted == "own":
            return self.api_key, (own,)
        key = self._world.seeds.stream("deployment/gcm_key").randbytes(16).hex()
        if wanted == "unknown":
            return key, (own,)
        return key, (own, Project(sender_id=OTHER_SENDER_ID, api_keys=(key,)))

    def _make_gateway_settings(self) -> GatewaySettings:
        world, wanted = self._world, self._scenario.world.gateway
        certificate = self.certificate
        in_sandbox = wanted.environment == "sandbox"
        apns_name = SANDBOX_NAME if in_sandbox else APNS_NAME
        apns_address, apns_port = self._stage.reach(self.gateway, apns_name, PROVIDER_PORT)
        gcm_address, gcm_port = self._stage.reach(self.gateway, GCM_NAME, HTTPS_PORT)
        gcm_place = gcm_address if gcm_port == HTTPS_PORT else f"{gcm_address}:{gcm_port}"
        sending = Permission.SEND_NOTIFICATION | Permission.SEND_BROADCAST
        return GatewaySettings(
            database=f"sqlite:///{self._state / 'airnotifier.db'}",
            durability=self._durability("gateway"),
            host="0.0.0.0",
            port=GATEWAY_PORT,
            legacy_status=wanted.legacy_status,
            apps=(
                AppSettings(
                    name=wanted.app,
                    sandbox=in_sandbox,
                    keys=(
                        KeySettings(
                            key=SecretStr(self.app_key),
                            permissions=int(Permission.CREATE_TOKEN),
                            description="app",
                        ),
                        KeySettings(
                            key=SecretStr(self.site_key),
                            permissions=int(sending),
                            description="site",
                        ),
                    ),
                    apns=ApnsProviderSettings(
                        host=apns_address,
                        port=apns_port,
                        ca_file=Path(world.ca.ca_file),
                        cert_file=Path(certificate.cert_file),
                        key_file=Path(certificate.key_file),
                        recovery=wanted.apns.recovery,
                        **wanted.apns.given_lifetime(),
                    ),
                    gcm=GcmProviderSettings(
                        url=f"https://{gcm_place}/gcm/send",
                        api_key=SecretStr(self._sending_key),
                        ca_file=Path(world.ca.ca_file),
                        **wanted.gcm.given_lifetime(),
                    ),
                ),
            ),
        )

    def _make_site_settings(self, staff: Sequence[tuple[Person, Role]]) -> SiteSettings:
        wanted = self._scenario.world.site
        if self._foreign is None:
            address, port = self._stage.reach(self.site, GATEWAY_NAME, GATEWAY_PORT)
            url = f"http://{address}"
        else:
            (address, port), scheme = self._foreign.address, urlsplit(self._foreign.url).scheme
            url = f"{scheme}://[{address}]" if ":" in address else f"{scheme}://{address}"
        return SiteSettings(
            wwwroot=self.site_url,
            sitename="Airbed School",
            generation=wanted.generation,
            host="0.0.0.0",
            port=80,
            database=f"sqlite:///{self._state / 'moodle.db'}",
            durability=self._durability("site"),
            password_hash=PASSWORD_HASH,
            users=[
                UserSettings(
                    username=person.username,
                    password=SecretStr(person.password),
                    firstname=person.firstname,
                    lastname=person.lastname,
                    email=person.email,
                    role=role,
                )
                for person, role in staff
            ],
            airnotifier=AirnotifierSettings(
                url=url,
                port=port,
                app_name=self._scenario.world.gateway.app,
                access_key=SecretStr(
                    self.app_key if wanted.gateway_key == "app" else self.site_key
                ),
                device_access_key=SecretStr(self.app_key),
            ),
        )
