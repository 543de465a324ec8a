"""A scenario's fleet: many phones that start registered or enabled without having done the steps.

The push services issue the tokens, the gateway and the site import tokens and accounts through
their administrators' functions, and the phones are told what they would know: ten thousand phones
are ready in seconds. From then on they are phones like any other.

Simplification: a fleet's phones always have their push token; of a `new` fleet nobody but the
push service knows it.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import simpy

from devices.fleet import Fleet, Habits
from devices.moodle_app import Site
from devices.people import People, Platform
from devices.phone import Phone
from devices.settings import AndroidSettings, AppSettings, IosSettings
from scenarios.engine.format.models import Fleet as FleetModel
from scenarios.engine.step_failed import StepFailed
from scenarios.engine.world.services import Services
from server.moodle.admin import NewDevice, NewUser
from sim.surface import World

PHONES_PER_SECOND: Final = 1000
"""Phones switched on per virtual second."""

CONNECT_LIMIT: Final = 60.0
"""Virtual seconds after the last was switched on, in which all have to be connected."""


@dataclass(slots=True)
class ProvisionedFleet:
    """A fleet before it is switched on. `tokens`: push token -> phone."""

    fleet: Fleet
    tokens: dict[str, str] = field(default_factory=dict)


def provision_fleet(
    world: World, services: Services, faces: People, wanted: FleetModel, app: AppSettings
) -> ProvisionedFleet:
    """Make a fleet known to everybody who knows a fleet in its state."""
    made = ProvisionedFleet(
        Fleet(
            stream=world.seeds.stream("devices/fleet"),
            app=app,
            ios=IosSettings(),
            android=AndroidSettings(),
            habits=Habits(),
        )
    )
    users: list[NewUser] = []
    devices: list[NewDevice] = []
    registrations: list[tuple[str, str, list[str]]] = []
    for index, platform in enumerate(_platforms(wanted)):
        name = f"fleet-{index:05d}"
        owner = faces.person()
        site = Site(services.site_url, owner.username, "", 0, owner.fullname)
        token = _add(world, services, made.fleet, name, platform, app, site, wanted.nat)
        made.tokens[token] = name
        users.append(
            NewUser(
                username=owner.username,
                firstname=owner.firstname,
                lastname=owner.lastname,
                email=owner.email,
            )
        )
        devices.append(NewDevice(username=owner.username, token=token, devicename=name))
        registrations.append((token, platform, ["default", site.channel]))
    if wanted.state == "new":
        devices, registrations = [], []
    services.import_tokens(registrations)
    services.import_accounts(users, devices, enabled=wanted.state == "enabled")
    return made


def start_fleet(
    world: World, made: ProvisionedFleet | None
) -> Generator[simpy.Event, Any, tuple[Phone, ...]]:
    """Switch a fleet on and wait until every phone has its push connection."""
    if made is None:
        return ()
    spread = len(made.fleet) / PHONES_PER_SECOND
    made.fleet.power_on(spread)
    yield world.env.timeout(spread)
    deadline = world.env.now + CONNECT_LIMIT
    while made.fleet.connected < len(made.fleet):
        if world.env.now > deadline:
            missing = len(made.fleet) - made.fleet.connected
            raise StepFailed(f"{missing} phones of the fleet cannot reach their push service")
        yield world.env.timeout(0.1)
    return tuple(made.fleet)


def _add(
    world: World,
    services: Services,
    fleet: Fleet,
    name: str,
    platform: Platform,
    app: AppSettings,
    site: Site,
    nat: float | None,
) -> str:
    host = world.host(name, link=services.hosts.link_of("fleet", "wifi"))
    if nat is not None:
        host.set_nat(nat)
    if platform == "ios":
        device = services.push.apns.add_device()
        token = services.push.apns.issue(device, app.app_id).hex()
        fleet.add_ios(host, device_token=device, token=token, site=site)
    else:
        android_id, secret = services.push.gcm.add_device()
        token = services.push.gcm.register(android_id, app.app_id, [app.sender_id])
        fleet.add_android(
            host, android_id=android_id, security_token=secret, token=token, site=site
        )
    return token


def _platforms(wanted: FleetModel) -> Iterator[Platform]:
    """The platform of each phone; of a mix, evenly through the fleet."""
    for index in range(wanted.count):
        if wanted.mix is None:
            yield wanted.platform or "ios"
        else:
            share = wanted.mix.ios
            is_ios = round((index + 1) * share) > round(index * share)
            yield "ios" if is_ios else "android"
