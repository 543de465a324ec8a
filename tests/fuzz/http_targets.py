"""Servers as a whole in a simulated world, with requests that no client would make."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from sim.world import World
from tests.fuzz.mutation import TEXTS, WRITTEN_NUMBERS, as_json, damaged, damaged_value
from tests.fuzz.target import Fault, Target
from tests.server.airnotifier.support import FULL_KEY, apns_token, gateway_bench, gcm_token
from tests.server.moodle.conftest import open_stand
from tests.sim.vendors.conftest import GCM
from tests.sim.vendors.conftest import Stand as VendorStand

NO_HTTP: Final = (HttpProcessingError, RequestPayloadError)
"""aiohttp logs these as errors, although they are the client's."""
REQUESTS: Final = 12
"""Sent in each world, most on connections of their own."""
_HEADS: Final = [
    b"\r\n", b" ", b"\x00", b"HTTP/0.9", b"HTTP/1.0", b"HTTP/9.9", b"Content-Length: -1\r\n",
    b"Content-Length: 1_0\r\n", b"Content-Length: 99999999999999999999\r\n", b"Host: \r\n", b"%",
    b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n", b"Content-Encoding: gzip\r\n", b"Cookie: MoodleSession=\xff\r\n",
    b"X-Forwarded-For: [::1\r\n", b"Accept: */*;q=x\r\n", b"Range: bytes=9-1\r\n", b"x" * 9000,
    b"Authorization: key=\xff\r\n", b"Content-Type: multipart/form-data; boundary=\r\n", b"//",
    b"..",
]  # fmt: skip


def request(
    rng: Random, method: str, path: str, host: str, headers: Sequence[str], body: bytes, kind: str
) -> bytes:
    """A request whose parts hang together, some of them damaged."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Type: {kind}", *headers]
    if rng.random() < 0.9:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n"
    if rng.random() < 0.25:
        head = damaged(rng, head, _HEADS)
    return head + body


def fields(rng: Random, known: dict[str, Any]) -> tuple[bytes, str]:
    """A body with these fields, one of them odd, in one of the forms that clients use."""
    odd = dict(known)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        odd[rng.choice([*known, *TEXTS])] = rng.choice((*TEXTS, *WRITTEN_NUMBERS))
    match rng.randrange(3):
        case 0:
            body = as_json(rng, damaged_value(rng, odd) if rng.random() < 0.4 else odd).encode(
                "utf-8", "surrogatepass"
            )
            return body, "application/json"
        case 1:
            boundary = "--x\r\nContent-Disposition: form-data; name="
            text = "".join(f'{boundary}"{key}"\r\n\r\n{value}\r\n' for key, value in odd.items())
            body = text.encode("utf-8", "surrogatepass") + b"--x--\r\n"
            return damaged(
                rng, body
            ) if rng.random() < 0.3 else body, "multipart/form-data; boundary=x"
        case _:
            text = "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in odd.items())
            return text.encode(), "application/x-www-form-urlencoded"


def _quoted(value: Any) -> str:
    return quote(str(value), safe="[]", errors="surrogatepass")


async def answer(host: str, port: int, data: bytes, tls: Any = None) -> int:
    """The status of the answer; 0 if the connection ended without one, or not in a minute."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(data)
        async with asyncio.timeout(60):
            line = await reader.readline()
    except (TimeoutError, ConnectionError):
        return 0
    finally:
        writer.transport.abort()
    return int(line[9:12]) if line[9:12].isdigit() else 0


