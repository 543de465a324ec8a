"""The HTTP connection server as a sender meets it."""

import asyncio
import json
import re
from typing import Any

import pytest

from sim.vendors.gcm.settings import Outage, SlowAnswers
from sim.vendors.seams import token_ref

HOST = "android.googleapis.com"
APP = "org.example"
ID = r"0:\d{16}%[0-9a-f]{16}"


class Response:
    def __init__(self, raw: bytes) -> None:
        head, _, body = raw.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        }
        self.body = body.decode()

    @property
    def json(self) -> Any:
        assert self.headers["content-type"] == "application/json; charset=UTF-8"
        return json.loads(self.body)

    @property
    def results(self) -> Any:
        assert self.status == 200
        return self.json["results"]


async def post(
    stand: Any,
    body: bytes | dict[str, Any],
    *,
    key: str | None = "key=key-of-100",
    type: str | None = "application/json",
    path: str = "/gcm/send",
    method: str = "POST",
) -> Response:
    peer = await stand.connect(HOST, 443, stand.world.ca.client_context())
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(content)}"]
    lines += [f"Authorization: {key}"] if key else []
    lines += [f"Content-Type: {type}"] if type else []
    peer.transport.write("\r\n".join([*lines, "", ""]).encode() + content)
    await asyncio.sleep(0.5)
    peer.transport.close()
    return Response(peer.take())


async def form(stand: Any, text: str, **options: Any) -> Response:
    return await post(
        stand,
        text.encode(),
        type="application/x-www-form-urlencoded;charset=UTF-8",
        **options,
    )


def an_id(service: Any, app: str = APP, senders: tuple[str, ...] = ("100",)) -> str:
    return service.register(service.add_device()[0], app, list(senders))  # type: ignore[no-any-return]


def test_each_recipient_has_its_result_in_the_order_of_the_request(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        first, other, last = an_id(service), an_id(service, senders=("200",)), an_id(service)
        ids = [first, "bad", other, "x" * 140, last]
        answer = await post(stand, {"registration_ids": ids, "data": {"a": "b"}})
        assert (answer.status, answer.headers["content-type"]) == (
            200,
            "application/json; charset=UTF-8",
        )
        pattern = (
            r'\{"multicast_id":\d{19},"success":2,"failure":3,"canonical_ids":0,"results":\['
            rf'\{{"message_id":"{ID}"\}},\{{"error":"InvalidRegistration"\}},'
            r'\{"error":"MismatchSenderId"\},\{"error":"NotRegistered"\},'
            rf'\{{"message_id":"{ID}"\}}\]\}}'
        )
        assert re.fullmatch(pattern, answer.body)
        accepted = stand.named("vendor.accepted")
        assert [event["token_ref"] for event in accepted] == [token_ref(first), token_ref(last)]
        assert accepted[0]["message_id"] == answer.results[0]["message_id"]
        assert [event["reason"] for event in stand.named("vendor.rejected")] == [
            "InvalidRegistration",
            "MismatchSenderId",
            "NotRegistered",
        ]

    stand.run(main)


@pytest.mark.parametrize("path", ["/gcm/send", "/fcm/send"])
def test_both_paths_are_served(stand: Any, path: str) -> None:
    service = stand.gcm()

    async def main() -> None:
        answer = await post(stand, {"to": an_id(service)}, path=path)
        assert answer.json["success"] == 1

    stand.run(main)


def test_other_paths_and_methods_are_not_found(stand: Any) -> None:
    stand.gcm()

    async def main() -> None:
        for path, method in (("/gcm/sent", "POST"), ("/gcm/send", "GET"), ("/", "GET")):
            answer = await post(stand, {}, path=path, method=method)
            assert answer.status == 404
            assert answer.headers["content-type"] == "text/html; charset=UTF-8"

    stand.run(main)


@pytest.mark.parametrize("key", [None, "key=wrong", "key-of-100", "key=", "Bearer key-of-100"])
def test_a_wrong_key_is_unauthorized_before_anything_else(stand: Any, key: str | None) -> None:
    stand.gcm()

    async def main() -> None:
        answer = await post(stand, b"not json", key=key)
        assert answer.status == 401
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"

    stand.run(main)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        (b"{}", "registration_ids"),
        (b'{"registration_ids": []}', "registration_ids"),
        (b'{"registration_ids": "a"}', "registration_ids"),
        (b'{"registration_ids": [1]}', "registration_ids"),
        (json.dumps({"registration_ids": ["a"] * 1001}).encode(), "1001"),
        (b'{"to": "a", "data": []}', "data"),
        (b'{"to": "a", "data": "x"}', "data"),
        (b'{"to": "a", "time_to_live": "60"}', "time_to_live"),
        (b'{"to": "a", "time_to_live": true}', "time_to_live"),
        (b'{"to": "a", "time_to_live": NaN}', "time_to_live"),
        (b'{"to": "a", "delay_while_idle": "true"}', "delay_while_idle"),
        (b'{"to": "a", "delay_while_idle": 1}', "delay_while_idle"),
        (b'{"to": "a", "collapse_key": 1}', "collapse_key"),
        (b'{"to": "a", "dry_run": "yes"}', "dry_run"),
        (b'{"to": "a", "restricted_package_name": 1}', "restricted_package_name"),
    ],
)
def test_a_body_of_the_wrong_form_is_a_bad_request_that_names_the_field(
    stand: Any, body: bytes, named: str
) -> None:
    stand.gcm()

    async def main() -> None:
        answer = await post(stand, body)
        assert answer.status == 400
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        assert named in answer.body

    stand.run(main)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"time_to_live": -1}, "InvalidTtl"),
        ({"time_to_live": 2_419_201}, "InvalidTtl"),
        ({"time_to_live": 10**400}, "InvalidTtl"),
        ({"data": {"from": "x"}}, "InvalidDataKey"),
        ({"data": {"google.x": "x"}}, "InvalidDataKey"),
        ({"data": {"k": "x" * 4096}}, "MessageTooBig"),
        ({"data": {"k": "\u00e9" * 2048}}, "MessageTooBig"),
        ({"restricted_package_name": "org.other"}, "InvalidPackageName"),
    ],
)
def test_an_error_of_the_message_is_the_result_of_every_recipient(
    stand: Any, fields: dict[str, Any], error: str
) -> None:
    service = stand.gcm()

    async def main() -> None:
        ids = [an_id(service), an_id(service)]
        answer = await post(stand, {"registration_ids": ids, **fields})
        assert answer.results == [{"error": error}] * 2
        assert (answer.json["success"], answer.json["failure"]) == (0, 2)
        assert stand.kinds("vendor.accepted") == []

    stand.run(main)


