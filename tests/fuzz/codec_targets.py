"""Parsers of what comes over the network, fed directly: each end of each protocol."""

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote_plus

from devices import courier_codec, mtalk_codec
from devices import protobuf as phone_protobuf
from devices.errors import FrameError
from server.airnotifier.arguments import read_arguments
from server.airnotifier.multipart import MultipartError, parse_multipart
from server.airnotifier.providers.apns import frames as apns_frames
from server.airnotifier.providers.gcm.answers import MAX_RETRY_AFTER, read_answer, retry_after
from server.moodle import multipart, php_json, phpargs
from server.moodle.errors import MoodleError
from server.moodle.parameters import Multiple, Param, Scalar, Single, validate
from sim.trace.pcapng import PcapngWriter
from sim.vendors.apns import courier_messages
from sim.vendors.apns.frames import Frame, FrameDecoder, Unparseable
from sim.vendors.errors import MalformedInput
from sim.vendors.gcm import mcs_messages, protobuf
from sim.vendors.gcm.requests import BadRequest, read_form, read_json
from sim.vendors.gcm.settings import GcmSettings, Project
from tests.fuzz.mutation import NUMBERS, TEXTS, as_json, damaged, damaged_text, damaged_value
from tests.fuzz.target import Fault, Target

GCM = GcmSettings(projects=(Project(sender_id="1", api_keys=("k",)),))


def equal(made: object, read: object, what: object) -> None:
    if made != read:
        raise Fault(f"{what!r}: {made!r} came back as {read!r}"[:2000])


def some(rng: Random, most: int = 40) -> bytes:
    return rng.randbytes(rng.randrange(most))


def apns_provider(rng: Random, here: Path) -> str:
    """Frames of the gateway, read by the mock in pieces; then damaged."""
    made = [
        (rng.getrandbits(32), rng.getrandbits(31), rng.randbytes(32), some(rng, 300))
        for _ in range(rng.randrange(1, 5))
    ]
    stream = b"".join(apns_frames.encode(*each) for each in made)
    read = _frames(rng, stream)
    for (identifier, _, token, payload), frame in zip(made, read, strict=True):
        assert isinstance(frame, Frame)
        equal((identifier.to_bytes(4, "big"), token, payload),
              (frame.identifier, frame.token, frame.payload), stream)  # fmt: skip
    read = _frames(rng, damaged(rng, stream, (b"\x02\x00\x00\x00\x00", b"\x01", b"\x00")))
    with contextlib.suppress(ValueError):
        apns_frames.decode_error(some(rng, 9))
    return "refused" if any(isinstance(each, Unparseable) for each in read) else "taken"


def _frames(rng: Random, stream: bytes) -> list[Frame | Unparseable]:
    decoder, found = FrameDecoder(), list[Frame | Unparseable]()
    while stream:
        length = rng.choice((1, 7, 64, 2000))
        decoder.feed(stream[:length])
        stream = stream[length:]
        while (frame := decoder.next_frame()) is not None:
            found.append(frame)
            if isinstance(frame, Unparseable):
                return found
    return found


def courier(rng: Random, here: Path) -> str:
    """The phone's messages read by the mock, and the mock's by the phone."""
    token, number = rng.randbytes(32), rng.getrandbits(32)
    written = rng.choice(
        (
            courier_codec.connect(token),
            courier_codec.topics(token, [rng.randbytes(20) for _ in range(rng.randrange(4))]),
            courier_codec.ack(number, rng.randrange(256)),
            courier_codec.app_token(token, rng.randbytes(20)),
        )
    )
    taken = courier_messages.read_message(written, 0)
    if taken is None or taken[2] != len(written):
        raise Fault(f"{written!r} is read as {taken!r}")
    kind = rng.choice(list(courier_messages.MessageType))
    fields = [(rng.randrange(256), some(rng, 60)) for _ in range(rng.randrange(6))]
    told = courier_messages.write_message(kind, fields)
    refused = 0
    for data in (damaged(rng, written), some(rng)):
        refused += not _read(
            lambda data=data: courier_messages.read_message(data, 0), MalformedInput
        )
    for data in (told, damaged(rng, told), some(rng)):
        refused += not _read(lambda data=data: courier_codec.read_messages(data), FrameError)
    return "refused" if refused else "taken"


