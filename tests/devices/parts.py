"""Pieces of a world for the tests of devices: mock services, phones with an app, a provider."""

import asyncio
import json
import struct
from typing import Any

import simpy

from devices.android import AndroidPhone
from devices.app import AppState
from devices.http import HttpClient
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp, Site
from devices.phone import Phone
from devices.settings import AndroidSettings, AppSettings, IosSettings, RadioSettings
from sim.distributions import Constant
from sim.kernel.bridge import as_event
from sim.net.links import LINKS
from sim.vendors.apns.service import ApnsService
from sim.vendors.apns.settings import ApnsSettings
from sim.vendors.gcm.service import GcmService
from sim.vendors.gcm.settings import GcmSettings, Project
from sim.world import World

APP_ID = "com.moodle.moodlemobile"
SENDER, API_KEY = "1234567890", "api-key"
APP = AppSettings(
    site_url="http://site",
    gateway_url="http://gateway",
    gateway_key="app-key",
    sender_id=SENDER,
)
RADIO = RadioSettings()
BEN = Site("http://site", "ben", "ws-token", 3)


def apns(world: World, *, phone_tls: bool = False, **settings: Any) -> ApnsService:
    """APNs in production, listening."""
    host = world.host("apns")
    world.network.alias("1-courier.push.apple.com", host)
    tls = world.ca.server_context(world.ca.issue("apns", names=["apns"]), client_certificates=True)
    names = ["1-courier.push.apple.com"]
    courier = world.ca.server_context(world.ca.issue("courier", names=names))
    service = ApnsService(
        ApnsSettings(latency=Constant(value=0.05), **settings),
        host_name="apns",
        trace=world.trace,
        rng=world.seeds.stream("apns"),
        provider_tls=tls,
        phone_tls=courier if phone_tls else None,
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


def gcm(world: World, **settings: Any) -> GcmService:
    """GCM, listening, with one project."""
    host = world.host("gcm")
    world.network.alias("mtalk.google.com", host)
    world.network.alias("android.clients.google.com", host)
    service = GcmService(
        GcmSettings(
            projects=(Project(sender_id=SENDER, api_keys=(API_KEY,)),),
            latency=Constant(value=0.05),
            **settings,
        ),
        host_name="gcm",
        trace=world.trace,
        rng=world.seeds.stream("gcm"),
        provider_tls=world.ca.server_context(world.ca.issue("gcm", names=["gcm"])),
    )
    world.run(as_event(world.env, host.start(service.start)))
    return service


def push_to_android(world: World, token: str, data: dict[str, str], **fields: Any) -> Any:
    """Send one message to GCM as a provider would; returns the result for the token."""
    http = HttpClient(world.operator, user_agent="provider", tls=world.ca.client_context())
    body = json.dumps({"registration_ids": [token], "data": data, **fields}).encode()
    headers = {"Authorization": f"key={API_KEY}", "Content-Type": "application/json"}
    response = world.run(http.request("POST", "https://gcm/gcm/send", headers=headers, body=body))
    http.close()
    world.run(world.env.timeout(1))
    return response.json()["results"][0]


def text_pairs(number: int, text: str = "Lab at nine") -> dict[str, str]:
    """The data of a push about a personal message, as the gateway makes it for GCM."""
    payload = message(number, text)
    del payload["aps"]
    return {"message": text, **payload}


def message(number: int, text: str = "Lab at nine") -> dict[str, Any]:
    """The payload of a push about a personal message, as the gateway makes it for APNs."""
    return {
        "aps": {"alert": text, "badge": 1},
        "id": str(number),
        "type": "moodle_instantmessage",
        "userfrom": "Ana Gil",
        "urlparams": '{"user":3,"id":2}',
    }


def iphone(
    world: World, name: str = "phone", app: AppSettings = APP, radio: RadioSettings = RADIO
) -> MoodleApp:
    """A new iPhone, switched on, with the app on it."""
    host = world.host(name, link=LINKS["wifi"])
    stream = world.seeds.stream(f"device/{name}")
    return _with_app(IosPhone(host, stream, IosSettings(radio=radio)), app)


def android(
    world: World, name: str = "phone", app: AppSettings = APP, radio: RadioSettings = RADIO
) -> MoodleApp:
    """A new Android phone, switched on, with the app on it."""
    host = world.host(name, link=LINKS["wifi"])
    stream = world.seeds.stream(f"device/{name}")
    return _with_app(AndroidPhone(host, stream, AndroidSettings(radio=radio)), app)


def _with_app(phone: Phone, app: AppSettings) -> MoodleApp:
    installed = MoodleApp(phone, app)
    phone.power_on()
    return installed


class Ios:
    """APNs, a new iPhone whose user has opened the app and accepted push, and a provider."""

    def __init__(self, world: World, radio: RadioSettings = RADIO) -> None:
        apns(world)
        self._world = world
        self.app = iphone(world, radio=radio)
        self.token = token_of(world, self.app)

    def push(self, number: int) -> None:
        """Send a push about this message."""
        push_to_ios(self._world, self.token, message(number))


class Android:
    """The same with GCM and an Android phone."""

    def __init__(self, world: World, radio: RadioSettings = RADIO) -> None:
        gcm(world)
        self._world = world
        self.app = android(world, radio=radio)
        self.token = token_of(world, self.app)

    def push(self, number: int) -> None:
        """Send a push about this message."""
        push_to_android(self._world, self.token, text_pairs(number))


def token_of(world: World, app: MoodleApp) -> str:
    """Open the app, accept push, and return the token."""
    world.run(app.open())
    return str(world.run(app.accept_push()).token)


def bring_to(world: World, app: MoodleApp, state: AppState) -> None:
    if state != "uninstalled" and not app.installed:
        app.reinstall()
    world.run(app.set_state(state))


def fails_with(world: World, event: simpy.Event) -> Exception:
    """The error that an event fails with."""
    try:
        world.run(event)
    except Exception as error:
        return error
    raise AssertionError("the event did not fail")
