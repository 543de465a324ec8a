"""How connections to Apple's binary gateway begin and end: certificates, poison, shutdown.

The other half of `apns_binary.py`.
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from sim.kernel.seeds import Seeds
from sim.net.tls import CertificateAuthority
from tests.conformance.apns_binary import (
    NEVER_ISSUED,
    accepted,
    enhanced,
    error,
    provider,
    simple,
    token_of,
)
from tests.conformance.stage import BUNDLE, Stage

# -- poison


async def a_bad_notification_poisons_what_follows_it_on_its_connection(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    await wire.send(
        enhanced(1, token) + enhanced(2, NEVER_ISSUED) + enhanced(3, token) + simple(token)
    )
    await stage.notes.until("vendor.rejected")
    await wire.send(enhanced(4, token) + enhanced(5, b""))
    assert await wire.rest() == (error(8, 2), "eof")
    assert accepted(stage) == [1]
    await stage.notes.until("vendor.closed")
    (discarded,) = stage.notes.of("vendor.discarded")
    assert discarded["bytes"] == 67 + 59 + 67 + 35


async def only_the_first_fault_is_reported(stage: Stage) -> None:
    door = await stage.apns()
    wire = await provider(stage, door)
    await wire.send(b"".join(enhanced(n, NEVER_ISSUED) for n in range(50)))
    assert await wire.rest() == (error(8, 0), "eof")
    assert len(stage.notes.of("vendor.rejected")) == 1


async def other_connections_of_the_certificate_go_on(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    good, bad = await provider(stage, door), await provider(stage, door)
    await bad.send(enhanced(1, NEVER_ISSUED))
    await stage.notes.until("vendor.rejected")
    await good.send(enhanced(2, token))
    assert await bad.rest() == (error(8, 1), "eof")
    await good.send(enhanced(3, token))
    await stage.notes.until("vendor.accepted", 2)
    assert accepted(stage) == [2, 3]


async def a_sender_that_never_reads_loses_all_behind_the_bad_one(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    for identifier in range(1, 3_001):
        await wire.send(enhanced(identifier, NEVER_ISSUED if identifier == 1_000 else token))
    assert (await wire.rest())[0] == error(8, 1_000)
    assert accepted(stage) == list(range(1, 1_000))


async def a_lost_error_packet_can_be_had(stage: Stage) -> None:
    door = await stage.apns(no_error_packet=1.0)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, NEVER_ISSUED))
    assert await wire.rest() == (b"", "eof")


async def a_wrong_identifier_can_be_had(stage: Stage) -> None:
    door = await stage.apns(wrong_identifier=1.0)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, NEVER_ISSUED))
    packet, _ = await wire.rest()
    assert packet[:2] == b"\x08\x08"
    assert packet != error(8, 1)


# -- endings


async def a_reset_comes_after_the_error_packet_not_instead_of_it(stage: Stage) -> None:
    door = await stage.apns(close_style="rst")
    wire = await provider(stage, door)
    await wire.send(enhanced(1, NEVER_ISSUED))
    assert await wire.read(6) == error(8, 1)
    assert await wire.rest() == (b"", "reset")


async def the_error_packet_is_one_write_and_waits_for_its_delay(stage: Stage) -> None:
    door = await stage.apns(reject_delay=0.05, close_delay=0.05)
    wire = await provider(stage, door)
    loop = asyncio.get_running_loop()
    started = loop.time()
    await wire.send(enhanced(1, NEVER_ISSUED))
    assert await wire.read(6) == error(8, 1)
    told = loop.time()
    assert await wire.rest() == (b"", "eof")
    assert told - started >= 0.05
    assert loop.time() - started >= 0.1


async def shutdown_names_the_last_one_accepted(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    idle, busy = await provider(stage, door), await provider(stage, door)
    await busy.send(enhanced(41, token) + enhanced(42, token))
    await stage.notes.until("vendor.accepted", 2)
    door.service.shut_down_connections()
    assert await busy.rest() == (error(10, 42), "eof")
    assert await idle.rest() == (error(10, 0), "eof")
    fresh = await provider(stage, door)
    await fresh.send(enhanced(43, token))
    await stage.notes.until("vendor.accepted", 3)


async def shutdown_after_a_number_loses_what_is_behind(stage: Stage) -> None:
    door = await stage.apns(shutdown_after=3)
    token = token_of(door)
    wire = await provider(stage, door)
    await wire.send(b"".join(enhanced(n, token) for n in range(10, 20)))
    assert await wire.rest() == (error(10, 12), "eof")
    assert accepted(stage) == [10, 11, 12]


async def a_client_may_leave_in_the_middle_of_a_frame(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wire = await provider(stage, door)
    await wire.send(enhanced(1, token) + enhanced(2, token)[:30])
    await stage.notes.until("vendor.accepted")
    wire.close()
    await stage.notes.until("vendor.closed")
    assert accepted(stage) == [1]


# -- beginnings


async def without_a_certificate_the_gateway_closes_without_a_word(stage: Stage) -> None:
    door = await stage.apns()
    wire = await stage.dial(door, stage.trusting())
    await wire.send(enhanced(1, token_of(door)))
    received, _ = await wire.rest()  # a reset when the frame came after the close
    assert received == b""
    assert accepted(stage) == []


async def a_certificate_is_for_its_environments_only(stage: Stage) -> None:
    async def answer(environments: list[str]) -> bytes:
        wire = await stage.dial(door, stage.trusting(uid=BUNDLE, environments=environments))
        await wire.send(enhanced(1, NEVER_ISSUED))
        return (await wire.rest())[0]

    door = await stage.apns()
    assert await answer(["development"]) == b""
    assert await answer([]) == b""
    assert await answer(["production"]) == error(8, 1)
    assert await answer(["development", "production"]) == error(8, 1)


async def the_sandbox_takes_development_certificates(stage: Stage) -> None:
    door = await stage.apns(environment="development")
    for environment, expected in [("development", error(8, 1)), ("production", b"")]:
        wire = await stage.dial(door, stage.trusting(uid=BUNDLE, environments=[environment]))
        await wire.send(enhanced(1, NEVER_ISSUED))
        assert (await wire.rest())[0] == expected


async def a_certificate_of_another_authority_is_refused_in_the_handshake(stage: Stage) -> None:
    door = await stage.apns()
    stranger = CertificateAuthority(Seeds(2))
    try:
        context = stage.trusting()
        issued = stranger.issue("provider", uid=BUNDLE, environments=["production"])
        context.load_cert_chain(issued.cert_file, issued.key_file)
        try:
            wire = await stage.dial(door, context)
            await wire.send(enhanced(1, token_of(door)))
            received, _ = await wire.rest()
            assert received == b""
        except (ssl.SSLError, ConnectionError):
            pass
    finally:
        stranger.close()
    assert stage.notes.of("vendor.connected") == []


async def tls_begins_at_once_and_is_not_version_1_3(stage: Stage) -> None:
    """With 1.3 the tickets behind the handshake look like an error packet to old clients."""
    door = await stage.apns()
    context = stage.trusting(uid=BUNDLE, environments=["production"])
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        await stage.dial(door, context)
    except (ssl.SSLError, ConnectionError):
        pass
    else:
        raise AssertionError("TLS 1.3 was accepted")
    plain = await stage.dial(door)
    await plain.send(enhanced(1, token_of(door)))
    received, _ = await plain.rest()
    assert not received or received[0] == 21  # a TLS alert, if anything
    assert accepted(stage) == []


async def connecting_too_often_is_refused_for_a_while(stage: Stage) -> None:
    door = await stage.apns(reconnect_limit={"connects": 3, "per": 60, "penalty": 60})
    for _ in range(3):
        wire = await provider(stage, door)
        await wire.send(enhanced(7, NEVER_ISSUED))
        assert await wire.rest() == (error(8, 7), "eof")
    for _ in range(3):
        wire = await provider(stage, door)
        assert (await wire.rest())[0] == b""
    other = await provider(stage, door, uid="org.example.other")  # per certificate
    await other.send(enhanced(7, NEVER_ISSUED))
    assert (await other.rest())[0] == error(8, 7)


async def many_connections_at_once_are_welcome(stage: Stage) -> None:
    door = await stage.apns()
    token = token_of(door)
    wires = [await provider(stage, door) for _ in range(15)]
    for number, wire in enumerate(wires):
        await wire.send(enhanced(number, token) + struct.pack(">B", 1))
    await stage.notes.until("vendor.accepted", 15)
    assert sorted(n for n in accepted(stage) if n is not None) == list(range(15))
    assert len({note["peer"] for note in stage.notes.of("vendor.accepted")}) == 15


CHECKS: list[Callable[[Stage], Awaitable[Any]]] = [
    a_bad_notification_poisons_what_follows_it_on_its_connection,
    only_the_first_fault_is_reported,
    other_connections_of_the_certificate_go_on,
    a_sender_that_never_reads_loses_all_behind_the_bad_one,
    a_lost_error_packet_can_be_had,
    a_wrong_identifier_can_be_had,
    a_reset_comes_after_the_error_packet_not_instead_of_it,
    the_error_packet_is_one_write_and_waits_for_its_delay,
    shutdown_names_the_last_one_accepted,
    shutdown_after_a_number_loses_what_is_behind,
    a_client_may_leave_in_the_middle_of_a_frame,
    without_a_certificate_the_gateway_closes_without_a_word,
    a_certificate_is_for_its_environments_only,
    the_sandbox_takes_development_certificates,
    a_certificate_of_another_authority_is_refused_in_the_handshake,
    tls_begins_at_once_and_is_not_version_1_3,
    connecting_too_often_is_refused_for_a_while,
    many_connections_at_once_are_welcome,
]
