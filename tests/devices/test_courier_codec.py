"""The phone's codec of the courier protocol, against golden bytes."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import courier_codec as codec
from devices.errors import FrameError

DEVICE = bytes(range(32))
TOPIC = bytes.fromhex("aa" * 20)


def test_the_first_connect_has_an_empty_token() -> None:
    assert codec.connect(None).hex() == "0700000007" + "010000" + "02000101"


def test_later_connects_name_the_device() -> None:
    assert codec.connect(DEVICE).hex() == "0700000027" + "010020" + DEVICE.hex() + "02000101"


def test_topics_lists_each_app() -> None:
    wanted = "090000003a" + "010020" + DEVICE.hex() + "020014" + TOPIC.hex()
    assert codec.topics(DEVICE, [TOPIC]).hex() == wanted


def test_a_phone_without_apps_still_sends_its_topics() -> None:
    assert codec.topics(DEVICE, []).hex() == "0900000023" + "010020" + DEVICE.hex()


def test_an_ack_carries_message_id_and_status() -> None:
    assert codec.ack(0x01020304, codec.ACK_RECEIVED).hex() == "0b0000000b0400040102030408000100"
    assert codec.ack(1, codec.ACK_NO_APP).hex() == "0b0000000b0400040000000108000101"


def test_keep_alive_tells_of_the_phone_and_how_often_it_comes() -> None:
    wanted = "0c00000029" + "010004" + b"WiFi".hex() + "020005" + b"6.1.3".hex()
    wanted += "030006" + b"10B329".hex() + "040009" + b"iPhone5,1".hex() + "050002" + b"15".hex()
    assert codec.keep_alive(900).hex() == wanted


def test_asking_for_an_app_token() -> None:
    wanted = "110000003a" + "010020" + DEVICE.hex() + "020014" + TOPIC.hex()
    assert codec.app_token(DEVICE, TOPIC).hex() == wanted


GOLDEN = bytes.fromhex(
    "080000002c" + "01000100" + "030020" + DEVICE.hex() + "0400021000"
    "0a00000070"
    + ("010020" + DEVICE.hex())
    + ("020014" + TOPIC.hex())
    + ("030016" + b'{"aps":{"alert":"hi"}}'.hex())
    + "04000400000007"
    + "050004515c3f40"
    + "0600081307f5bb9d3f0000"
    + "07000103"
    + "0d00000000"
    + "120000003e"
    + ("01000100" + "020020" + DEVICE.hex() + "030014" + TOPIC.hex())
)
READ = [
    codec.ConnectAck(0, DEVICE),
    codec.Notification(TOPIC, b'{"aps":{"alert":"hi"}}', 7),
    codec.KeepAliveAck(),
    codec.AppTokenAck(0, DEVICE, TOPIC),
]


def test_what_the_service_sends_is_read() -> None:
    messages, rest = codec.read_messages(GOLDEN)
    assert messages == READ
    assert rest == b""


def test_a_connect_ack_without_token_leaves_the_phones_own() -> None:
    assert codec.read_messages(bytes.fromhex("08000000040100010" + "2")) == (
        [codec.ConnectAck(codec.STATUS_BAD_TOKEN, None)],
        b"",
    )


@given(st.lists(st.integers(0, len(GOLDEN)), max_size=8))
def test_the_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(GOLDEN)]
    messages: list[codec.Message] = []
    rest = b""
    for start, end in itertools.pairwise(edges):
        more, rest = codec.read_messages(rest + GOLDEN[start:end])
        messages += more
    assert messages == READ
    assert rest == b""


def test_unknown_messages_and_fields_are_skipped() -> None:
    unknown = bytes.fromhex("42000000021122") + bytes.fromhex("0d0000000499000155")
    assert codec.read_messages(unknown) == ([codec.KeepAliveAck()], b"")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack(">BI", 0x0A, 65536), id="a body too long"),
        pytest.param(bytes.fromhex("0a00000003040009"), id="a field longer than its message"),
        pytest.param(bytes.fromhex("0a000000020400"), id="a field header cut short"),
        pytest.param(bytes.fromhex("0a00000008" + "0400050000000001"), id="a number too large"),
        pytest.param(bytes.fromhex("0800000022" + "03001f" + "55" * 31), id="a token too short"),
        pytest.param(bytes.fromhex("1200000024" + "020021" + "55" * 33), id="a token too long"),
    ],
)
def test_malformed_messages_end_the_connection(data: bytes) -> None:
    with pytest.raises(FrameError):
        codec.read_messages(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_frame_error(data: bytes) -> None:
    try:
        _, rest = codec.read_messages(data)
    except FrameError:
        return
    assert data.endswith(rest)
