"""The phone's codecs of protocol buffers and MCS, against golden bytes."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import mtalk_codec as codec
from devices import protobuf
from devices.errors import FrameError

ANDROID_ID = 0x3F2A


def test_protobuf_examples_of_googles_documentation() -> None:
    assert protobuf.uint_field(1, 150).hex() == "089601"
    assert protobuf.bytes_field(2, "testing").hex() == "120774657374696e67"
    assert protobuf.fixed64_field(3, 1).hex() == "190100000000000000"


@given(st.integers(0, 2**64 - 1))
def test_a_varint_reads_back(value: int) -> None:
    data = protobuf.varint(value)
    assert protobuf.read_varint(data + b"x", 0) == (value, len(data))
    assert protobuf.read_varint(data[:-1], 0) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_or_a_frame_error(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        list(protobuf.read_fields(data))


@pytest.mark.parametrize("data", ["0000", "808080801000"])
def test_a_field_has_a_number_that_a_message_can_have(data: str) -> None:
    with pytest.raises(FrameError, match="field number"):
        protobuf.read_fields(bytes.fromhex(data))


def test_a_varint_has_64_bits() -> None:
    assert protobuf.read_varint(b"\xff" * 9 + b"\x7f", 0) == (2**64 - 1, 10)


def test_a_login_starts_with_the_version_and_names_what_was_received() -> None:
    body = (
        "0a07" + b"login-1".hex() + "120f" + b"mcs.android.com".hex()
        + "1a05" + b"16170".hex() + "2205" + b"16170".hex() + "2a0237370"[:-1]
        + "320c" + b"android-3f2a".hex()
        + "420b" + "0a06" + b"new_vc".hex() + "120131"
        + "5205" + b"0:1%a".hex()
        + "6000" + "7001" + "800102" + "880101"
    )  # fmt: skip
    wanted = "29" + "02" + f"{len(body) // 2:02x}" + body
    assert codec.login_request(ANDROID_ID, 77, ["0:1%a"]).hex() == wanted


def test_heartbeats_say_how_many_frames_arrived() -> None:
    assert codec.heartbeat_ping(3).hex() == "00021003"
    assert codec.heartbeat_ack(300).hex() == "010310ac02"


def test_a_selective_ack_is_an_iq_with_extension_12() -> None:
    extension = "080c" + "1207" + "0a05" + b"0:1%a".hex()
    body = "1001" + "1a0135" + "3a0b" + extension + "5005"
    assert codec.selective_ack("0:1%a", 5).hex() == "07" + f"{len(body) // 2:02x}" + body


def test_telling_that_no_app_wants_a_message() -> None:
    body = (
        "1a0f" + b"gcm@android.com".hex() + "2a03" + b"a.b".hex() + "4a05" + b"0:1%a".hex()
        + "5802" + "a00101"
    )  # fmt: skip
    assert codec.no_receiver("a.b", "0:1%a", 2).hex() == "08" + f"{len(body) // 2:02x}" + body


LOGIN_ANSWER = bytes.fromhex("030d" + "0a01" + "31" + "3001" + "3a04" + "18e0d403" + "400a")
DATA = bytes.fromhex(
    "0824"
    + ("1205" + b"0:1%a".hex())
    + ("2a03" + b"a.b".hex())
    + ("3a0b" + "0a02" + b"id".hex() + "1205" + b"hello".hex())
    + ("4a05" + b"0:1%a".hex())
    + "5001"
    + "5803"
)
STREAM = LOGIN_ANSWER + bytes.fromhex("0000") + DATA + bytes.fromhex("010210010400630100")
READ = [
    codec.LoginResponse(0, 60.0, 1),
    codec.HeartbeatPing(),
    codec.DataMessage("a.b", "0:1%a", 3, {"id": "hello"}),
    codec.HeartbeatAck(1),
    codec.Close(),
    codec.Other(0x63),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_the_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    frames: list[codec.Frame] = []
    rest = b""
    for start, end in itertools.pairwise(edges):
        more, rest = codec.read_frames(rest + STREAM[start:end])
        frames += more
    assert frames == READ
    assert rest == b""


def test_a_refused_login_has_a_code() -> None:
    assert codec.read_frames(bytes.fromhex("03051a03089103")) == (
        [codec.LoginResponse(401, 0, 0)],
        b"",
    )


def test_a_stream_error_has_a_kind() -> None:
    data = bytes.fromhex("0a0a" + "0a08" + b"conflict".hex())
    assert codec.read_frames(data) == ([codec.StreamError("conflict")], b"")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x08" + protobuf.varint(65536), id="a frame too long"),
        pytest.param(b"\x08" + b"\xff" * 11, id="a length that never ends"),
        pytest.param(b"\x08\x02\x2a\x09", id="a field cut short"),
        pytest.param(b"\x08\x02\x28\x01", id="a number instead of the category"),
        pytest.param(b"\x08\x01\x0b", id="a group"),
    ],
)
def test_malformed_frames_end_the_connection(data: bytes) -> None:
    with pytest.raises(FrameError):
        codec.read_frames(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_frame_error(data: bytes) -> None:
    try:
        _, rest = codec.read_frames(data)
    except FrameError:
        return
    assert data.endswith(rest)
