"""What AirNotifier's HTTP interface, version 1, does with calls: who may call, and how.

The statuses are those of AirNotifier since 2014, the bodies those of every version, byte for byte.
What calls carry is in `gateway_arguments.py`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.conformance.stage import FULL_KEY, Door, Stage
from tests.conformance.wire import Answer, Wire, request

TOKEN = f"{0xABC:064x}"
GOOGLE_TOKEN = "APA91b" + "x" * 134
FORM = "application/x-www-form-urlencoded"
APP = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": FULL_KEY}
PUSH = f"token={TOKEN}&alert=hi"

OK = b'{"status": "ok"}'
EXISTS = b'{"status": "token exists"}'
DELETED = b'{"status": "deleted"}'
NO_TOKEN = b'{"status": "Token does\'t exist"}'
"""The spelling is AirNotifier's."""


def says(error: str) -> bytes:
    return b'{"error": "%s"}' % error.encode()


async def call(
    wire: Wire,
    method: str,
    target: str,
    body: bytes | str = b"",
    headers: dict[str, str] | None = None,
) -> Answer:
    """A call with the full key and a form, unless `headers` says otherwise."""
    fields = {"Content-Type": FORM, **APP} if headers is None else headers
    return await wire.ask(request(method, target, fields, body))


async def client(stage: Stage, **app: Any) -> Wire:
    """A connection to a fresh gateway, whose application `moodle` has these settings."""
    return await stage.dial(await stage.gateway(app))


def seen(answer: Answer) -> tuple[int, bytes]:
    return answer.status, answer.body


# -- the calls


async def a_token_is_new_and_then_exists(stage: Stage) -> None:
    wire = await client(stage)
    first = await call(wire, "POST", f"/tokens/{TOKEN}")
    assert seen(first) == (200, OK)
    assert first.headers["Content-Length"] == "16"  # as AirNotifier's own guide shows it
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Location" not in first.headers
    for again in (TOKEN, TOKEN.upper()):
        assert seen(await call(wire, "POST", f"/tokens/{again}")) == (200, EXISTS)


async def a_token_can_be_deleted_once(stage: Stage) -> None:
    wire = await client(stage)
    await call(wire, "POST", f"/tokens/{TOKEN}")
    assert seen(await call(wire, "DELETE", f"/tokens/{TOKEN}")) == (200, DELETED)
    assert seen(await call(wire, "DELETE", f"/tokens/{TOKEN}")) == (404, NO_TOKEN)
    assert seen(await call(wire, "POST", f"/tokens/{TOKEN}")) == (200, OK)


async def a_token_may_come_in_the_body(stage: Stage) -> None:
    wire = await client(stage)
    assert seen(await call(wire, "POST", "/tokens", f"token={TOKEN}")) == (200, OK)
    as_json = {**APP, "Content-Type": "application/json"}
    body = f'{{"token": "{TOKEN}"}}'
    assert seen(await call(wire, "POST", "/tokens/", body, as_json)) == (200, EXISTS)
    assert seen(await call(wire, "POST", "/tokens")) == (400, says("No token provided"))


async def a_push_is_accepted_and_numbered(stage: Stage) -> None:
    wire = await client(stage)
    answers = [await call(wire, "POST", "/notification/", PUSH) for _ in range(3)]
    assert [seen(answer) for answer in answers] == [(200, OK)] * 3
    numbers = [int(answer.headers["X-AN-Push-Id"]) for answer in answers]
    assert numbers == sorted(set(numbers))


async def a_broadcast_is_accepted_and_numbered(stage: Stage) -> None:
    wire = await client(stage)
    await call(wire, "POST", f"/tokens/{TOKEN}")
    answers = [await call(wire, "POST", "/broadcast/", "alert=hi") for _ in range(2)]
    assert [seen(answer) for answer in answers] == [(200, OK)] * 2
    numbers = [int(answer.headers["X-AN-Broadcast-Id"]) for answer in answers]
    assert numbers == sorted(set(numbers))


