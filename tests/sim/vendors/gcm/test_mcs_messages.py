"""The messages of MCS, byte by byte."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.vendors.errors import MalformedInput
from sim.vendors.gcm.mcs_messages import (
    LoginRequest,
    PhoneMessage,
    Tag,
    app_data_fields,
    data_message,
    heartbeat_ack,
    last_stream_id_received,
    login_refusal,
    login_request,
    login_response,
    phone_message,
    read_body,
    read_frame,
    selective_ack,
    stream_error,
    write_frame,
)
from sim.vendors.gcm.protobuf_schema import Message

# 1 "i", 2 "d", 3 "12", 4 "12", 5 "34", 10 "a", 10 "b", 14 true
LOGIN = bytes.fromhex("0a0169 120164 1a023132 22023132 2a023334 520161 520162 7001")


def test_the_golden_login_request_is_read() -> None:
    assert login_request(read_body(2, LOGIN)) == LoginRequest("i", "12", "34", ("a", "b"), None)


@pytest.mark.parametrize(
    ("name", "value", "heartbeat"),
    [
        ("hbping", "60000", 60.0),
        ("hbping", "-1", None),
        ("hbping", "6e4", None),
        ("hbping", "9" * 13, None),
        ("hbping", "", None),
        ("new_vc", "1", None),
    ],
)
def test_a_login_request_may_tell_the_heartbeat(
    name: str, value: str, heartbeat: float | None
) -> None:
    pair = bytes([10, len(name)]) + name.encode() + bytes([18, len(value)]) + value.encode()
    setting = bytes([0x42, len(pair)]) + pair
    assert login_request(read_body(2, LOGIN + setting)).heartbeat == heartbeat


def test_the_golden_login_responses_are_written() -> None:
    assert login_response("i", now_ms=5, heartbeat_ms=None).hex() == "0307" + "0a016930014005"
    assert (
        login_response("i", now_ms=5, heartbeat_ms=1000).hex() == "030c" + "0a0169"
        "3001"
        "3a0318e807"
        "4005"
    )
    assert login_refusal("i", 401, "no").hex() == "030c" + "0a01691a0708910312026e6f"


def test_the_golden_small_frames_are_written() -> None:
    assert heartbeat_ack(3).hex() == "01021003"
    assert stream_error("t", "x").hex() == "0a06" + "0a0174120178"
    assert write_frame(Tag.CLOSE).hex() == "0400"


def test_the_golden_data_message_is_written() -> None:
    frame = data_message(
        persistent_id="p",
        sender="1",
        to="t",
        category="c",
        collapse_key="k",
        app_data=app_data_fields([("a", "b")]),
        stream_id=2,
        last_received=1,
        registration_id="r",
        ttl=60,
        sent_ms=300,
        queued=0,
    )
    assert frame.hex() == (
        "082d"
        "120170"
        "1a0131"
        "220174"
        "2a0163"
        "32016b"
        "3a06"
        "0a0161"
        "120162"
        "4001"
        "4a0170"
        "5002"
        "5801"
        "6a0172"
        "88013c"
        "9001ac02"
        "980100"
    )


def test_the_golden_phone_message_is_read() -> None:
    body = bytes.fromhex("1a0166 2a0163 3a06 0a0161 120162 4a0170 a00101")
    assert phone_message(read_body(8, body)) == PhoneMessage("c", "p", 1, {"a": "b"})


def test_a_selective_ack_names_persistent_ids_and_a_stream_ack_none() -> None:
    selective = bytes.fromhex("1001 1a0169 3a0a 080c 1206 0a0161 0a0162 5003")
    stream = bytes.fromhex("1001 1a0169 3a04 080d 1200 5003")
    assert selective_ack(read_body(7, selective)) == ["a", "b"]
    assert selective_ack(read_body(7, stream)) == []
    assert last_stream_id_received(Tag.IQ_STANZA, read_body(7, stream)) == 3


@pytest.mark.parametrize(
    ("tag", "body", "expected"),
    [
        (0, "1007", 7),
        (1, "1007", 7),
        (8, "1a0166 2a0163 5807", 7),
        (8, "1a0166 2a0163 5007", None),
        (4, "", None),
        (0, "", None),
    ],
)
def test_frames_carry_their_acknowledgement_in_different_fields(
    tag: int, body: str, expected: int | None
) -> None:
    assert last_stream_id_received(tag, read_body(tag, bytes.fromhex(body))) == expected


def test_a_frame_is_waited_for_until_it_is_complete() -> None:
    frame = write_frame(Tag.LOGIN_REQUEST, LOGIN)
    assert all(read_frame(frame[:length], 0) is None for length in range(len(frame)))
    assert read_frame(b"xx" + frame, 2) == (2, LOGIN, len(frame) + 2)


def test_a_frame_that_no_phone_sends_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        read_frame(bytes.fromhex("02 808004"), 0)


@given(st.integers(0, 255), st.binary(max_size=100))
def test_garbage_raises_nothing_but_malformed(tag: int, data: bytes) -> None:
    readers: list[tuple[int, Callable[[Message], object]]] = [
        (2, login_request),
        (7, selective_ack),
        (8, phone_message),
        (tag, lambda message: last_stream_id_received(tag, message)),
    ]
    for kind, read in readers:
        with contextlib.suppress(MalformedInput):
            read(read_body(kind, data))
    with contextlib.suppress(MalformedInput):
        read_frame(bytes([tag]) + data, 0)
