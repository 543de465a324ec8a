"""The app against servers that answer wrongly or not at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from devices.errors import ConnectFailed, HttpError, NotPossible, RequestTimeout, UnexpectedAnswer
from devices.ios import IosPhone
from devices.moodle_app import MoodleApp
from devices.settings import IosSettings
from sim.kernel.bridge import as_event
from sim.world import World
from tests.devices.parts import APP, BEN, fails_with

Answer = Callable[[web.Request], web.Response]


def serve(world: World, name: str, answer: Answer) -> None:
    """A host that gives this answer to everything."""

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    async def main() -> None:
        runner = web.ServerRunner(web.Server(handle))  # type: ignore[arg-type]
        await runner.setup()
        await web.TCPSite(runner, port=80).start()

    world.run(as_event(world.env, world.host(name).start(main)))


def open_app(world: World, **settings: Any) -> MoodleApp:
    """An app that is open and has a token."""
    phone = IosPhone(world.host("phone"), world.seeds.stream("phone"), IosSettings())
    app = MoodleApp(phone, replace(APP, **settings))
    phone.power_on()
    world.run(app.open())
    app.token = "ab" * 32
    return app


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"error": 7}', '{"token": 7}'])
def test_a_login_answered_with_nonsense_is_an_error(body: str) -> None:
    with World(seed=1) as world:
        serve(world, "site", lambda _: web.Response(text=body))
        app = open_app(world)
        assert isinstance(fails_with(world, app.login("ben", "x")), UnexpectedAnswer)
        assert app.site is None


@pytest.mark.parametrize("body", ["", "[]", "null", '{"siteurl": "http://site"}'])
def test_a_site_without_site_info_is_an_error(body: str) -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(text='{"token": "t"}' if "token.php" in request.path else body)

    with World(seed=1) as world:
        serve(world, "site", answer)
        app = open_app(world)
        assert isinstance(fails_with(world, app.login("ben", "x")), UnexpectedAnswer)
        assert app.site is None


def site_with(functions: list[str], refusal: str = "") -> Answer:
    """A site that lets everybody in, has these functions, and refuses those that are not there."""
    info = {
        "siteurl": "http://site",
        "userid": 3,
        "fullname": "Ben",
        "functions": [{"name": name, "version": "2013051400"} for name in functions],
    }
    refused = {"exception": "an_exception", "errorcode": refusal, "message": "No"}

    def answer(request: web.Request) -> web.Response:
        if "token.php" in request.path:
            return web.json_response({"token": "t"})
        return web.json_response(info if SITEINFO in functions else refused)

    return answer


SITEINFO = "moodle_webservice_get_siteinfo"
STRINGS = "core_get_component_strings"


def test_a_site_is_refused_unless_it_has_a_function_for_component_strings() -> None:
    with World(seed=1) as world:
        serve(world, "site", site_with([SITEINFO, "core_get_strings"]))
        events = world.trace.keep()
        app = open_app(world)
        result = world.run(app.login("ben", "x"))
        assert (result.status, result.userid) == (200, None)
        assert "2.4" in result.error
        assert app.site is None

    assert [e for e in events if e["kind"] == "app.login"] == []


@pytest.mark.parametrize("function", [STRINGS, "local_mobile_core_get_component_strings"])
def test_any_function_with_component_strings_in_its_name_will_do(function: str) -> None:
    with World(seed=1) as world:
        serve(world, "site", site_with([SITEINFO, function]))
        app = open_app(world)
        assert world.run(app.login("ben", "x")).error is None
        assert app.site is not None


@pytest.mark.parametrize("code", ["invalidtoken", "accessexception"])
def test_a_site_that_does_not_take_the_token_is_lost_after_ten_seconds(code: str) -> None:
    with World(seed=1) as world:
        serve(world, "site", site_with([], code))
        events = world.trace.keep()
        app = open_app(world, gateway_key=None)
        app.site = replace(BEN)
        assert world.run(app.register_site()).error == code
        world.run(world.env.timeout(9))
        assert app.site is not None
        world.run(world.env.timeout(1))
        assert app.site is None
        assert app.page == "login"
        with pytest.raises(NotPossible, match="log in"):
            app.register_site()

    assert [e["reason"] for e in events if e["kind"] == "app.logout"] == [code]


def test_other_refusals_do_not_lose_the_site() -> None:
    with World(seed=1) as world:
        serve(world, "site", site_with([], "invalidparameter"))
        app = open_app(world, gateway_key=None)
        app.site = replace(BEN)
        assert world.run(app.register_site()).error == "invalidparameter"
        world.run(world.env.timeout(60))
        assert app.site is not None


@pytest.mark.parametrize("again", ["logged in", "closed"])
def test_who_closes_the_app_or_logs_in_again_keeps_the_site(again: str) -> None:
    with World(seed=1) as world:
        serve(world, "site", site_with([], "invalidtoken"))
        app = open_app(world, gateway_key=None)
        app.site = replace(BEN)
        world.run(app.register_site())
        if again == "closed":
            world.run(app.set_state("closed"))
        else:
            app.site = replace(BEN, token="another")
        world.run(world.env.timeout(60))
        assert app.site is not None


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, '{"status": "ok"}', "ok"),
        (400, '{"error": "Invalid token"}', "Invalid token"),
        (200, '{"status": "token exists"}', "token exists"),
        (200, '{"error": "Invalid access key"}', "Invalid access key"),
        (200, '{"status": "ok", "error": "Blocked IP"}', "Blocked IP"),
        (200, '{"status": "queued"}', '{"status": "queued"}'),
        (200, "", "an empty body"),
        (502, "<html><h1>Bad\nGateway</h1></html>", "Bad Gateway"),
        (500, "<html>", "6 bytes without words"),
        (500, "Traceback (most recent call last):\n  x = 1\nKeyError: 10\n", "KeyError: 10"),
        (200, "[1]", "[1]"),
        (423, '{"error": {"deep": 1}}', '{"error": {"deep": 1}}'),
    ],
)
def test_what_the_gateway_says_is_handed_on(status: int, body: str, told: str) -> None:
    with World(seed=1) as world:
        serve(world, "gateway", lambda _: web.Response(status=status, text=body))
        events = world.trace.keep()
        app = open_app(world)
        answer = world.run(app.register_gateway())
        assert (answer.status, answer.answer) == (status, told)
        assert app.gateway_status == status

    registered = [e for e in events if e["kind"] == "app.registered"]
    assert [(e["where"], e["status"]) for e in registered] == [("gateway", status)]


@pytest.mark.parametrize("status", [403, 200])
def test_the_device_is_not_registered_on_the_site_when_the_gateway_refuses(status: int) -> None:
    with World(seed=1) as world:
        serve(world, "gateway", lambda _: web.Response(status=status, text='{"error": "no"}'))
        app = open_app(world)
        app.site = replace(BEN)
        answer = world.run(app.register_site())

    assert (answer.status, answer.device, answer.error) == (status, None, "gateway: no")


def test_servers_that_are_not_there_are_errors_of_their_kind() -> None:
    with World(seed=1) as world:
        world.host("gateway")
        app = open_app(world)
        assert isinstance(fails_with(world, app.register_gateway()), ConnectFailed)
        app.phone.radio.go_offline()
        assert isinstance(fails_with(world, app.register_gateway()), HttpError)


def test_a_gateway_that_hangs_is_given_up() -> None:
    with World(seed=1) as world:
        world.host("gateway").disconnect()
        app = open_app(world, http_timeout=20.0)
        assert isinstance(fails_with(world, app.register_gateway()), RequestTimeout)


def test_steps_out_of_order_say_what_is_missing() -> None:
    with World(seed=1) as world:
        app = open_app(world, gateway_key=None)
        with pytest.raises(NotPossible, match="log in"):
            app.register_site()
        assert "without a gateway key" in str(fails_with(world, app.register_gateway()))
        app.token = None
        with pytest.raises(NotPossible, match="accept push first"):
            app.register_gateway()
        world.run(app.set_state("closed"))
        with pytest.raises(NotPossible, match="closed; open it first"):
            app.login("ben", "x")


def test_secrets_do_not_show_in_representations() -> None:
    assert BEN.token not in repr(BEN)
    assert str(APP.gateway_key) not in repr(APP)