async def both_slash_forms_are_served_without_a_redirect(stage: Stage) -> None:
    wire = await client(stage)
    for slash, created in (("", OK), ("/", EXISTS)):
        for target, body, expected in [
            ("/tokens", f"token={TOKEN}", created),
            (f"/tokens/{TOKEN}", "", EXISTS),
            ("/notification", PUSH, OK),
            ("/broadcast", "alert=hi", OK),
        ]:
            answer = await call(wire, "POST", target + slash, body)
            assert seen(answer) == (200, expected), target + slash
    assert seen(await call(wire, "DELETE", f"/tokens/{TOKEN}/")) == (200, DELETED)
    assert seen(await call(wire, "DELETE", f"/tokens/{TOKEN}")) == (404, NO_TOKEN)


async def a_site_can_see_that_the_gateway_is_there(stage: Stage) -> None:
    wire = await client(stage)
    assert (await call(wire, "GET", "/", headers={})).status == 200


async def a_site_can_test_its_key_with_a_token_that_is_none(stage: Stage) -> None:
    """Moodle's settings page: any error but this one means that the key is good."""
    wire = await client(stage)
    wrong = {**APP, "X-AN-APP-KEY": "wrong"}
    bad = await call(wire, "POST", "/tokens/testtoken", headers=wrong)
    assert seen(bad) == (400, says("Invalid access key"))
    good = await call(wire, "POST", "/tokens/testtoken")
    assert seen(good) == (400, says("Invalid token"))


async def other_methods_and_paths(stage: Stage) -> None:
    wire = await client(stage)
    for method, target, allow in [
        ("GET", "/notification/", "POST"),
        ("PUT", "/broadcast", "POST"),
        ("DELETE", "/tokens", "POST"),
        ("GET", f"/tokens/{TOKEN}", "DELETE, POST"),
    ]:
        answer = await call(wire, method, target)
        assert seen(answer) == (405, says("Method not allowed"))
        assert answer.headers["Allow"] == allow
    for target in ("/nothing", "/notification/x", "/tokens/a/b", "/api/v2/push", "//", "/%2e%2e/"):
        assert seen(await call(wire, "POST", target)) == (404, says("Not found")), target


# -- who may call


async def header_names_have_no_case_and_both_are_needed(stage: Stage) -> None:
    wire = await client(stage)
    for name, key in [("x-an-app-name", "x-an-app-key"), ("X-An-App-Name", "X-AN-App-Key")]:
        headers = {name: "moodle", key: FULL_KEY}
        answer = await call(wire, "POST", f"/tokens/{TOKEN}", headers=headers)
        assert answer.status == 200
    for headers, error in [
        ({}, "app name is required"),
        ({"X-AN-APP-KEY": FULL_KEY}, "app name is required"),
        ({"X-AN-APP-NAME": "", "X-AN-APP-KEY": FULL_KEY}, "app name is required"),
        ({"X-AN-APP-NAME": "moodle"}, "Invalid access key"),
        ({"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": ""}, "Invalid access key"),
    ]:
        for target in ("/notification/", "/broadcast/", "/tokens", f"/tokens/{TOKEN}"):
            answer = await call(wire, "POST", target, headers=headers)
            assert seen(answer) == (400, says(error)), (headers, target)


async def applications_and_keys_are_matched_exactly(stage: Stage) -> None:
    wire = await client(stage)
    for name, key, error in [
        ("Moodle", FULL_KEY, "Invalid application name"),
        ("moodle2", FULL_KEY, "Invalid application name"),
        ("moodle", FULL_KEY[:-1], "Invalid access key"),
        ("moodle", FULL_KEY + "0", "Invalid access key"),
        ("moodle", "o" * 32, "Invalid access key"),  # the other application's
        ("other", FULL_KEY, "Invalid access key"),
    ]:
        headers = {"X-AN-APP-NAME": name, "X-AN-APP-KEY": key}
        answer = await call(wire, "POST", f"/tokens/{TOKEN}", headers=headers)
        assert seen(answer) == (400, says(error)), (name, key)


