"""Phones and browsers against the real gateway and site and the mock push services."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from devices.android import AndroidPhone
from devices.browser import Browser, PageResult
from devices.errors import NotPossible
from devices.ios import IosPhone
from devices.moodle_app import GatewayAnswer, LoginResult, MoodleApp
from devices.settings import AppSettings, RegistrationOrder
from server.airnotifier.app import create_app as create_gateway
from server.airnotifier.settings import GatewaySettings
from server.edge.runner import Runner
from server.moodle.app import create_app as create_site
from server.moodle.settings import SiteSettings
from sim.hosts import Host
from sim.kernel.bridge import as_event
from sim.world import World
from tests.devices.parts import API_KEY, APP, APP_ID, android, apns, gcm, iphone

APP_KEY, SITE_KEY = "key-of-the-app-000", "key-of-the-site-00"
PASSWORDS = {"ana": "Ana-secret1", "ben": "Ben-secret1", "root": "Root-secret1"}
ROLES = {"ana": "teacher", "ben": "student", "root": "admin"}
REST = "/webservice/rest/server.php?wsfunction="
"""How the trace has a call of the site's web service; the function itself is in the form."""
PHONES: dict[str, Callable[..., MoodleApp]] = {"ios": iphone, "android": android}


class Stand:
    """A gateway and a site with ana, ben and root; apps and browsers on demand."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.events = world.trace.keep()
        self._running: list[tuple[Host, web.AppRunner]] = []
        apns(world)
        gcm(world)
        world.network.alias("gateway.push.apple.com", world.hosts["apns"])
        self._serve("gateway", create_gateway(self._gateway(folder)))
        self._serve("site", create_site(self._site(folder)))
        world.run(world.env.timeout(1))

    def _gateway(self, folder: Path) -> GatewaySettings:
        ca = self.world.ca
        issued = ca.issue("moodle", uid=APP_ID, environments=["production"])
        app = {
            "name": "moodle",
            "keys": [
                {"key": APP_KEY, "permissions": ["create_token"]},
                {"key": SITE_KEY, "permissions": ["send_notification", "send_broadcast"]},
            ],
            "apns": {
                "host": "apns",
                "ca_file": ca.ca_file,
                "cert_file": issued.cert_file,
                "key_file": issued.key_file,
            },
            "gcm": {"url": "https://gcm/gcm/send", "api_key": API_KEY, "ca_file": ca.ca_file},
        }
        return GatewaySettings.model_validate(
            {"database": f"sqlite:///{folder}/gateway.sqlite", "apps": [app]}
        )

    def _site(self, folder: Path) -> SiteSettings:
        return SiteSettings.model_validate(
            {
                "wwwroot": "http://site",
                "database": f"sqlite:///{folder}/site.sqlite",
                "password_hash": {"time_cost": 1, "memory_cost": 8},
                "users": [
                    {
                        "username": name,
                        "password": password,
                        "firstname": name.title(),
                        "lastname": "Test",
                        "role": ROLES[name],
                    }
                    for name, password in PASSWORDS.items()
                ],
                "airnotifier": {
                    "url": "http://gateway",
                    "port": 80,
                    "app_name": "moodle",
                    "access_key": SITE_KEY,
                    "device_access_key": APP_KEY,
                },
            }
        )

    def _serve(self, name: str, app: web.Application) -> None:
        runner = Runner(app)
        host = self.world.host(name)
        self._running.append((host, runner))

        async def main() -> None:
            await runner.setup()
            await web.TCPSite(runner, port=80).start()

        host.start(main)

    def stop(self) -> None:
        """Stop the servers, and let what they had open end."""
        for host, runner in self._running:
            self.world.run(as_event(self.world.env, host.start(runner.cleanup)))
        self.world.run(self.world.env.timeout(30))

    def app(self, platform: str, order: RegistrationOrder) -> MoodleApp:
        built: AppSettings = replace(APP, gateway_key=APP_KEY, order=order)
        return PHONES[platform](self.world, f"{platform}-{order}", built)

    def browser(self, username: str) -> Browser:
        host: Host = self.world.host(f"computer-of-{username}")
        return Browser(host, "http://site", username, PASSWORDS[username])

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with World(seed=1) as world:
        stand = Stand(world, tmp_path)
        yield stand
        stand.stop()


@pytest.mark.parametrize("order", ["design", "app2013"])
@pytest.mark.parametrize("platform", ["ios", "android"])
def test_a_new_user_registers_and_a_message_opens_on_the_phone(
    stand: Stand, platform: str, order: RegistrationOrder
) -> None:
    world = stand.world
    app = stand.app(platform, order)
    answer = world.run(app.set_up("ben", PASSWORDS["ben"]))
    assert isinstance(answer.device, int)
    assert app.site is not None
    ben = stand.browser("ben")
    assert world.run(ben.set_outputs("airnotifier", True)) == PageResult(200, "/message/edit.php")
    world.run(app.set_state("background"))
    world.run(world.env.timeout(400))  # ben counts as logged off again

    sent = world.run(stand.browser("ana").send_message(app.site.userid, "Aula 9: mañana «ya»"))
    assert sent.error is None
    got = world.run(app.phone.wait_for_notification(timeout=10))
    opened = world.run(app.open_at_page())

    assert (got.alert, got.msgid) == ("Aula 9: mañana «ya»", sent.id)
    assert got.custom["userfrom"] == "Ana Test"
    assert got.parameters()["user"] == str(app.site.userid)
    assert (opened.page, opened.msgid, opened.from_state) == ("message", sent.id, "background")


def test_the_order_of_the_design_registers_before_the_login(stand: Stand) -> None:
    stand.world.run(stand.app("ios", "design").set_up("ben", PASSWORDS["ben"]))

    requests = [(e["server"], e["path"]) for e in stand.events if e["kind"] == "http.request"]
    assert requests == [
        ("gateway", "/tokens"),
        ("site", "/login/token.php"),
        ("site", REST + "moodle_webservice_get_siteinfo"),
        ("gateway", "/tokens"),  # the site's channel
        ("site", REST + "message_airnotifier_add_user_device"),
    ]


def test_the_app_of_2013_asks_the_site_for_a_key_ten_seconds_after_it_got_its_token(
    stand: Stand,
) -> None:
    stand.world.run(stand.app("ios", "app2013").set_up("ben", PASSWORDS["ben"]))

    made = [e for e in stand.events if e["kind"] == "http.request"]
    assert [(e["method"], e["server"], e["path"]) for e in made] == [
        ("GET", "site", "/login/token.php"),
        ("POST", "site", REST + "moodle_webservice_get_siteinfo"),
        ("POST", "site", REST + "message_airnotifier_get_access_key"),
        ("POST", "gateway", "/tokens/<token>"),
        ("POST", "site", REST + "message_airnotifier_add_user_device"),
    ]
    assert made[2]["t"] - made[1]["t"] > 9e9


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_a_broadcast_reaches_the_phones_of_the_site(stand: Stand, platform: str) -> None:
    world = stand.world
    app = stand.app(platform, "design")
    world.run(app.set_up("ben", PASSWORDS["ben"]))
    world.run(app.set_state("closed"))
    assert world.run(stand.browser("root").broadcast("No classes today")).ok
    got = world.run(app.phone.wait_for_notification(timeout=10))
    opened = world.run(app.open_at_page())

    assert got.alert == "No classes today"
    assert (opened.page, opened.msgid) == ("notifications", None)


def test_a_phone_that_is_turned_off_by_its_owner_gets_nothing(stand: Stand) -> None:
    world = stand.world
    app = stand.app("ios", "design")
    device = world.run(app.set_up("ben", PASSWORDS["ben"])).device
    assert app.site is not None
    ben, ana = stand.browser("ben"), stand.browser("ana")
    world.run(ben.set_outputs("airnotifier", True))
    assert world.run(ben.enable_device(device, False)).ok
    world.run(ana.send_message(app.site.userid, "one"))
    world.run(world.env.timeout(30))
    assert "phone.received" not in stand.kinds()

    assert world.run(ben.enable_device(device, True)).ok
    world.run(ana.send_message(app.site.userid, "two"))
    assert world.run(app.phone.wait_for_notification(timeout=10)).alert == "two"

    assert world.run(ben.remove_device(device)).ok
    assert not world.run(ana.enable_device(device, True)).ok
    world.run(ana.send_message(app.site.userid, "three"))
    world.run(world.env.timeout(30))
    assert stand.kinds().count("phone.received") == 1


def test_refusals_are_results(stand: Stand) -> None:
    world = stand.world
    app = stand.app("ios", "design")
    world.run(app.open())
    token = world.run(app.accept_push()).token
    refused = world.run(app.register_gateway(key=SITE_KEY))
    assert isinstance(refused, GatewayAnswer)
    assert (refused.status, "permission" in refused.answer.lower()) == (403, True)
    assert world.run(app.register_gateway(token="zz" * 32)).status == 400
    assert world.run(app.register_gateway()) == GatewayAnswer(200, "ok")
    assert world.run(app.register_gateway()) == GatewayAnswer(200, "token exists")
    login = world.run(app.login("ben", "wrong"))
    assert isinstance(login, LoginResult)
    assert login.error
    assert app.site is None
    with pytest.raises(NotPossible, match="log in"):
        app.register_site()
    assert token not in str(stand.events)
    assert "wrong" not in str(stand.events)


def test_a_browser_with_a_wrong_password_stays_outside(stand: Stand) -> None:
    world = stand.world
    stranger = Browser(world.host("cafe"), "http://site", "ana", "guess")
    assert not world.run(stranger.login()).ok
    with pytest.raises(NotPossible, match="does not let ana log in"):
        world.run(stranger.broadcast("hello"))
    assert world.run(stranger.send_message(3, "hello")).id is None
    assert not world.run(stand.browser("ben").broadcast("not an administrator")).ok


def test_the_two_systems_are_told_apart_by_the_gateway(stand: Stand) -> None:
    world = stand.world
    apps = [stand.app("ios", "design"), stand.app("android", "design")]
    for app in apps:
        world.run(app.set_up("ben", PASSWORDS["ben"]))
    world.run(stand.browser("ben").set_outputs("airnotifier", True))
    site = apps[0].site
    assert site is not None
    world.run(stand.browser("ana").send_message(site.userid, "both"))
    for app in apps:
        assert world.run(app.phone.wait_for_notification(timeout=10)).alert == "both"
    assert isinstance(apps[0].phone, IosPhone)
    assert isinstance(apps[1].phone, AndroidPhone)