@pytest.mark.parametrize(
    "fields",
    [
        {"time_to_live": 0},
        {"time_to_live": 2_419_200},
        {"data": {"k": "x" * 4095}},
        {"data": {"n": 1, "b": True, "o": {"x": [None]}, "s": "\ud800"}},
        {"restricted_package_name": APP},
        {"collapse_key": "k", "delay_while_idle": True},
        {"no_such_field": 1},
    ],
)
def test_what_is_within_the_limits_is_accepted(stand: Any, fields: dict[str, Any]) -> None:
    service = stand.gcm()

    async def main() -> None:
        answer = await post(stand, {"to": an_id(service), **fields})
        assert answer.json["success"] == 1

    stand.run(main)


def test_unknown_fields_are_refused_if_the_settings_say_so(stand: Any) -> None:
    stand.gcm(strict_fields=True)

    async def main() -> None:
        answer = await post(stand, {"to": "a", "no_such_field": 1})
        assert answer.status == 400
        assert "no_such_field" in answer.body

    stand.run(main)


def test_a_lone_surrogate_for_an_id_is_an_invalid_registration(stand: Any) -> None:
    stand.gcm()

    async def main() -> None:
        assert (await post(stand, {"to": "\ud800"})).results == [{"error": "InvalidRegistration"}]
        assert (await post(stand, {"to": ""})).results == [{"error": "MissingRegistration"}]

    stand.run(main)


def test_a_dry_run_accepts_and_delivers_nothing(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        answer = await post(stand, {"registration_ids": [an_id(service), "bad"], "dry_run": True})
        assert answer.json["multicast_id"] == -1
        assert answer.results == [
            {"message_id": "fake_message_id"},
            {"error": "InvalidRegistration"},
        ]
        assert stand.kinds("vendor.accepted") == []

    stand.run(main)


def test_an_old_id_is_answered_with_the_canonical_one(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        android_id, _ = service.add_device()
        oldest = service.register(android_id, APP, ["100"])
        service.refresh(android_id, APP)
        newest = service.refresh(android_id, APP)
        answer = await post(stand, {"registration_ids": [oldest, newest]})
        assert answer.json["canonical_ids"] == 1
        assert [result.get("registration_id") for result in answer.results] == [newest, None]
        plain = await form(stand, f"registration_id={oldest}")
        assert re.fullmatch(rf"id={ID}\nregistration_id={newest}", plain.body)

    stand.run(main)


def test_an_old_id_may_stop_working_after_a_while(stand: Any) -> None:
    service = stand.gcm(canonical_old_id_ttl=100.0)

    async def main() -> None:
        android_id, _ = service.add_device()
        old = service.register(android_id, APP, ["100"])
        new = service.refresh(android_id, APP)
        assert (await post(stand, {"to": old})).results[0]["registration_id"] == new
        await asyncio.sleep(100)
        assert (await post(stand, {"to": old})).results == [{"error": "NotRegistered"}]

    stand.run(main)


def test_the_plain_form_has_one_recipient_and_one_line(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        target = an_id(service)
        answer = await form(
            stand, f"registration_id={target}&data.a=b&collapse_key=k&time_to_live=9"
        )
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=UTF-8")
        assert re.fullmatch(rf"id={ID}", answer.body)
        untyped = await post(stand, f"registration_id={target}".encode(), type=None)
        assert re.fullmatch(rf"id={ID}", untyped.body)

    stand.run(main)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "MissingRegistration"),
        ("data.a=b", "MissingRegistration"),
        ("registration_id=bad", "InvalidRegistration"),
        ("registration_id=" + "x" * 140, "NotRegistered"),
        ("registration_id=bad&time_to_live=-1", "InvalidTtl"),
        ("registration_id=bad&data.from=1", "InvalidDataKey"),
        ("registration_id=bad&data.k=" + "x" * 4096, "MessageTooBig"),
    ],
)
def test_the_plain_form_names_its_error(stand: Any, text: str, error: str) -> None:
    stand.gcm()

    async def main() -> None:
        answer = await form(stand, text)
        assert (answer.status, answer.body) == (200, f"Error={error}")

    stand.run(main)


