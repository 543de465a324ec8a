"""Check-in and registration as a phone meets them: plain HTTP, since these phones use no TLS."""

import asyncio
import struct
from typing import Any

from tests.sim.vendors.gcm.mtalk_phone import APP, HOST, varint


async def post(stand: Any, path: str, body: bytes, header: str = "") -> tuple[int, bytes]:
    peer = await stand.connect(HOST, 80)
    extra = f"Authorization: {header}\r\n" if header else ""
    peer.transport.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode()
        + body
    )
    await asyncio.sleep(0.5)
    head, _, content = peer.take().partition(b"\r\n\r\n")
    return int(head.split()[1]), content


async def register(stand: Any, body: str, credentials: tuple[int, int]) -> str:
    header = f"AidLogin {credentials[0]}:{credentials[1]}"
    status, content = await post(stand, "/c2dm/register3", body.encode(), header)
    assert status == 200
    return content.decode()


def identity(answer: bytes) -> tuple[int, int]:
    """android_id and security_token: the last two fields, fixed64."""
    assert answer[:2] == b"\x08\x01"
    assert (answer[-18], answer[-9]) == (0x39, 0x41)
    return struct.unpack("<Q", answer[-17:-9])[0], struct.unpack("<Q", answer[-8:])[0]


def test_a_phone_checks_in_and_keeps_its_identity(stand: Any) -> None:
    stand.gcm()

    async def main() -> None:
        first = bytes.fromhex("1000 7003")
        status, answer = await post(stand, "/checkin", first)
        assert status == 200
        android_id, token = identity(answer)
        known = b"\x10" + varint(android_id) + b"\x69" + struct.pack("<Q", token) + b"\x70\x03"
        assert identity((await post(stand, "/checkin", known))[1]) == (android_id, token)
        wrong = b"\x10" + varint(android_id) + b"\x69" + struct.pack("<Q", 1) + b"\x70\x03"
        assert identity((await post(stand, "/checkin", wrong))[1])[0] != android_id
        assert (await post(stand, "/checkin", b"\xff\xff"))[0] == 400

    stand.run(main)


def test_an_app_registers_and_keeps_its_id(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        me = service.add_device()
        answer = await register(stand, f"app={APP}&sender=100&device={me[0]}&cert=ab", me)
        assert answer.startswith("token=APA91b")
        assert len(answer) == len("token=") + 140
        assert answer == f"token={service.token_of(me[0], APP)}"
        assert await register(stand, f"app={APP}&sender=100&device={me[0]}", me) == answer
        both = await register(stand, f"app={APP}&sender=100,200&device={me[0]}", me)
        assert both.startswith("token=")
        assert both != answer

    stand.run(main)


def test_a_registration_that_is_not_in_order_names_its_error(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        me = service.add_device()
        good = f"app={APP}&sender=100"
        assert await register(stand, good, (me[0], 1)) == "Error=AUTHENTICATION_FAILED"
        status, content = await post(stand, "/c2dm/register3", good.encode())
        assert (status, content) == (200, b"Error=AUTHENTICATION_FAILED")
        twice = f"{good}&app=org.other", f"{good}&sender=200", f"{good}&delete=true&delete=true"
        missing = "sender=100", f"app={APP}", f"app={APP}&sender=,"
        for bad in (*missing, *twice, "app=%ff&sender=100"):
            assert await register(stand, bad, me) == "Error=INVALID_PARAMETERS"
        assert await register(stand, f"app={APP}&sender=300", me) == "Error=INVALID_SENDER"
        assert service.token_of(me[0], APP) is None

    stand.run(main)


def test_an_app_that_unregisters_gets_a_new_id_next_time(stand: Any) -> None:
    service = stand.gcm()

    async def main() -> None:
        me = service.add_device()
        old = service.register(me[0], APP, ["100"])
        assert await register(stand, f"app={APP}&delete=true", me) == f"deleted={APP}"
        assert await register(stand, f"app={APP}&sender=100", me) != f"token={old}"

    stand.run(main)


def test_sending_is_not_offered_on_the_plain_port(stand: Any) -> None:
    stand.gcm()

    async def main() -> None:
        status, _ = await post(stand, "/gcm/send", b'{"to": "a"}', "key=key-of-100")
        assert status == 404

    stand.run(main)
