"""The two stand-ins answer as AirNotifier of 2013 and of 2014 did, and know nothing of Airbed."""

import ast
import json
import os
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import PACKAGES
from tests.foreign.external_gateways import (
    APP_KEY,
    PROGRAMS,
    SITE_KEY,
    Kind,
    Running,
    external_gateway,
    free_ports,
)

pytestmark = pytest.mark.live

IOS = "a1" * 32
ANDROID = "APA91b" + "x" * 100
UNHEX = "z" * 64

Answer = tuple[int, object]
"""Status and document; text where there is none."""

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Running]]:
    """Both, without push services."""
    directory, base = tmp_path_factory.mktemp("gateways"), free_ports()
    with (
        external_gateway("2013", directory, base, site_key=12) as of_2013,
        external_gateway("2014", directory, base, site_key=12) as of_2014,
    ):
        yield {"2013": of_2013, "2014": of_2014}


def post(
    gateway: Running, path: str, key: str | None = APP_KEY, app: str = "moodle", **form: str
) -> Answer:
    """One request of the API, with a form."""
    headers = {"X-AN-APP-NAME": app} | ({} if key is None else {"X-AN-APP-KEY": key})
    body = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(gateway.url + path, body, headers, method="POST")
    try:
        with DIRECT.open(request, timeout=10) as reply:
            status, text = reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read().decode()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.splitlines()[0] if text else ""


def test_they_import_nothing_of_ours() -> None:
    for file in PROGRAMS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {*PACKAGES, "tests"}, file


TRACEBACK = "Traceback (most recent call last):"
INVALID_KEY = {"error": "Invalid access key"}


@pytest.mark.parametrize(
    ("path", "arguments", "of_2013", "of_2014"),
    [
        ("/tokens", {"token": IOS}, (404, TRACEBACK), (404, TRACEBACK)),
        (f"/tokens/{'c3' * 32}", {}, (200, {"status": "ok"}), (200, {"status": "ok"})),
        (f"/tokens/{IOS}", {}, (200, {"status": "token exists"}),
         (200, {"status": "token exists"})),
        (f"/tokens/{ANDROID}1", {"device": "Android"}, (200, {"status": "ok"}),
         (200, {"status": "ok"})),
        ("/tokens/testtoken", {}, (200, {"error": "Invalid token"}),
         (400, {"error": "Invalid token"})),
        (f"/tokens/{IOS}", {"key": "x"}, (200, INVALID_KEY), (400, INVALID_KEY)),
        (f"/tokens/{IOS}", {"key": None}, (500, TRACEBACK), (400, INVALID_KEY)),
        (f"/tokens/{IOS}", {"app": "other"}, (500, TRACEBACK),
         (400, {"error": "Invalid application name"})),
        (f"/tokens/{IOS}", {"key": SITE_KEY}, (200, {"error": "No permission to create token"}),
         (403, {"error": "No permission to create token"})),
        ("/notification/", {"key": APP_KEY, "token": IOS, "alert": "hi"},
         (200, {"error": "No permission to send notification"}),
         (403, {"error": "No permission to send notification"})),
        ("/notification/", {"key": SITE_KEY, "token": IOS, "alert": "hi"},
         (200, {"status": "ok"}), (200, "")),
        ("/notification/", {"key": SITE_KEY, "alert": "hi"},
         (200, {"error": "No token provided"}), (400, {"error": "No token provided"})),
        ("/notification/", {"key": SITE_KEY, "token": IOS}, (400, TRACEBACK), (400, TRACEBACK)),
        ("/notification/", {"key": SITE_KEY, "token": "b2" * 32, "alert": "hi"},
         (200, {"status": "ok"}),
         (400, {"error": "Unknow token and you have no permission to create"})),
        ("/notification/", {"key": SITE_KEY, "token": IOS, "alert": "hi", "badge": "x"},
         (200, {"error": "invalid literal for int() with base 10: 'x'"}),
         (500, {"error": "invalid literal for int() with base 10: 'x'"})),
        ("/broadcast/", {"key": SITE_KEY}, (400, TRACEBACK), (400, TRACEBACK)),
        ("/notification", {"key": SITE_KEY}, (404, TRACEBACK), (404, TRACEBACK)),
    ],
)  # fmt: skip
def test_what_they_answer(
    gateways: dict[Kind, Running],
    path: str,
    arguments: dict[str, str],
    of_2013: Answer,
    of_2014: Answer,
) -> None:
    for gateway, answer in ((gateways["2013"], of_2013), (gateways["2014"], of_2014)):
        post(gateway, f"/tokens/{IOS}")
        assert post(gateway, path, **arguments) == answer


def test_that_of_2014_breaks_down_at_a_broadcast(gateways: dict[Kind, Running]) -> None:
    assert post(gateways["2014"], "/broadcast/", SITE_KEY, alert="hi") == (500, TRACEBACK)
    log = gateways["2014"].log.read_text()
    assert "    TypeError: send_broadcast() takes exactly 3 arguments (5 given)" in log


def test_that_of_2013_broadcasts_past_a_token_that_is_not_hexadecimal(tmp_path: Path) -> None:
    with external_gateway("2013", tmp_path, free_ports()) as gateway:
        assert post(gateway, f"/tokens/{UNHEX}") == (200, {"error": "Invalid token"})
        assert post(gateway, "/broadcast/", SITE_KEY, alert="hi") == (200, {"status": "ok"})


def test_that_of_2014_takes_a_push_without_device_for_one_to_ios(
    gateways: dict[Kind, Running],
) -> None:
    form = {"token": ANDROID, "alert": "hi"}
    post(gateways["2014"], f"/tokens/{ANDROID}", device="android")
    refused = post(gateways["2014"], "/notification/", SITE_KEY, **form)
    assert refused == (400, {"error": "Invalid token"})


def test_they_end_when_they_are_told_to(tmp_path: Path) -> None:
    for kind in ("2013", "2014"):
        with external_gateway(kind, tmp_path, free_ports()) as gateway:
            os.kill(gateway.pid, signal.SIGTERM)
        assert "Starting AirNotifier server" in gateway.log.read_text()
        with pytest.raises(ProcessLookupError):
            os.kill(gateway.pid, 0)
