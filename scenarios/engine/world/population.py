"""The people of a run, their phones and their computers.

Users of the scenario get a name and a password from the world's seed; each named phone is a host
with the Moodle Mobile app on it; a user's computer appears when a step needs a browser.
"""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, Final

import simpy

from devices.android import AndroidPhone
from devices.browser import Browser
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.people import People, Person
from devices.phone import Phone
from devices.settings import AndroidSettings, AppSettings, IosSettings, RegistrationOrder
from devices.tokens import token_ref
from scenarios.engine.format.models import Phone as PhoneModel
from scenarios.engine.format.models import Scenario
from scenarios.engine.format.people import User
from scenarios.engine.leaks import Secret
from scenarios.engine.limited import DEFAULT_LIMIT, Overdue, limited
from scenarios.engine.step_failed import StepFailed
from scenarios.engine.world.fleets import ProvisionedFleet, provision_fleet, start_fleet
from scenarios.engine.world.push_services import GOOGLE_NAME, SANDBOX_COURIER_NAME, SENDER_ID
from scenarios.engine.world.services import APP_ID, Services
from server.moodle.settings import Role
from sim.net.links import Link
from sim.surface import World

ADMIN: Final = "admin"
_SYSTEMS: Final = {"ios": "iOS", "android": "Android"}