def mtalk(rng: Random, here: Path) -> str:
    """MCS frames: the phone's for the mock, and the mock's for the phone."""
    android, secret = rng.getrandbits(63), rng.getrandbits(63)
    login = mtalk_codec.login_request(android, secret, [str(n) for n in range(rng.randrange(4))])
    frame = mcs_messages.read_frame(login, 1)
    assert frame is not None
    request = mcs_messages.login_request(mcs_messages.read_body(frame[0], frame[1]))
    equal((str(android), str(secret)), (request.user, request.auth_token), login)
    pairs = [(rng.choice(TEXTS[3:]), rng.choice(TEXTS[3:])) for _ in range(rng.randrange(4))]
    pairs = [(_clean(key), _clean(value)) for key, value in pairs]
    told = mcs_messages.data_message(
        persistent_id="0:1", sender="s", to="t", category="c", collapse_key=None,
        app_data=mcs_messages.app_data_fields(pairs), stream_id=rng.getrandbits(31),
        last_received=0, registration_id="r", ttl=60, sent_ms=rng.getrandbits(41), queued=0,
    )  # fmt: skip
    [message], rest = mtalk_codec.read_frames(told)
    assert isinstance(message, mtalk_codec.DataMessage)
    equal((dict(pairs), b""), (dict(message.data), rest), told)
    readers: list[Callable[[bytes], object]] = [
        lambda data: mcs_messages.read_frame(data, 0),
        lambda data: mcs_messages.login_request(mcs_messages.read_body(2, data)),
        lambda data: mcs_messages.phone_message(mcs_messages.read_body(8, data)),
        lambda data: mcs_messages.selective_ack(mcs_messages.read_body(7, data)),
        lambda data: mcs_messages.read_body(rng.randrange(16), data),
    ]
    refused = 0
    for read in readers:
        data = damaged(rng, rng.choice((login[1:], frame[1], told, b"")))
        refused += not _read(lambda read=read, data=data: read(data), MalformedInput)
    data = damaged(rng, told)
    refused += not _read(lambda: mtalk_codec.read_frames(data), FrameError)
    return "refused" if refused else "taken"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:200]


def _values(data: bytes) -> list[tuple[int, int | bytes]]:
    """What the mock reads, without the wire types."""
    return [(number, value) for number, _, value in protobuf.read_fields(data)]


def fields_of_protobuf(rng: Random, here: Path) -> str:
    """Both readers against both writers: what one writes, both read alike."""
    made: list[tuple[int, int | bytes]] = []
    data = b""
    for _ in range(rng.randrange(5)):
        number, value = rng.randrange(1, 2**20), rng.getrandbits(rng.choice((1, 7, 8, 32, 63, 64)))
        text = some(rng)
        which = rng.randrange(2)
        made.append((number, (value, text)[which]))
        data += rng.choice(
            (
                (protobuf.number_field(number, value), protobuf.bytes_field(number, text)),
                (
                    phone_protobuf.uint_field(number, value),
                    phone_protobuf.bytes_field(number, text),
                ),
            )
        )[which]
    equal(made, _values(data), data)
    equal(made, phone_protobuf.read_fields(data), data)
    bad = damaged(rng, data)
    answers = []
    for read, error in (
        (_values, MalformedInput),
        (phone_protobuf.read_fields, FrameError),
    ):
        try:
            answers.append(read(bad))
        except (MalformedInput, FrameError) as caught:
            if not isinstance(caught, error):
                raise
            answers.append(None)
    equal(answers[0], answers[1], bad)
    return "refused" if answers[0] is None else "taken"


def gcm_requests(rng: Random, here: Path) -> str:
    request = damaged_value(
        rng,
        {
            "registration_ids": ["a", "b"], "data": {"k": "v", "n": 1}, "collapse_key": "c",
            "time_to_live": 60, "delay_while_idle": True, "dry_run": False,
            "restricted_package_name": "p",
        },
    )  # fmt: skip
    body = as_json(rng, request).encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        body = damaged(rng, body)
    form = "&".join(f"{key}={quote_plus(str(value), errors='replace')}" for key, value in (
        ("registration_id", rng.choice(TEXTS)), ("data.x", rng.choice(TEXTS)),
        ("time_to_live", rng.choice(NUMBERS)),
    ))  # fmt: skip
    good = _read(lambda: read_json(body, GCM), BadRequest)
    good &= _read(
        lambda: read_form(damaged(rng, form.encode(), (b"%", b"&", b"%ff")), GCM), BadRequest
    )
    return "taken" if good else "refused"


def gcm_answers(rng: Random, here: Path) -> str:
    document = damaged_value(
        rng,
        {"multicast_id": 1, "success": 1, "results": [
            {"message_id": "0:1"}, {"message_id": 1, "registration_id": "x"},
            {"error": "Unavailable"},
        ]},
    )  # fmt: skip
    body = as_json(rng, document).encode("utf-8", "surrogatepass")
    answer = read_answer(rng.choice((200, 200, 200, 400, 401, 500, 503, 302, 999)), body, 3)
    if answer.kind == "done" and len(answer.results) != 3:
        raise Fault(f"{body!r}: {answer}")
    date = "Wed, 01 May 2013 08:02:00 GMT"
    header = damaged_text(
        rng, rng.choice((date, "120")), [*TEXTS, *map(str, NUMBERS), "+9999", "0000"]
    )
    seconds = retry_after(header, rng.choice((None, date, damaged_text(rng, date, TEXTS))))
    if not 0 <= seconds <= MAX_RETRY_AFTER or math.isnan(seconds):
        raise Fault(f"{header!r}: {seconds}")
    return answer.kind


