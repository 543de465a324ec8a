"""Work on text from outside grows with its length and not with the square of it.

Each regular expression and each parser gets the worst input for its shape in three sizes. What is
compared is the processor time of this thread: sixteen times the text may take up to 64 times as
long, where a square takes 256 times.

A machine that is busy with other things makes a measurement larger and never smaller: caches are
shared, a core slows down. So the collector is off, the least of several attempts counts, and what
looks like too much is measured again, the small text beside the large one. A square stays one.
"""

import ast
import contextlib
import gc
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import browser, courier_codec, excerpt, mtalk_codec, notifications
from devices.errors import DeviceError
from server.airnotifier import auth, targets
from server.airnotifier.arguments import read_arguments
from server.airnotifier.errors import Refused
from server.airnotifier.providers.apns.payload import apns_payload
from server.airnotifier.providers.gcm import answers as gcm_answers
from server.moodle import (
    gateway_words,
    parameters,
    php_json,
    phpargs,
    rest_format,
    truncation,
)
from server.moodle import multipart as site_multipart
from server.moodle.accounts import clean_username
from server.moodle.errors import MoodleError
from server.moodle.messaging import send
from server.moodle.messaging.outputs import push_fields_27
from sim.vendors.apns import frames
from sim.vendors.gcm import requests
from sim.vendors.gcm.settings import GcmSettings

ROOT = Path(__file__).parents[1]
READERS_OF_FOREIGN_TEXT = ("server", "sim/vendors", "sim/net", "devices")
SIZES = (4_096, 16_384, 65_536)
ALLOWED = 64
SLACK = 0.03
"""Seconds: what is over sooner cannot keep a server busy, and is too short to be measured."""

Make = Callable[[int], Any]
Work = Callable[[Any], object]


ROUNDS = 3
"""In which a size is measured again before it counts as too slow."""