@contextmanager
def no_errors() -> Iterator[None]:
    """Raises Fault if a program logs an exception, or that it could not do its work."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and isinstance(record.exc_info[1], NO_HTTP):
                return  # aiohttp found it to be no HTTP, and says so at this level
            event = getattr(record, "event", "")
            if record.levelno >= logging.ERROR or event in ("request.failed", "database.failed"):
                found.append(f"{event} {record.getMessage()} {getattr(record, 'fields', '')}")
                if record.exc_info:
                    found.append(logging.Formatter().formatException(record.exc_info))

    root, handler = logging.getLogger(), Collector()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    if found:
        raise Fault("\n".join(found)[:4000])


def judge(statuses: dict[bytes, int]) -> str:
    for data, status in statuses.items():
        if status >= 500 and status not in (501, 505):
            raise Fault(f"status {status}: {data!r}"[:4000])
    good = sum(200 <= status < 400 for status in statuses.values())
    return f"{good * 4 // len(statuses)}/4 taken"


def gateway(rng: Random, here: Path) -> str:
    statuses: dict[bytes, int] = {}
    with no_errors(), gateway_bench(here) as bench:

        async def main() -> None:
            for _ in range(REQUESTS):
                data = _for_gateway(rng)
                statuses[data] = await answer("gateway", 8801, data)
            async with asyncio.timeout(60):
                assert (await bench.request("GET", "/health")).status == 200

        bench.run(main)
    return judge(statuses)


def _for_gateway(rng: Random) -> bytes:
    token = rng.choice((apns_token(1), gcm_token(1), *TEXTS[:20]))
    body, kind = fields(
        rng,
        {"token": token, "device": rng.choice(("ios", "android")), "alert": "hi", "badge": 1,
         "sound": "s", "channel": "default", "collapse_key": "c", "id": 7},
    )  # fmt: skip
    method, path = rng.choice(
        (
            ("POST", "/notification/"), ("POST", "/broadcast/"), ("POST",
            f"/tokens/{_quoted(token)}"),
            ("DELETE", f"/tokens/{_quoted(token)}"), ("GET", "/health"), ("PUT", "/notification"),
            ("POST", "/notification/?alert=%ff&token=%00"), ("POST", "/tokens"),
        )
    )  # fmt: skip
    key = FULL_KEY if rng.random() < 0.9 else rng.choice(TEXTS)
    headers = [f"X-AN-APP-NAME: moodle\r\nX-AN-APP-KEY: {key}"]
    return request(rng, method, path, "gateway", headers, body, kind)


def site(rng: Random, here: Path) -> str:
    statuses: dict[bytes, int] = {}
    with no_errors(), open_stand(here) as stand:

        async def story() -> None:
            token = await stand.token("ana")
            sesskey = await stand.log_in("root")
            session = next(iter(stand.client.cookie_jar)).value
            for _ in range(REQUESTS):
                data = _for_site(rng, token, sesskey, session)
                statuses[data] = await answer("site.test", 80, data)

        stand.run(story)
    return judge(statuses)


_FUNCTIONS: Final = [
    "moodle_message_send_instantmessages", "message_airnotifier_add_user_device",
    "message_airnotifier_is_system_configured", "core_get_component_strings", "none",
    "message_airnotifier_are_notification_preferences_configured", "core_webservice_get_site_info",
    "moodle_webservice_get_siteinfo",
]  # fmt: skip
_PAGES: Final = [
    "/", "/login/index.php", "/message/edit.php", "/admin/message.php", "/message/index.php?user=3",
    "/admin/settings.php?section=messagesettingairnotifier", "/login/logout.php", "/nothing.php",
    "/message/output/airnotifier/action.php?id=1&enable=1", "/login/token.php",
]  # fmt: skip


def _for_site(rng: Random, token: str, sesskey: str, session: str) -> bytes:
    headers = [f"Cookie: MoodleSession={session}"] if rng.random() < 0.9 else []
    if rng.random() < 0.5:
        form = rng.choice(("json", "xml", "x"))
        path = f"/webservice/rest/server.php?wstoken={token}&moodlewsrestformat={form}"
        known = {
            "wsfunction": rng.choice(_FUNCTIONS), "messages[0][touserid]": "3",
            "messages[0][text]": "hello", "device[appname]": "m", "device[devicename]": "p",
            "device[devicenotificationtoken]": "ab" * 32, "userids[0]": "3",
        }  # fmt: skip
    else:
        path = rng.choice(_PAGES)
        known = {
            "sesskey": sesskey, "username": "ana", "password": "x", "service": "moodle_mobile_app",
            "s__airnotifierurl": "http://gateway.test", "s__airnotifierport": "8801", "enable": "1",
            "message_provider_moodle_instantmessage_loggedin[airnotifier]": "1", "disableall": "1",
            "user": "3", "id": "1", "field": "enable", "viewing": "x",
        }  # fmt: skip
    keep = rng.sample(list(known), rng.randrange(1, len(known) + 1))
    body, kind = fields(
        rng, {key: known[key] for key in known if key in keep or key == "wsfunction"}
    )
    method = rng.choice(("GET", "POST", "POST", "POST", "HEAD", "PUT"))
    return request(rng, method, path, "site.test", headers, body, kind)


def gcm(rng: Random, here: Path) -> str:
    statuses: dict[bytes, int] = {}
    with no_errors(), World(1) as world:
        bench = VendorStand(world)

        async def story() -> None:
            bench.gcm()
            await asyncio.sleep(1)
            tls = world.ca.client_context()
            for _ in range(REQUESTS):
                body, kind = fields(
                    rng, {"registration_id": "a", "registration_ids": ["a"], "data": {"k": "v"},
                          "data.x": "y", "collapse_key": "c", "time_to_live": 60},
                )  # fmt: skip
                headers = [
                    f"Authorization: key={rng.choice(('key-of-100',) * 9 + tuple(TEXTS[3:8]))}"
                ]
                path = rng.choice(("/gcm/send", "/gcm/send", "/", "/gcm/send?x=%ff"))
                data = request(
                    rng, rng.choice(("POST", "POST", "GET")), path, GCM, headers, body, kind
                )
                statuses[data] = await answer(GCM, 443, data, tls)

        bench.run(story)
    return judge(statuses)


TARGETS = [
    Target("gateway", "no status of 500 and above, no error in the log", gateway, 2),
    Target("site", "no status of 500 and above, no error in the log", site, 2),
    Target("gcm", "no status of 500 and above, no error in the log", gcm, 3),
]