FORM_TYPES = [
    "application/x-www-form-urlencoded", "application/json", "application/json; charset=utf-16",
    "multipart/form-data; boundary=x", 'multipart/form-data; boundary="x"; charset=latin-1', "",
    "multipart/form-data", "multipart/form-data; boundary=", "text/plain; charset=nonsense",
]  # fmt: skip


def gateway_arguments(rng: Random, here: Path) -> str:
    """Whatever a client calls its body."""
    part = b'--x\r\nContent-Disposition: form-data; name="alert"\r\n\r\nhello\r\n'
    bodies = (
        part * rng.randrange(1, 4) + b"--x--\r\n",
        b"alert=hello&token=abc&data%5Bx%5D=1",
        as_json(rng, damaged_value(rng, {"alert": "x", "badge": 1, "nested": {"a": [1]}})).encode(
            "utf-8", "surrogatepass"
        ),
    )
    body = rng.choice(bodies)
    if rng.random() < 0.7:
        body = damaged(rng, body, (b"--x", b"\r\n\r\n", b'name="', b"%u", b"%00", b"&" * 300, b"["))
    kind = rng.choice(FORM_TYPES)
    arguments = read_arguments(rng.choice(("", "a=1&b=%ff", "%", "=")), kind, body)
    with contextlib.suppress(MultipartError):
        parse_multipart(body, "x", max_parts=10)
    return "refused" if arguments.malformed is not None else "taken"


def site_forms(rng: Random, here: Path) -> str:
    """PHP's variables from queries and multipart bodies, and what a function makes of them."""
    text = "users[0][id]=1&users[0][name]=ana&users[]=x&a.b=1&c+d=2&text=hello"
    text = damaged_text(rng, text, ["[", "]", "[]", "=", "&", "%00", "%ff", "+", "[" * 100, *TEXTS])
    variables = phpargs.parse(
        text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    )
    description = Single(
        {
            "users": Multiple(Single({"id": Scalar(Param.INT), "name": Scalar(Param.TEXT, "")})),
            "text": Scalar(Param.RAW, ""),
        }
    )
    fields = [(some(rng).replace(b'"', b"'") or b"n", some(rng, 200)) for _ in range(3)]
    fields = [(name.translate(None, b"\r\n\\\0"), value) for name, value in fields]
    kind, body = multipart.encode(fields)
    equal(fields, list(multipart.decode(kind, body)), body)
    list(multipart.decode(rng.choice((kind, *FORM_TYPES)), damaged(rng, body)))
    return "taken" if _read(lambda: validate(description, variables), MoodleError) else "refused"


def json_of_php(rng: Random, here: Path) -> str:
    """PHP's JSON is JSON: it comes back as it was."""
    value: Any = rng.choice(
        ([rng.choice(TEXTS[4:]), 1, None, True], {"a": rng.choice(TEXTS[4:]), "b": {"c": [1]}})
    )
    text = php_json.encode(value)
    equal(value, json.loads(text), text)
    php_json.encoded_length(rng.choice(TEXTS).encode("utf-8", "replace"))
    return "taken"


def pcapng(rng: Random, here: Path) -> str:
    """A capture of odd packets has whole blocks, each as long as it says at both of its ends."""
    path = here / "capture.pcapng"
    writer = PcapngWriter(path, interface=_clean(rng.choice(TEXTS)))
    for _ in range(rng.randrange(4)):
        writer.packet(rng.getrandbits(61), some(rng, 2000), _clean(rng.choice(TEXTS)))
    names = {"10.0.0.1": [_clean(rng.choice(TEXTS[10:16]))]} if rng.random() < 0.5 else {}
    writer.close(names=names, key_log=some(rng))
    data, at = path.read_bytes(), 0
    while at < len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        tail = int.from_bytes(data[at + length - 4 : at + length], "little")
        if length % 4 or length < 12 or tail != length:
            raise Fault(f"a block at {at} of {length} bytes, {tail} at its end")
        at += length
    return "taken"


def _read(read: Callable[[], object], *errors: type[Exception]) -> bool:
    try:
        read()
    except errors:
        return False
    return True


TARGETS = [
    Target(
        "apns-frames",
        "frames come back equal; damage is Unparseable or a frame",
        apns_provider,
        150,
    ),
    Target("courier", "the other end reads what one wrote; damage is its error", courier, 150),
    Target("mtalk", "the other end reads what one wrote; damage is its error", mtalk, 100),
    Target("protobuf", "both readers agree, on damage too", fields_of_protobuf, 150),
    Target("gcm-requests", "a request or BadRequest", gcm_requests, 100),
    Target(
        "gcm-answers", "an answer with as many results as asked, a bounded wait", gcm_answers, 100
    ),
    Target(
        "gateway-arguments", "arguments, or malformed; never an exception", gateway_arguments, 100
    ),
    Target("site-forms", "variables; a function's arguments or MoodleError", site_forms, 60),
    Target("php-json", "comes back equal", json_of_php, 40),
    Target("pcapng", "whole blocks", pcapng, 30),
]