async def each_permission_opens_exactly_its_own_call(stage: Stage) -> None:
    wire = await client(stage)
    for bits in range(16):
        headers = {"Content-Type": FORM, **APP, "X-AN-APP-KEY": f"{bits:032d}"}
        for bit, action, method, target, body in [
            (1, "create token", "POST", f"/tokens/{TOKEN}", ""),
            (4, "send notification", "POST", "/notification/", PUSH),
            (8, "send broadcast", "POST", "/broadcast/", "alert=hi"),
            (2, "delete token", "DELETE", f"/tokens/{TOKEN}", ""),
        ]:
            await call(wire, "POST", f"/tokens/{TOKEN}")
            answer = await call(wire, method, target, body, headers)
            if bits & bit:
                assert answer.status == 200, (bits, action)
            else:
                assert seen(answer) == (403, says(f"No permission to {action}"))


async def sending_to_an_unknown_token_takes_the_right_to_create_it(stage: Stage) -> None:
    wire = await client(stage)
    sender = {"Content-Type": FORM, **APP, "X-AN-APP-KEY": f"{4:032d}"}
    error = says("Unknow token and you have no permission to create")  # AirNotifier's spelling
    assert seen(await call(wire, "POST", "/notification/", PUSH, sender)) == (400, error)
    assert seen(await call(wire, "POST", "/notification/", PUSH)) == (200, OK)
    assert seen(await call(wire, "POST", "/notification/", PUSH, sender)) == (200, OK)
    assert seen(await call(wire, "POST", f"/tokens/{TOKEN}")) == (200, EXISTS)


async def a_blocked_address_is_told_so_before_its_key_is_looked_at(stage: Stage) -> None:
    wire = await client(stage, blocked_ips=["0.0.0.0/0", "", "::/0"])
    for headers in (APP, {**APP, "X-AN-APP-KEY": "wrong"}, {**APP, "X-Forwarded-For": "8.8.8.8"}):
        answer = await call(wire, "POST", f"/tokens/{TOKEN}", headers=headers)
        assert seen(answer) == (423, says("Blocked IP"))
    stranger = {**APP, "X-AN-APP-NAME": "nobody"}
    answer = await call(wire, "POST", f"/tokens/{TOKEN}", headers=stranger)
    assert seen(answer) == (400, says("Invalid application name"))


async def only_a_trusted_proxy_may_name_the_caller(stage: Stage) -> None:
    async def status(door: Door, forwarded: str) -> int:
        wire = await stage.dial(door)
        headers = {**APP, "X-Forwarded-For": forwarded}
        return (await call(wire, "POST", f"/tokens/{TOKEN}", headers=headers)).status

    door = await stage.gateway({"blocked_ips": ["192.0.2.0/24"]}, trusted_proxies=["0.0.0.0/0"])
    assert await status(door, "192.0.2.1") == 423
    assert await status(door, "203.0.113.9") == 200
    wire = await stage.dial(door)
    headers = {**APP, "X-Forwarded-For": "nonsense"}  # it may be blocked
    answer = await call(wire, "POST", f"/tokens/{TOKEN}", headers=headers)
    assert seen(answer) == (423, says("Blocked IP: X-Forwarded-For cannot be read"))


async def checks_come_in_the_order_of_airnotifier(stage: Stage) -> None:
    """Headers, syntax of a `token` argument, application, key, permission, body."""
    wire = await client(stage)
    nobody = {"X-AN-APP-NAME": "nobody", "X-AN-APP-KEY": "nothing"}
    stranger = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": "nothing"}
    powerless = {"X-AN-APP-NAME": "moodle", "X-AN-APP-KEY": f"{0:032d}"}
    for headers, query, body, status, error in [
        ({}, "token=short", "{", 400, "app name is required"),
        (nobody, "token=short", "{", 400, "Invalid token"),
        (nobody, f"token={TOKEN}", "{", 400, "Invalid application name"),
        (stranger, f"token={TOKEN}", "{", 400, "Invalid access key"),
        (powerless, f"token={TOKEN}", "{", 403, "No permission to send notification"),
        (APP, "", "alert=hi", 400, "No token provided"),
        (APP, f"token={TOKEN}", "sound=x", 400, "Missing argument alert"),
    ]:
        answer = await call(wire, "POST", f"/notification/?{query}", body, headers)
        assert seen(answer) == (status, says(error))


