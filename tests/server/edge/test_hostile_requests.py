"""Whatever a peer sends, it gets an answer of ours, and nothing of what it sent is in a log.

The servers run as they are deployed, and everything they write is looked at.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiohttp import web

from server.airnotifier.app import create_app as create_gateway
from server.airnotifier.settings import GatewaySettings
from server.moodle.app import create_app as create_site
from server.moodle.settings import SiteSettings
from tests.server.edge.processes import KEY, SERVERS, Process, serving, settings_of

SECRET = "s3cr3tMarker"
PROXY = "127.0.0.9"
NAMES = {"airnotifier": b"AirNotifier", "moodle": b"Apache"}
HOSTS = {"airnotifier": "gateway.example", "moodle": "school.example"}
HEAD = re.compile(rb"HTTP/\d\.\d (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")

HEADERS: dict[str, list[bytes]] = {
    "Host": [
        b"[::1",
        b"]",
        b"[v1.x]",
        b"[",
        b"a b",
        b"",
        b"\xff\xfe",
        b"%00",
        b"x:99999999",
        b"x:y",
        b"@",
        b"user@school.example",
        b"school.example:80:80",
        b"a" * 4000,
        b"\xed\xa0\x80",
        b"//",
        b"?#",
    ],
    "X-Forwarded-For": [
        b"[::1",
        b"1.2.3.4, ",
        b",,,,",
        b"\xff",
        b"1" * 4000,
        b"::ffff:1.2.3.4%eth0",
        b"unknown",
        b"127.0.0.9," * 700,
    ],
    "Content-Type": [
        b"application/x-www-form-urlencoded; charset=nonsense",
        b"multipart/form-data",
        b"multipart/form-data; boundary=\xff",
        b'multipart/form-data; boundary="',
        b";" * 4000,
        b"application/json; charset=utf-16",
        b"application/json",
        b"\xff/\xff",
        b"text/plain",
        b"multipart/form-data; boundary=" + b"x" * 4000,
        b'a/b; c="' + b"\\" * 3000,
    ],
    "Content-Length": [
        b"-1",
        b"1e3",
        b"",
        b"99999999999999999999",
        b"0x10",
        b"+5",
        b"5, 5",
        b"\xff",
    ],
    "Transfer-Encoding": [b"gzip", b"chunked, chunked", b"identity", b"x\xff", b"chunked;q=1"],
    "Content-Encoding": [b"gzip", b"deflate", b"br", b"zstd", b"\xff", b"gzip, gzip", b"nonsense"],
    "Accept-Encoding": [b"gzip;q=nan", b"\xff", b"," * 4000],
    "Accept": [b"text/html", b"\xff", b"*/*;" * 900],
    "Cookie": [
        b"MoodleSession=\xff",
        b'MoodleSession="',
        b"MoodleSession",
        b";" * 4000,
        b"=" * 4000,
        b'a="\\' + b"\\" * 4000,
        b"MoodleSession=" + b"a" * 4000,
        b"MoodleSession=\xed\xa0\x80",
    ],
    "Authorization": [b"Basic \xff", b"Basic ====", b"Bearer " + b"a" * 4000],
    "Expect": [b"100-continue", b"200-ok", b"\xff", b""],
    "Connection": [b"upgrade", b"close, keep-alive", b"\xff"],
    "Upgrade": [b"websocket", b"h2c", b"\xff"],
    "Range": [b"bytes=-", b"bytes=1-0", b"\xff"],
    "If-Modified-Since": [b"nonsense", b"\xff", b"Mon, 99 Foo 99999 99:99:99 GMT"],
    "X-AN-APP-NAME": [b"\xff", b"\xed\xa0\x80", b"moodle\x7f", b"m" * 4000],
    "X-AN-APP-KEY": [b"\xff", b"\xed\xa0\x80", b"k" * 4000],
}

TARGETS = [
    b"%s?a=%%ff&b=%%ed%%a0%%80&%%00=%%00",
    b"%s?%%",
    b"%s?a[[[[[=1&a[=2&[]=3",
    b"%s?" + b"[" * 4000,
    b"%s?" + b"a&" * 3000,
    b"%s?\xff=\xff",
    b"%s/%%00",
    b"%s/%%2f",
    b"%s/%%ed%%a0%%80",
    b"%s/\xff",
    b"%s/..",
    b"%s//",
    b"/%s",
    b"http://[::1%s",
    b"http://x:y%s",
    b"http://\xff%s",
    b"%s#x",
    b"*%s",
    b"%s?wstoken=%%ff&username=%%ff&password=%%ff&service=%%ff&moodlewsrestformat=%%ff",
]

FORM = b"application/x-www-form-urlencoded"
BODIES = [
    (FORM, b"a=%41\xff"),
    (FORM, b"\xff=\xff&%ff=%ff"),
    (FORM, b"\x00"),
    (FORM, b"%"),
    (FORM, b"username=%41\xff&password=%41\xff&service=\xff"),
    (FORM, b"wstoken=%41\xff&wsfunction=\xff"),
    (FORM, b"token=%41\xff&alert=%41\xff&channel=%41\xff&badge=\xff&device=\xff&sound=\xff"),
    (FORM, b"token=" + b"a" * 100 + b"&alert=%41\xff&collapse_key=\xff"),
    (FORM, b"token=" + b"a" * 100 + b"&alert=%ed%a0%80&device=android&%ff=%ff"),
    (b"application/json", b'{"token": "\xff"}'),
    (b"application/json", b'{"token": "\\ud800"}'),
    (b"application/json", b"[" * 60_000),
    (b"application/json", b'{"a":' * 10_000),
    (b"application/json", b"9" * 60_000),
    (b"application/json", b'{"alert": 1e999}'),
    (b"application/json", b"\xff\xfe{\x00}\x00"),
    (FORM, b"%7b%ff%7d"),
    (
        b"application/json",
        b'{"token": "' + b"b" * 100 + b'", "alert": "x", "y": ' + b"[" * 900 + b"]" * 900 + b"}",
    ),
    (
        b"multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\xff\r\n--x--',
    ),
    (
        b"multipart/form-data; boundary=\xff",
        b'--\xff\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--\xff--',
    ),
    (b"multipart/form-data; boundary=x", b"--x\r\n" * 10_000),
]

PACKED = [
    (b"gzip", gzip.compress(b"a=1")),
    (b"gzip", b"\x1f\x8b" + b"\xff" * 50),
    (b"gzip", b"garbage"),
    (b"deflate", zlib.compress(b"a" * 100_000_000, 9)[:60_000]),
    (b"deflate", b"\x78\x9c\xff"),
    (b"gzip", gzip.compress(bytes(50_000_000))),
]


@pytest.fixture(params=SERVERS)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    with serving(request.param, tmp_path) as server:
        yield server


def routes(name: str, folder: Path) -> list[tuple[bytes, bytes]]:
    """Methods and paths of everything that a server serves, and of something that it does not."""
    settings = settings_of(name, folder)
    app: web.Application
    if name == "airnotifier":
        app = create_gateway(GatewaySettings.model_validate(settings))
    else:
        app = create_site(SiteSettings.model_validate(settings))
    found = {(b"POST", b"/no/such/page")}
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.replace("{token}", SECRET).replace("{path}", SECRET)
        methods = ("GET", "POST", "DELETE", "PUT") if route.method == "*" else (route.method,)
        found |= {(method.encode(), path.encode()) for method in methods}
    return sorted(found)


def request(
    server: Process,
    method: bytes,
    target: bytes,
    headers: dict[str, bytes] | None = None,
    body: bytes = b"",
) -> bytes:
    fields = {
        "Host": HOSTS[server.name].encode(),
        "Connection": b"close",
        "X-AN-APP-NAME": b"moodle",
        "X-AN-APP-KEY": KEY.encode(),
        "Cookie": b"MoodleSession=" + SECRET.encode(),
        **({"Content-Length": b"%d" % len(body), "Content-Type": FORM} if body else {}),
        **(headers or {}),
    }
    lines = [method + b" " + target + b" HTTP/1.1"]
    lines += [name.encode() + b": " + value for name, value in fields.items()]
    return b"\r\n".join([*lines, b"", body])


def check(server: Process, sent: bytes, answer: bytes) -> int:
    """An answer is ours from head to body. Returns its status; 0 if there was none."""
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    if not answer:
        return 0
    head = HEAD.match(answer)
    assert head is not None, (sent[:200], answer[:200])
    status, fields, body = int(head[1]), head[2], answer[head.end() :]
    assert status < 500, (sent[:200], answer[:300])
    assert re.findall(rb"(?im)^server: (.*)\r$", fields) == [NAMES[server.name]], sent[:200]
    for word in (b"aiohttp", b"Python", b"Traceback", b"codec"):
        assert word not in answer, (sent[:200], answer[:300])
    assert SECRET.encode() not in body, (sent[:200], answer[:300])
    if status >= 400 and server.name == "airnotifier" and not sent.startswith(b"HEAD"):
        assert body.startswith((b'{"error": ', b'{"status": ')), (sent[:200], answer[:300])
    return status


def stop_and_look(server: Process) -> None:
    assert server.stop() == 0
    for word in (
        SECRET.encode(),
        b"Traceback",
        b"request.failed",
        b"connection.failed",
        b"unexpected",
    ):
        assert word not in server.said, [line for line in server.lines if word in line][:3]
    assert server.events("library.message") == []


def answers(
    server: Process, requests: Iterable[bytes], source: str = "127.0.0.1"
) -> Iterator[tuple[bytes, bytes]]:
    """Requests with what came back, several at a time."""
    with ThreadPoolExecutor(8) as peers:
        sent = list(requests)
        yield from zip(sent, peers.map(lambda each: server.ask(each, source), sent), strict=True)


def test_every_route_answers_every_header_target_and_body_without_an_error_of_its_own(
    process: Process, tmp_path: Path
) -> None:
    every = routes(process.name, tmp_path)
    for name, values in HEADERS.items():
        requests = [
            request(process, method, path, {name: value}, b"a=1")
            for method, path in every
            for value in values
        ]
        source = PROXY if name == "X-Forwarded-For" else "127.0.0.1"
        for sent, answer in answers(process, requests, source):
            check(process, sent, answer)
    for method, path in every:
        targets = [request(process, method, target % path) for target in TARGETS]
        bodies = [
            *(
                request(process, method, path, {"Content-Type": kind}, body)
                for kind, body in BODIES
            ),
            *(
                request(process, method, path, {"Content-Encoding": packing}, body)
                for packing, body in PACKED
            ),
        ]
        for sent, answer in answers(process, targets):
            check(process, sent, answer)
        for sent, answer in answers(process, bodies):
            assert check(process, sent, answer), sent[:200]
    stop_and_look(process)


def malformed(name: str) -> Iterator[bytes]:
    """Requests that are none, with a secret wherever one could stand."""
    secret = SECRET.encode()
    host = b"Host: " + HOSTS[name].encode() + b"\r\n"
    lines = [
        b"GET /%s HTTP/9.9",
        b"GET /%s HTP/1.1",
        b"GET /%s",
        b"%s",
        b"GET  /%s HTTP/1.1",
        b"G\xffT /%s HTTP/1.1",
        b"GET /%s?wstoken=%s HTTP/1.1 x",
        b"\x16\x03\x01%s",
        b"PRI * HTTP/2.0 %s",
        b"get /%s HTTP/1.1",
        b"%s /x HTTP/1.1",
        b"GET /\x00%s HTTP/1.1",
        b"GET /\x7f%s HTTP/1.1",
        b"GET http://[%s HTTP/1.1",
        b"CONNECT %s HTTP/1.1",
        b"OPTIONS * HTTP/1.1%s",
        b"POST /" + b"a" * 9000 + b"%s HTTP/1.1",
    ]
    fields = [
        b"%s",
        b"X-AN-APP-KEY %s",
        b": %s",
        b"X-AN-APP-KEY\x00: %s",
        b"X-AN-APP-KEY: \x00%s",
        b"Cookie: %s\r\n %s",
        b"Authorization: %s\rX",
        b"X-%s\xff: %s",
        b"Cookie : %s",
        b"Cookie: " + b"%s" * 1000,
        b"(%s): 1",
        b"Content-Length: %s",
        b"Content-Length: 1%s",
        b"Transfer-Encoding: %s",
        b"Host: %s\r\nHost: %s",
        b"Content-Length: 5\r\nContent-Length: %s",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5%s",
        b"Expect: %s",
        b"Upgrade: %s\r\nConnection: upgrade",
        b"Sec-WebSocket-Key1: %s",
        b"\x80%s: \xff",
    ]
    chunks = [
        b"%s\r\n",
        b"-1\r\n%s",
        b"ffffffffffffffffff\r\n%s",
        b"5\r\n%s",
        b"5;%s\r\n",
        b"5 %s\r\nabcde\r\n0\r\n\r\n",
        b"0\r\n%s\r\n\r\n",
        b"0\r\nX: %s\x00\r\n\r\n",
        b"3\r\nabcdef%s\r\n",
        b"5;" + b"%s" * 2000 + b"\r\n",
    ]
    for line in lines:
        yield line.replace(b"%s", secret) + b"\r\n" + host + b"Cookie: a=" + secret + b"\r\n\r\n"
    for field in fields:
        yield (
            b"POST /tokens/"
            + secret
            + b"?password="
            + secret
            + b" HTTP/1.1\r\n"
            + host
            + field.replace(b"%s", secret)
            + b"\r\n\r\n"
            + secret
        )
    for path in (b"/notification/", b"/webservice/rest/server.php", b"/login/index.php"):
        for chunk in chunks:
            yield (
                b"POST "
                + path
                + b"?wstoken="
                + secret
                + b" HTTP/1.1\r\n"
                + host
                + b"X-AN-APP-NAME: moodle\r\nX-AN-APP-KEY: "
                + KEY.encode()
                + b"\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n" + chunk.replace(b"%s", secret)
            )


def test_what_is_malformed_is_refused_in_our_words_and_logged_without_its_own(
    process: Process,
) -> None:
    whole = list(malformed(process.name))
    halves = [sent[: len(sent) // 2] for sent in whole]
    second = [request(process, b"GET", b"/health") + sent for sent in whole]
    refused = 0
    for sent, answer in answers(process, [*whole, *halves, *second]):
        refused += check(process, sent, answer) >= 400
    assert refused > 40
    stop_and_look(process)
    first, *_ = process.events("request.malformed")  # one a minute
    assert first["peer"] == "127.0.0.1"
