"""Pieces of a world for the tests of devices: mock services, phones with an app, a provider."""

import asyncio
import json
import struct
from typing import Any

import simpy

from devices.app import AppState
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp, Site
from devices.settings import AppSettings, IosSettings
from sim.distributions import Constant
from sim.kernel.bridge import as_event
from sim.net.links import LINKS
from sim.vendors.apns.service import ApnsService
from sim.vendors.apns.settings import ApnsSettings
from sim.world import World

APP_ID = "com.moodle.moodlemobile"
APP = AppSettings(site_url="http://site", gateway_url="http://gateway", gateway_key="app-key")
BEN = Site("http://site", "ben", "ws-token", 3)


def apns(world: World, **settings: Any) -> ApnsService:
    """APNs in production, listening."""
    host = world.host("apns")
    world.network.alias("1-courier.push.apple.com", host)
    tls = world.ca.server_context(world.ca.issue("apns", names=["apns"]), client_certificates=True)
    service = ApnsService(
        ApnsSettings(latency=Constant(value=0.05), **settings),
        host_name="apns",
        trace=world.trace,
        rng=world.seeds.stream("apns"),
        provider_tls=tls,
    )
    world.run(as_event(world.env, host.start(service.start)))
    return service


def push_to_ios(world: World, token: str, payload: Any, *, expiry: int = 2**31 - 1) -> None:
    """Send one notification to APNs as a provider would (enhanced format)."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    frame = struct.pack(">BIIH", 1, 1, expiry, 32) + bytes.fromhex(token)
    frame += struct.pack(">H", len(data)) + data
    issued = world.ca.issue("provider", uid=APP_ID, environments=["production"])

    async def send() -> None:
        tls = world.ca.client_context(issued)
        _, writer = await asyncio.open_connection("apns", 2195, ssl=tls, server_hostname="apns")
        writer.write(frame)
        await asyncio.sleep(1)
        writer.close()
        await writer.wait_closed()

    world.run(send)


def message(number: int, text: str = "Lab at nine") -> dict[str, Any]:
    """The payload of a push about a personal message, as the gateway makes it for APNs."""
    return {
        "aps": {"alert": text, "badge": 1},
        "id": str(number),
        "type": "moodle_instantmessage",
        "userfrom": "Ana Gil",
        "urlparams": '{"user":3,"id":2}',
    }


def iphone(world: World, name: str = "phone", app: AppSettings = APP) -> MoodleApp:
    """A new iPhone, switched on, with the app on it."""
    host = world.host(name, link=LINKS["wifi"])
    phone = IosPhone(host, world.seeds.stream(f"device/{name}"), IosSettings())
    installed = MoodleApp(phone, app)
    phone.power_on()
    return installed


def token_of(world: World, app: MoodleApp) -> str:
    """Open the app, accept push, and return the token."""
    world.run(app.open())
    return str(world.run(app.accept_push()).token)


def bring_to(world: World, app: MoodleApp, state: AppState) -> None:
    world.run(app.set_state(state))


def fails_with(world: World, event: simpy.Event) -> Exception:
    """The error that an event fails with."""
    try:
        world.run(event)
    except Exception as error:
        return error
    raise AssertionError("the event did not fail")
