"""Memory of an idle phone: the phone, its app and token, and its push connection on both sides.

Resident memory at two sizes of a fleet, and the slope between them. The phones are known to the
push service with a token for the app, connect without TLS, as fleets do, and are then left alone
for a minute of virtual time. All phones share one random stream.
"""

import argparse
import json
import sys
from collections.abc import Callable

from benchmarks.memory import resident_bytes
from devices.android import AndroidPhone
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.phone import Phone
from devices.settings import AndroidSettings, AppSettings, IosSettings
from sim.hosts import Host
from sim.kernel.bridge import as_event
from sim.net.links import LINKS
from sim.vendors.apns.service import ApnsService
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.service import GcmService
from sim.vendors.gcm.settings import GcmSettings
from sim.world import World

FIRST, SECOND = 1_000, 11_000
STAGGER = 0.002  # virtual seconds between two phones that are switched on
APP = AppSettings(site_url="http://site", gateway_url="http://gateway", sender_id="1234567890")

NewPhone = Callable[[Host], Phone]


def apns(world: World, host: Host) -> NewPhone:
    """Start APNs; the function makes iPhones that it knows."""
    settings = IosSettings()
    world.network.alias(settings.courier, host)
    certificate = world.ca.issue("apns", names=["apns"])
    service = ApnsService(
        ApnsSettings(),
        host_name=host.name,
        trace=world.trace,
        rng=world.seeds.stream("apns"),
        provider_tls=world.ca.server_context(certificate, client_certificates=True),
    )
    world.run(as_event(world.env, host.start(service.start)))

    def new_phone(host: Host) -> Phone:
        device = service.add_device()
        service.issue(device, APP.app_id)
        stream = world.seeds.stream("phones")
        return IosPhone(host, stream, settings, device_token=device)

    return new_phone


def gcm(world: World, host: Host) -> NewPhone:
    """Start GCM; the function makes Android phones that it knows."""
    settings = AndroidSettings()
    world.network.alias(settings.mtalk, host)
    service = GcmService(
        GcmSettings(),
        host_name=host.name,
        trace=world.trace,
        rng=world.seeds.stream("gcm"),
        provider_tls=world.ca.server_context(world.ca.issue("gcm", names=["gcm"])),
    )
    world.run(as_event(world.env, host.start(service.start)))

    def new_phone(host: Host) -> Phone:
        android_id, security_token = service.add_device()
        service.register(android_id, APP.app_id, [APP.sender_id])
        stream = world.seeds.stream("phones")
        return AndroidPhone(
            host, stream, settings, android_id=android_id, security_token=security_token
        )

    return new_phone


def bytes_per_phone(start: Callable[[World, Host], NewPhone]) -> float:
    with World(seed=1, wants_connections=False) as world:
        new_phone = start(world, world.host("push"))
        apps: list[MoodleApp] = []
        sizes = []
        for size in (FIRST, SECOND):
            while len(apps) < size:
                phone = new_phone(world.host(f"phone-{len(apps)}", link=LINKS["wifi"]))
                apps.append(MoodleApp(phone, APP))
                phone.power_on()
                world.run_until(world.env.now + STAGGER)
            world.run_until(world.env.now + 60)
            connected = sum(app.phone.radio.connected for app in apps)
            assert connected == size, f"{connected} of {size} phones are connected"
            sizes.append(resident_bytes())
        return (sizes[1] - sizes[0]) / (SECOND - FIRST)


SERVICES = {"ios": apns, "android": gcm}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("platform", choices=SERVICES)
    start = SERVICES[parser.parse_args().platform]
    json.dump({"bytes_per_phone": bytes_per_phone(start)}, sys.stdout)


if __name__ == "__main__":
    main()