class Population:
    """See the module."""

    def __init__(self, world: World, scenario: Scenario, services: Services) -> None:
        self._world = world
        self._scenario = scenario
        self._services = services
        self._faces = People(world.seeds.stream("devices/people"))
        self.people: dict[str, Person] = {}
        self.users = {ADMIN: User(role="admin"), **scenario.world.site.users}
        self.roles: dict[str, Role] = {name: user.role for name, user in self.users.items()}
        for username, user in self.users.items():
            person = self._faces.person(username)
            if user.name is not None:
                first, _, last = user.name.partition(" ")
                person = replace(person, firstname=first, lastname=last)
            self.people[username] = person
        self.phones: dict[str, Phone] = {}
        self.apps: dict[str, MoodleApp] = {}
        self.tokens: dict[str, str] = {}
        """Push token -> phone, for every token that a phone ever had."""
        self._references: dict[str, str] = {}
        """Reference of each of these -> push service, as far as somebody has asked."""
        self.fleet: tuple[Phone, ...] = ()
        self._fleet: ProvisionedFleet | None = None
        self._browsers: dict[str, Browser] = {}
        self._stream = world.seeds.stream("devices/phones")
        self._ios, self._android = self._phone_settings()
        for name, wanted in scenario.devices.phones.items():
            self._add_phone(name, wanted)

    def _phone_settings(self) -> tuple[IosSettings, AndroidSettings]:
        tls = self._world.ca.client_context()
        uses_tls = self._scenario.devices.use_tls
        ios = IosSettings(tls=tls) if uses_tls("ios") else IosSettings()
        android = AndroidSettings()
        if uses_tls("android"):
            android = AndroidSettings(google_services=f"https://{GOOGLE_NAME}", tls=tls)
        return ios, android

    def _add_phone(self, name: str, wanted: PhoneModel) -> None:
        host = self._world.host(name, link=self._services.hosts.link_of(name, wanted.network))
        if wanted.nat is not None:
            host.set_nat(wanted.nat)
        phone: Phone
        if wanted.platform == "ios":
            ios = self._ios
            if wanted.environment == "sandbox":
                ios = replace(ios, courier=SANDBOX_COURIER_NAME)
            phone = IosPhone(host, self._stream, ios)
        else:
            phone = AndroidPhone(host, self._stream, self._android)
        owner = self.people[wanted.owner]
        phone.device_name = self._faces.device_name(owner, wanted.platform)
        self.phones[name] = phone
        self.apps[name] = MoodleApp(phone, self._app_settings(wanted.registration))

    def _app_settings(self, order: RegistrationOrder) -> AppSettings:
        services, design = self._services, order == "design"
        return AppSettings(
            site_url=services.site_url,
            gateway_url=services.gateway_url,
            gateway_app=self._scenario.world.gateway.app,
            gateway_key=services.app_key if design else None,
            app_id=APP_ID,
            sender_id=SENDER_ID,
            order=order,
            token_in=services.token_in,
            tls=services.gateway_tls,
        )

    def provision_fleet(self) -> None:
        """Make the fleet known to push services, gateway and site; before the servers start."""
        wanted = self._scenario.devices.fleet
        if wanted is None:
            return
        app = self._app_settings("design")
        self._fleet = provision_fleet(self._world, self._services, self._faces, wanted, app)
        self.tokens |= self._fleet.tokens

    def staff(self) -> list[tuple[Person, Role]]:
        """The accounts that the site has from its start."""
        return [(self.people[name], role) for name, role in self.roles.items()]

    def start(self) -> Generator[simpy.Event, Any, None]:
        """Switch the phones on; set those up that the scenario wants set up.

        Raises StepFailed for a phone that is not set up in time.
        """
        self.fleet = yield from start_fleet(self._world, self._fleet)
        for phone in self.phones.values():
            phone.power_on()
        for name, wanted in self._scenario.devices.phones.items():
            if wanted.state != "new":
                try:
                    yield from limited(self._world.env, self._set_up(name, wanted), DEFAULT_LIMIT)
                except Overdue:
                    message = f"{name} is not set up after {DEFAULT_LIMIT:g} s"
                    raise StepFailed(message) from None
        self._services.change_accounts(self.users)

    def _set_up(self, name: str, wanted: PhoneModel) -> Generator[simpy.Event, Any, None]:
        person = self.people[wanted.owner]
        yield self.apps[name].set_up(person.username, person.password)
        self.note_tokens()
        if wanted.state == "enabled":
            yield self.browser(wanted.owner).set_outputs("airnotifier", True)

    def reinstall(self, name: str, *, set_up: bool = True) -> simpy.Process:
        """Install the removed app of a named phone again; its owner sets it up.

        Fails with what `MoodleApp.set_up` fails with. Raises NotPossible when it is installed.
        """
        app = self.apps[name]
        app.reinstall()
        return self._world.env.process(self._set_up_again(name, set_up))

    def _set_up_again(self, name: str, set_up: bool) -> Generator[simpy.Event, Any, None]:
        if not set_up:
            yield self._world.env.timeout(0)
            return
        person = self.people[self._scenario.devices.phones[name].owner]
        try:
            yield self.apps[name].set_up(person.username, person.password)
        finally:
            self.note_tokens()

    def link_of(self, phone: Phone, network: str) -> Link:
        """The link that a phone has on a network (`wifi`, `cellular`)."""
        name = phone.name if phone.name in self.phones else "fleet"
        return self._services.hosts.link_of(name, network)

    def browser(self, name: str) -> Browser:
        """The browser on a user's computer, which is switched on when first needed."""
        if name not in self._browsers:
            host = self._world.host(
                f"{name}-browser", link=self._services.hosts.link_of(name, "ethernet")
            )
            person = self.people[name]
            self._browsers[name] = Browser(
                host, self._services.site_url, person.username, person.password
            )
        return self._browsers[name]

    def note_tokens(self) -> None:
        """Remember which phone has which token now."""
        for name, app in self.apps.items():
            if app.token is not None and app.token not in self.tokens:
                self.tokens[app.token] = name
                app.phone.emit("token.issued", token_ref=token_ref(app.token))

    def service_of(self, reference: str) -> str | None:
        """The push service that issued the token with this reference to a phone, at any time; None
        for a token that no phone ever had.
        """
        if len(self._references) < len(self.tokens):
            self._references = {token_ref(token): _service_of(token) for token in self.tokens}
        for app in self.apps.values():
            if app.token is not None and token_ref(app.token) == reference:
                return _service_of(app.token)
        return self._references.get(reference)

    def phones_of_tokens(self) -> dict[str, str]:
        """Token reference -> phone."""
        return {token_ref(token): phone for token, phone in self.tokens.items()}

    def secrets(self) -> list[Secret]:
        """The passwords and push tokens."""
        tokens = [Secret(f"push token of {phone}", token) for token, phone in self.tokens.items()]
        return self.passwords() + tokens

    def passwords(self) -> list[Secret]:
        """Those of the people."""
        return [
            Secret(f"password of {name}", person.password) for name, person in self.people.items()
        ]

    def lanes(self) -> list[dict[str, Any]]:
        """Phones and people as a drawing shows them."""
        phones = [
            {
                "name": name,
                "role": "phone",
                "title": name,
                "detail": f"{wanted.owner}'s, {_SYSTEMS[wanted.platform]}",
                "names": [name],
            }
            for name, wanted in self._scenario.devices.phones.items()
        ]
        people = [
            {"name": name, "role": "person", "title": name, "names": [f"{name}-browser"]}
            for name in self.roles
        ]
        fleet = {"name": "fleet", "role": "phone", "title": "fleet", "names": ["fleet"]}
        fleets = [{**fleet, "count": len(self.fleet)}] if self.fleet else []
        return [*people, *phones, *fleets]


def _service_of(token: str) -> str:
    """APNs' tokens are 32 bytes in hexadecimal; Google's ids are longer."""
    return "apns" if len(token) == 64 else "gcm"