def test_malformed_forms_and_other_types_are_bad_requests(stand: Any) -> None:
    stand.gcm()

    async def main() -> None:
        for body in (
            "registration_id=%ff",
            "registration_id=a&time_to_live=soon",
            "registration_id=a&time_to_live=1_000",
        ):
            assert (await form(stand, body)).status == 400
        assert (await post(stand, b"<a/>", type="text/xml")).status == 400

    stand.run(main)


def test_it_can_be_unavailable_for_a_while(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        uses: list[None] = []
        outage = service.override(
            {"outage": Outage(status=503, retry_after=9)}, lambda: uses.append(None)
        )
        answer = await post(stand, {"to": an_id(service)})
        assert (answer.status, answer.headers["retry-after"]) == (503, "9")
        outage.end()
        assert (await post(stand, {"to": an_id(service)})).status == 200
        assert len(uses) == 1

    stand.run(main)


def test_some_requests_only_can_meet_an_outage(stand: Any) -> None:
    service = stand.gcm(outage=Outage(share=0.5))

    async def main() -> None:
        answers = [await post(stand, {"to": an_id(service)}) for _ in range(30)]
        assert {answer.status for answer in answers} == {200, 503}

    stand.run(main)


def test_a_slow_answer_is_to_a_message_that_was_taken_at_once(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        uses: list[float] = []
        now = asyncio.get_running_loop().time
        slow = service.override({"slow_answers": SlowAnswers(delay=10)}, lambda: uses.append(now()))
        with pytest.raises(IndexError):  # there is no answer yet
            await post(stand, {"to": an_id(service)})
        slow.end()
        [taken] = stand.named("vendor.accepted")
        assert uses == [pytest.approx(taken["t"] / 1e9)]
        assert (await post(stand, {"to": an_id(service)})).json["success"] == 1

    stand.run(main)


def test_the_time_to_come_back_may_be_a_date(stand: Any) -> None:
    stand.gcm(retry_after="date", outage=Outage(status=503, retry_after=3600))

    async def main() -> None:
        answer = await post(stand, {"to": "a"})
        assert re.fullmatch(r"Wed, 01 May 2013 09:00:0\d GMT", answer.headers["retry-after"])

    stand.run(main)


def test_one_recipient_can_be_made_unavailable(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        target, good = an_id(service), an_id(service)
        uses: list[None] = []
        errors = service.override(
            {"per_id_error": {target: "Unavailable"}}, lambda: uses.append(None)
        )
        answer = await post(stand, {"registration_ids": [target, good]})
        assert answer.results[0] == {"error": "Unavailable"}
        assert "message_id" in answer.results[1]
        assert (await form(stand, f"registration_id={target}")).status == 503
        assert len(uses) == 2
        errors.end()
        assert (await post(stand, {"to": target})).json["success"] == 1

    stand.run(main)


def test_malformed_http_gets_400_and_the_server_goes_on(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        peer = await stand.connect(HOST, 443, stand.world.ca.client_context())
        peer.transport.write(b"\x00\x01 nonsense\r\n\r\n")
        await asyncio.sleep(1)
        assert peer.take().startswith(b"HTTP/1.1 400")
        assert (await post(stand, {"to": an_id(service)})).json["success"] == 1

    stand.run(main)


def test_connections_of_senders_are_traced(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        await post(stand, {"to": "a"})
        await asyncio.sleep(1)
        assert stand.kinds("vendor.connected", "vendor.closed") == [
            "vendor.connected",
            "vendor.closed",
        ]
        assert service.statistics().connections_opened == 1

    stand.run(main)