def seconds(work: Work, given: Any) -> float:
    """Of processor time; the least of a few attempts, since the first pays for caches."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            begun = time.thread_time()
            work(given)
            best = min(best, time.thread_time() - begun)
            if best > 1:
                break
    finally:
        gc.enable()
    return best


def grows_too_fast(work: Work, make: Make) -> str | None:
    """The times, if they are those of more than linear work."""
    first = seconds(work, make(SIZES[0]))
    for size in SIZES[1:]:
        for _ in range(ROUNDS):
            taken = seconds(work, make(size))
            if taken <= SLACK + first * ALLOWED * size / SIZES[-1]:
                break
            first = seconds(work, make(SIZES[0]))
        else:
            return f"{SIZES[0]} took {first:.5f} s, {size} took {taken:.5f} s"
    return None


def again(*parts: str) -> list[Make]:
    """Each part over and over, alone and with an end that matches nothing."""
    return [
        make
        for part in parts
        for make in (
            lambda size, part=part: (part * (size // len(part) + 1))[:size],
            lambda size, part=part: (part * (size // len(part) + 1))[:size] + "\x01",
        )
    ]


def after(start: str, *parts: str) -> list[Make]:
    return [lambda size, make=make: start + make(size) for make in again(*parts)]


HEAD = "Content-Disposition: form-data;"
REGULAR_EXPRESSIONS: dict[str, list[Make]] = {
    "server/airnotifier/arguments.py _SURROGATE": again("a", "\ue000"),
    "server/airnotifier/charsets.py _CHARSET": again(";", "; ", ";charset", ";charset ", " "),
    "server/airnotifier/multipart.py _CONTENT_TYPE": again("content-type", "\r\n", "content-type:"),
    "server/airnotifier/api/content.py _NUMBER": again("1", "1.", "1e", "+"),
    "server/airnotifier/providers/gcm/answers.py _SECONDS": again("1"),
    "server/moodle/gateway_client.py _IDENTIFIER": again("a"),
    "server/moodle/web/sessions.py _SID": again("a", "0"),
    "devices/browser.py _NOTE": again('role="status">', "<", ">"),
    "devices/moodle_client.py _ALERT": again('role="alert">', "<", ">"),
    "server/moodle/gateway_settings.py _KEY": again("a"),
    "sim/vendors/gcm/mcs_messages.py _MILLISECONDS": again("1"),
    "server/airnotifier/auth.py _HOP": [
        *again("1", ":"),
        *after("[", ":", "a]"),
        *after("1:", "1"),
    ],
    "server/airnotifier/multipart.py _BOUNDARY": after(
        "multipart/form-data", " ", ";", "; ", ';boundary="', ";boundary=", '; boundary=";'
    ),
    "server/airnotifier/multipart.py _DISPOSITION": again("content-disposition", "\r\n", "\n"),
    "server/airnotifier/multipart.py _FILE_NAME": again(";filename", ";filename*", ";", " "),
    "server/airnotifier/multipart.py _NAME": [
        *again(';name="', ";name=", ";name=\\", '\\"', " "),
        *after(';name="', "\\", '\\"', "a", ";name=\\"),
    ],
    "server/airnotifier/multipart.py _USUAL_HEAD": after(
        'Content-Disposition: form-data; name="', "a"
    ),
    "server/airnotifier/targets.py _APNS_TOKEN": again("a"),
    "server/airnotifier/targets.py _DEVICE": again("a", "-"),
    "server/airnotifier/targets.py _OPAQUE_TOKEN": again("a"),
    "server/moodle/door.py _SLASHES": again("/", "/a", "a"),
    "server/moodle/messaging/send.py _TAGS": again("<>", "<<>", "<a>"),
    "server/moodle/multipart.py _BOUNDARY": again('boundary="', "boundary=", 'boundary="";'),
    "server/moodle/multipart.py _FILE": again("filename", " filename*"),
    "server/moodle/multipart.py _NAME": [
        *again("content-disposition:", "content-disposition: form-data;\n"),
        *after("content-disposition:", " ", "\t"),
        *after("content-disposition: form-data;", 'name="', "name=;", " name", "a", '"'),
    ],
    "server/moodle/parameters.py _ALPHA": again("a"),
    "server/moodle/parameters.py _ALPHANUMEXT": again("a_"),
    "server/moodle/parameters.py _COMPONENT": again("a", "_", "a_", "a_a", "a1"),
    "server/moodle/parameters.py _INT": again("1", "-"),
    "server/moodle/parameters.py _SURROGATE": again("a", "\ue000"),
    "server/moodle/parameters.py _TAG": again("< ", "<\n"),
    "server/moodle/php_json.py _DEL": again("\\", "\\u007", "\\\\u007f"),
    "server/moodle/phpargs.py _INTEGER": again("1", "-"),
    "sim/vendors/gcm/registry.py ID_SYNTAX": again("a"),
    "sim/vendors/gcm/requests.py _NUMBER": again("1", "-"),
    "sim/net/cost.py _REQUEST_LINE": [
        *again("A"),
        *after("GET ", "a", "?", "?a", " ", " HTTP/1.1"),
    ],
    "devices/browser.py _ATTRIBUTE": again("a", "a ", 'a="', "a= ", "-", " ", '="'),
    "devices/browser.py _INPUT": again("<input ", "<input", "<", "<input \n"),
    "devices/excerpt.py _SILENT": again("<script", "<", "<style "),
    "devices/excerpt.py _TAG": again("<", "<a", "<>"),
    "devices/excerpt.py _ESCAPED": again("\\", "\\u", "\\u00"),
    "devices/excerpt.py _WORD": again("a", "a ", "1:"),
    "server/moodle/gateway_words.py _TAG": again("<", "<a", "<>"),
    "server/moodle/gateway_words.py _ESCAPED": again("\\", "\\u", "\\u00"),
    "server/moodle/gateway_words.py _WORD": again("a", "a ", "1"),
    "server/moodle/messaging/outputs/push_fields_27.py _NOT_ESCAPED": again(
        "&amp;#", "1", "&amp;#x", "&amp;#1"
    ),
    "devices/http_request.py _ADDRESS": again("/", "//", "?", "#", "http://", "a"),
}
OPERATORS_FILES = (
    "server/airnotifier/admin.py",
    "server/airnotifier/settings.py",
    "server/moodle/settings.py",
    "server/settings.py",
    "server/yaml_subset.py",
)
"""They read what the operator of a server writes, and nothing of a peer."""


def compiled(path: Path) -> Iterator[str]:
    """The names of the regular expressions of a file; what has no name goes by its line."""
    tree = ast.parse(path.read_text())
    named = {
        id(node.value): target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr != "escape"
        ):
            yield f"{path.relative_to(ROOT)} {named.get(id(node), f'line {node.lineno}')}"


def test_every_regular_expression_is_in_the_table() -> None:
    found = {
        name
        for folder in READERS_OF_FOREIGN_TEXT
        for path in sorted((ROOT / folder).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in OPERATORS_FILES
        for name in compiled(path)
    }
    assert sorted(found - REGULAR_EXPRESSIONS.keys()) == []
    assert sorted(REGULAR_EXPRESSIONS.keys() - found) == []


def methods(path: str, attribute: str) -> set[str]:
    """What the module of a regular expression does with it."""
    return {
        node.attr
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == attribute
    }


@pytest.mark.parametrize("name", REGULAR_EXPRESSIONS)
def test_a_regular_expression_takes_linear_time(name: str) -> None:
    path, _, attribute = name.partition(" ")
    pattern: re.Pattern[Any] = getattr(import_module(path[:-3].replace("/", ".")), attribute)
    is_bytes = isinstance(pattern.pattern, bytes)
    uses: dict[str, Work] = {
        "match": pattern.match,
        "fullmatch": pattern.fullmatch,
        "search": pattern.search,
        **dict.fromkeys(("finditer", "findall", "sub"), pattern.findall),
    }
    for method in methods(path, attribute) or {"fullmatch"}:
        use = uses[method]
        for make in REGULAR_EXPRESSIONS[name]:

            def given(size: int, make: Make = make) -> str | bytes:
                return make(size).encode() if is_bytes else make(size)

            assert grows_too_fast(use, given) is None, (method, make(60))


REFUSALS = (Refused, MoodleError, DeviceError, requests.BadRequest, ValueError)


def refused(work: Work) -> Work:
    def attempt(given: Any) -> None:
        with contextlib.suppress(*REFUSALS):
            work(given)

    return attempt


BOUNDARY = 'multipart/form-data; boundary="b"'
PART = f'\r\n--b\r\n{HEAD} name="a"\r\n\r\nx'


def gateway_form(text: str) -> object:
    return read_arguments(text, "", b"")


def gateway_body(text: str) -> object:
    return read_arguments("", "application/json", text.encode())


def gateway_multipart_body(text: str) -> object:
    return read_arguments("", BOUNDARY, text.encode())


def gateway_content_type(text: str) -> object:
    return read_arguments("", text, b"x")


def site_multipart_body(text: str) -> object:
    return list(site_multipart.decode(BOUNDARY, text.encode()))


def site_parameter(kind: parameters.Param) -> Work:
    return refused(lambda text: parameters.validate(parameters.Scalar(kind), text, "x"))


def decoded_frames(data: bytes) -> None:
    decoder = frames.FrameDecoder()
    for start in range(0, len(data), 16):
        decoder.feed(data[start : start + 16])
        while isinstance(decoder.next_frame(), frames.Frame):
            pass


PARSERS: dict[str, tuple[Work, list[Make]]] = {
    "tags": (send._without_tags, again("<", "<>", ">", "<a", "<a>", "><")),
    "a gateway's form": (gateway_form, again("a", "&", "=", "a=&", "%", "%41", "%ff", "+", ";")),
    "a gateway's JSON": (
        gateway_body,
        [
            *again("[", "{", '{"a":', "1", '"', "\\", " ", "-"),
            *after('{"a":', "[", "1", '"\\ud800'),
        ],
    ),
    "a gateway's multipart body": (
        gateway_multipart_body,
        [
            *again("\r\n--b", "\r\n", "--b", PART, "-"),
            *after(f"--b\r\n{HEAD}", ' name="', " name=", "\r\n", "\\", ";"),
        ],
    ),
    "a gateway's Content-Type": (gateway_content_type, after("multipart/form-data", ";", '"', " ")),
    "X-Forwarded-For": (
        lambda text: auth.caller("10.0.0.1", [text], (ip_network("10.0.0.0/8"),)),
        again(",", "10.0.0.1,", "[::1],", ":", "1", " "),
    ),
    "a token": (refused(lambda text: targets.target(text, text)), again("a", "fcm")),
    "an alert that is cut": (
        refused(lambda text: apns_payload(text, None, 1, {}, limit=2048)),
        again("a", "\u20ac", '"', "\n", "\x00"),
    ),
    "an answer of GCM": (
        lambda text: gcm_answers.read_answer(200, text.encode(), 1),
        [*again("["), *after('{"results":', "[", "1")],
    ),
    "Retry-After": (
        lambda text: gcm_answers.retry_after(text, text),
        again("1", " ", ",", "Mon, ", "-", ":", "("),
    ),
    "PHP's variables": (
        phpargs.parse,
        again(
            "a", "&", "=", "[", "]", "a[", "a[]", "a[]=&", "[a]", "%", "%5b", "+", ".", " ", "\0"
        ),
    ),
    "PHP's multipart": (site_multipart_body, again("\r\n--b", PART, "\r\n", 'name="')),
    "PHP's JSON": (php_json.encode, again("\x7f", "/", "\\", "\u20ac")),
    "a cut of the message": (
        lambda text: truncation.truncate(text.encode(), 100),
        again("a", "\u20ac", '"'),
    ),
    "a cut of the message of 2.7": (
        lambda text: push_fields_27.truncate(push_fields_27.escaped(text), 100),
        again("a", "\u20ac", '"', "&#1;"),
    ),
    "a gateway's refusal": (
        lambda text: gateway_words.refusal(400, {}, text.encode(), ["a" * 300, "text"]),
        again("a", "<", "a ", "<a>", "%", "&#", "["),
    ),
    "an excerpt of an answer": (
        lambda text: excerpt.excerpt(text.encode(), ["a" * 300, "text"]),
        again("a", "<", "a ", "<a>", "%", "&#", "["),
    ),
    "a name of a user": (clean_username, again(" ", "a", "\u0130")),
    "XML": (rest_format._text, again("&", "<", '"')),
    **{
        f"PARAM_{kind.name}": (site_parameter(kind), again("a", "1", "_", "<", "\0"))
        for kind in parameters.Param
    },
    "a page": (lambda text: list(browser._inputs(text)), again("<input ", '<input a="', "<input>")),
    "a payload on a phone": (
        lambda text: notifications.from_apns("1", "a", text.encode(), 0.0),
        [*again("[", '{"aps":'), *after('{"aps":{},"a":', "[", "1")],
    ),
    "a courier's messages": (
        refused(lambda text: courier_codec.read_messages(text.encode("latin-1"))),
        again("\x00", "\x01", "\x0a\x00\x00\x00\x00", "\xff"),
    ),
    "MTalk's messages": (
        refused(lambda text: mtalk_codec.read_frames(text.encode("latin-1"))),
        again("\x00", "\x00\x00", "\x07\x02\x10\x04", "\xff"),
    ),
    "APNs' frames": (
        lambda text: decoded_frames(text.encode("latin-1")),
        again("\x00", "\x01", "\x02", "\x00\x00\x01a\x00\x01b", "\x02\x00\x00\xff\xff"),
    ),
    "GCM's JSON": (
        refused(lambda text: requests.read_json(text.encode(), GcmSettings())),
        [*again("[", '{"a":'), *after('{"registration_ids":["a"],"data":{"a":', "[", "1")],
    ),
    "GCM's form": (
        refused(lambda text: requests.read_form(text.encode(), GcmSettings())),
        again("a", "&", "=", "a=1&", "%", "%41"),
    ),
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_linear_time(name: str) -> None:
    work, inputs = PARSERS[name]
    for make in inputs:
        assert grows_too_fast(work, make) is None, repr(make(60))


def test_the_measure_tells_a_square_from_a_line() -> None:
    tags = re.compile("<[^>]*>")
    assert grows_too_fast(lambda text: tags.sub("", text), again("<")[0]) is not None
    assert grows_too_fast(lambda text: tags.sub("", text), again("<>")[0]) is None


@given(st.text("<>ab\n"))
def test_tags_are_what_stands_between_the_signs(text: str) -> None:
    assert send._without_tags(text) == re.sub("<[^>]*>", "", text)
