"""A TLS server of ours that refuses a handshake tells the client by an alert, and the trace why."""

import asyncio
import ssl
import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from sim.kernel.bridge import as_event
from sim.kernel.seeds import Seeds
from sim.live.world import LiveWorld
from sim.net.tls import CertificateAuthority
from sim.net.tls_policy import KEY_KINDS, LIVE_TLS, KeyKind, TlsPolicy
from sim.world import World

PORT = 443
OLD = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1}
NEW = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

Outcome = tuple[str, bytes]
"""What the client found (the version, or the reason of its error), and what it was sent last."""
Client = Callable[[CertificateAuthority], ssl.SSLContext]


def trusting(authority: CertificateAuthority) -> ssl.SSLContext:
    return authority.client_context(authority.issue("provider"))


def without_certificate(authority: CertificateAuthority) -> ssl.SSLContext:
    return authority.client_context()


def of_another_authority(authority: CertificateAuthority) -> ssl.SSLContext:
    other = CertificateAuthority(Seeds(99), authority.policy)
    issued = other.issue("provider")
    context = authority.client_context(issued)
    other.close()
    return context


def trusting_nobody(authority: CertificateAuthority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(*_files(authority))
    return context


def speaking(version: ssl.TLSVersion) -> Client:
    def client(authority: CertificateAuthority) -> ssl.SSLContext:
        context = trusting(authority)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():  # old versions are the point here
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        return context

    return client


def _files(authority: CertificateAuthority) -> tuple[str, str]:
    issued = authority.issue("provider")
    return issued.cert_file, issued.key_file


async def shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> Outcome:
    """A TLS client in the open, and then a read, in which TLS 1.3 learns of a late refusal."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="push")
    last = b""
    steps: list[Callable[[], Any]] = [tls.do_handshake, lambda: tls.read(1)]
    while steps:
        try:
            steps[0]()
            steps.pop(0)
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            last = await reader.read(65_536) or last
            incoming.write(last)
        except ssl.SSLError as error:
            writer.write(outgoing.read())
            return error.reason or str(error), last
    return tls.version() or "", last


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> Outcome:
    writer.write(data)
    return "", await reader.read()


class Greeting(asyncio.Protocol):
    """What is served: a byte, so that the client's read ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"!")


Dialogue = Callable[[asyncio.StreamReader, asyncio.StreamWriter, CertificateAuthority], Any]


async def _talk(world: Any, host: Any, real_port: int, dialogue: Dialogue) -> Outcome:
    async def serve() -> asyncio.Server:
        context = world.ca.server_context(
            world.ca.issue("push", names=["push"]), client_certificates=True
        )
        address = host.address
        server: asyncio.Server = await world.loop.create_server(
            Greeting, address, real_port, ssl=context
        )
        return server

    server = await host.start(serve)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        outcome: Outcome = await dialogue(reader, writer, world.ca)
    finally:
        writer.close()
        server.close()
    await asyncio.sleep(0.05)
    return outcome


def simulated(policy: TlsPolicy, dialogue: Dialogue) -> tuple[Outcome, list[dict[str, Any]]]:
    with World(seed=1) as world:
        world.ca.close()
        world.ca = CertificateAuthority(world.seeds, policy)
        host, events = world.host("push"), world.trace.keep()
        outcome = world.run(lambda: _talk(world, host, PORT, dialogue))
        return outcome, [event for event in events if event["kind"] == "tls.refused"]


def live(policy: TlsPolicy, dialogue: Dialogue) -> tuple[Outcome, list[dict[str, Any]]]:
    with LiveWorld(seed=1, tls=policy) as world:
        host, events = world.host("push"), world.trace.keep()

        def main() -> Generator[Any, Any, Outcome]:
            outcome: Outcome = yield as_event(
                world.env, world.loop.create_task(_talk(world, host, 0, dialogue))
            )
            return outcome

        outcome = world.run(main())
        return outcome, [event for event in events if event["kind"] == "tls.refused"]


ARMS = pytest.mark.parametrize(
    "arm", [simulated, pytest.param(live, marks=pytest.mark.live)], ids=lambda arm: arm.__name__
)


def client(make: Client) -> Dialogue:
    return lambda reader, writer, authority: shake_hands(reader, writer, make(authority))


@ARMS
@pytest.mark.parametrize(
    ("make", "version", "alert", "why"),
    [
        (without_certificate, "TLSv1.2", "SSLV3_ALERT_HANDSHAKE_FAILURE", "no client certificate"),
        (without_certificate, "TLSv1.3", "TLSV13_ALERT_CERTIFICATE_REQUIRED", "no client cert"),
        (of_another_authority, "TLSv1.2", "TLSV1_ALERT_UNKNOWN_CA", "certificate is not valid"),
        (of_another_authority, "TLSv1.3", "TLSV1_ALERT_UNKNOWN_CA", "certificate is not valid"),
        (trusting_nobody, "TLSv1.3", "CERTIFICATE_VERIFY_FAILED", "does not trust our"),
        (speaking(ssl.TLSVersion.TLSv1), "", "TLSV1_ALERT_PROTOCOL_VERSION", "no TLS version"),
        (speaking(ssl.TLSVersion.TLSv1_1), "", "TLSV1_ALERT_PROTOCOL_VERSION", "no TLS version"),
    ],
)
def test_a_refused_client_gets_an_alert_and_the_trace_says_why(
    arm: Any, make: Client, version: str, alert: str, why: str
) -> None:
    def configured(authority: CertificateAuthority) -> ssl.SSLContext:
        context = make(authority)
        if version:
            context.maximum_version = NEW[version]
        return context

    (reason, _), refused = arm(LIVE_TLS, client(configured))
    assert reason == alert
    [event] = refused
    assert why in event["why"]
    assert event["host"] == "push"
    assert event["peer"]


@ARMS
@pytest.mark.parametrize(
    ("first", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: push\r\n\r\n", "plain HTTP on a TLS port"),
        (b"\0\0 " + bytes(range(200)), "no TLS"),
    ],
)
def test_what_is_no_tls_is_answered_by_an_alert(arm: Any, first: bytes, why: str) -> None:
    (_, said), [event] = arm(LIVE_TLS, lambda reader, writer, _: say(reader, writer, first))
    assert said[:1] == b"\x15"
    assert said[5:6] == b"\x02"  # fatal
    assert why in event["why"]


@ARMS
def test_a_client_that_goes_away_in_the_middle_is_told_of(arm: Any) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Any) -> Outcome:
        writer.write_eof()
        return "", await reader.read()

    (_, said), [event] = arm(LIVE_TLS, leave)
    assert (said, event["why"]) == (b"", "the client went away")


@ARMS
@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize("kind", KEY_KINDS)
def test_new_clients_are_served_with_keys_of_every_kind(
    arm: Any, kind: KeyKind, version: str
) -> None:
    (spoken, _), refused = arm(replace(LIVE_TLS, keys=kind), client(speaking(NEW[version])))
    assert (spoken, refused) == (version, [])


@ARMS
@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_old_clients_are_served_when_they_are_to_be(arm: Any, kind: KeyKind, version: str) -> None:
    policy = replace(LIVE_TLS, keys=kind, old_clients=True)
    (spoken, _), refused = arm(policy, client(speaking(OLD[version])))
    assert (spoken, refused) == (version, [])