async def an_application_without_a_push_service_is_offline(stage: Stage) -> None:
    wire = await client(stage, apns=None, gcm=None)
    assert seen(await call(wire, "POST", f"/tokens/{TOKEN}")) == (200, OK)
    for target, body, service in [
        ("/notification/", PUSH, "APNs"),
        ("/notification/", f"token={GOOGLE_TOKEN}&alert=hi", "GCM"),
        ("/broadcast/", "alert=hi", "APNs"),
    ]:
        answer = await call(wire, "POST", target, body)
        assert seen(answer) == (500, says(f"{service} is offline"))


async def the_gateway_of_2013_refuses_with_200_and_the_same_words(stage: Stage) -> None:
    wire = await stage.dial(await stage.gateway({"gcm": None}, legacy_status=2013))
    key = "X-AN-APP-KEY"
    powerless = {**APP, key: f"{0:032d}"}
    sender = {"Content-Type": FORM, **APP, key: f"{4:032d}"}
    form = {"Content-Type": FORM, **APP}
    for method, target, body, headers, expected in [
        ("POST", f"/tokens/{TOKEN}", "", {}, says("app name is required")),
        ("POST", f"/tokens/{TOKEN}", "", {"X-AN-APP-NAME": "moodle"}, says("Invalid access key")),
        ("POST", f"/tokens/{TOKEN}", "", {**APP, key: "x"}, says("Invalid access key")),
        ("POST", f"/tokens/{TOKEN}", "", {**APP, "X-AN-APP-NAME": "nobody"},
         says("Invalid application name")),
        ("POST", f"/tokens/{TOKEN}", "", powerless, says("No permission to create token")),
        ("POST", "/tokens/testtoken", "", form, says("Invalid token")),
        ("POST", "/notification/", "alert=x", form, says("No token provided")),
        ("POST", "/notification/", PUSH, sender,
         says("Unknow token and you have no permission to create")),
        ("POST", "/notification/", f"token={GOOGLE_TOKEN}&alert=x", form, says("GCM is offline")),
        ("POST", "/notification/", f"{PUSH}&badge=many", form,
         says("Invalid badge: a whole number from 0 expected")),
        ("DELETE", f"/tokens/{TOKEN}", "", form, NO_TOKEN),
        ("POST", "/notification/", PUSH, form, OK),
    ]:  # fmt: skip
        answer = await call(wire, method, target, body, headers)
        assert seen(answer) == (200, expected), (target, headers)
    # What AirNotifier's framework said had these statuses in 2013, too.
    for method, target, body, status in [
        ("POST", "/notification/", f"token={TOKEN}", 400),
        ("GET", "/notification/", "", 405),
        ("POST", "/nothing", "", 404),
    ]:
        assert (await call(wire, method, target, body)).status == status


async def the_gateway_of_2013_tells_of_a_block_with_200(stage: Stage) -> None:
    blocked = {"blocked_ips": ["0.0.0.0/0"]}
    wire = await stage.dial(await stage.gateway(blocked, legacy_status="2013"))
    assert seen(await call(wire, "POST", f"/tokens/{TOKEN}")) == (200, says("Blocked IP"))


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    a_token_is_new_and_then_exists,
    a_token_can_be_deleted_once,
    a_token_may_come_in_the_body,
    a_push_is_accepted_and_numbered,
    a_broadcast_is_accepted_and_numbered,
    both_slash_forms_are_served_without_a_redirect,
    a_site_can_see_that_the_gateway_is_there,
    a_site_can_test_its_key_with_a_token_that_is_none,
    other_methods_and_paths,
    header_names_have_no_case_and_both_are_needed,
    applications_and_keys_are_matched_exactly,
    each_permission_opens_exactly_its_own_call,
    sending_to_an_unknown_token_takes_the_right_to_create_it,
    a_blocked_address_is_told_so_before_its_key_is_looked_at,
    only_a_trusted_proxy_may_name_the_caller,
    checks_come_in_the_order_of_airnotifier,
    an_application_without_a_push_service_is_offline,
    the_gateway_of_2013_refuses_with_200_and_the_same_words,
    the_gateway_of_2013_tells_of_a_block_with_200,
]
