"""The messages of MCS, byte by byte."""

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
    login_response,
    read_frame,
    read_login_request,
    read_phone_message,
    read_selective_ack,
    stream_error,
    write_frame,
)

# 1 "i", 3 "12", 5 "34", 10 "a", 10 "b", 14 true
LOGIN = bytes.fromhex("0a0169 1a023132 2a023334 520161 520162 7001")


def test_the_golden_login_request_is_read() -> None:
    assert read_login_request(LOGIN) == LoginRequest("i", "12", "34", ("a", "b"), None)


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
    assert read_login_request(LOGIN + setting).heartbeat == heartbeat


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
    body = bytes.fromhex("2a0163 3a06 0a0161 120162 4a0170 a00101")
    assert read_phone_message(body) == PhoneMessage("c", "p", 1, {"a": "b"})


def test_a_selective_ack_names_persistent_ids_and_a_stream_ack_none() -> None:
    selective = bytes.fromhex("1001 3a0a 080c 1206 0a0161 0a0162 5003")
    stream = bytes.fromhex("1001 3a02 080d 5003")
    assert read_selective_ack(selective) == ["a", "b"]
    assert read_selective_ack(stream) == []
    assert last_stream_id_received(Tag.IQ_STANZA, stream) == 3


@pytest.mark.parametrize(
    ("tag", "body", "expected"),
    [
        (0, "1007", 7),
        (1, "1007", 7),
        (8, "5807", 7),
        (8, "1007", None),
        (4, "", None),
        (0, "", None),
    ],
)
def test_frames_carry_their_acknowledgement_in_different_fields(
    tag: int, body: str, expected: int | None
) -> None:
    assert last_stream_id_received(tag, bytes.fromhex(body)) == expected


def test_a_frame_is_waited_for_until_it_is_complete() -> None:
    frame = write_frame(Tag.LOGIN_REQUEST, LOGIN)
    assert all(read_frame(frame[:length], 0) is None for length in range(len(frame)))
    assert read_frame(b"xx" + frame, 2) == (2, LOGIN, len(frame) + 2)


def test_a_frame_that_no_phone_sends_is_malformed() -> None:
    with pytest.raises(MalformedInput):
        read_frame(bytes.fromhex("02 808004"), 0)


@given(st.integers(0, 255), st.binary(max_size=100))
def test_garbage_raises_nothing_but_malformed(tag: int, data: bytes) -> None:
    for read in (read_login_request, read_phone_message, read_selective_ack):
        try:
            read(data)
        except MalformedInput:
            continue
    try:
        read_frame(bytes([tag]) + data, 0)
        last_stream_id_received(tag, data)
    except MalformedInput:
        return
