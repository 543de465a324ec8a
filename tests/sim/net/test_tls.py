"""Certificates and handshakes: of one size in every run, valid today (pitfall 4)."""

import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from sim.kernel.bridge import as_event
from sim.kernel.seeds import Seeds
from sim.net.tls import APNS_ENVIRONMENT_OIDS, CertificateAuthority, IssuedCertificate
from sim.net.transport import SimTransport
from sim.world import World

ContextMaker = Callable[[CertificateAuthority, IssuedCertificate], ssl.SSLContext]


def certificate(issued: IssuedCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(issued.cert_file).read_bytes())


def ordinary(authority: CertificateAuthority, issued: IssuedCertificate) -> ssl.SSLContext:
    return authority.server_context(issued)


def sizes_of_handshakes(
    count: int, server_context: ContextMaker, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[tuple[int, int], ...]]:
    """For each of `count` handshakes the (direction, size) of all that was sent."""
    sent: list[tuple[int, int]] = []
    original = SimTransport.send

    def send(transport: SimTransport, data: bytes) -> None:
        sent.append((transport.direction, len(data)))
        original(transport, data)

    handshakes: list[tuple[tuple[int, int], ...]] = []
    with monkeypatch.context() as patch, World(seed=4) as world:
        patch.setattr(SimTransport, "send", send)
        issued = world.ca.issue("site", names=["site"])
        context = server_context(world.ca, issued)
        client = world.ca.client_context()

        async def serve() -> None:
            await world.loop.create_server(asyncio.Protocol, port=443, ssl=context)

        async def dial() -> None:
            for _ in range(count):
                sent.clear()
                transport, _ = await world.loop.create_connection(
                    asyncio.Protocol, "site", 443, ssl=client
                )
                await asyncio.sleep(1)
                handshakes.append(tuple(sent))
                transport.close()
                await asyncio.sleep(1)

        world.host("site").start(serve)
        world.run(dial)
    return handshakes


def test_handshakes_have_one_size_over_many_connections_and_worlds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = sizes_of_handshakes(20, ordinary, monkeypatch)
    assert len(first) == 20
    assert len(set(first)) == 1
    assert sizes_of_handshakes(1, ordinary, monkeypatch) == first[:1]


def test_with_ecdsa_the_sizes_would_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    def ecdsa(authority: CertificateAuthority, issued: IssuedCertificate) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        template = certificate(issued)
        signed = (
            x509.CertificateBuilder()
            .subject_name(template.subject)
            .issuer_name(template.subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(template.not_valid_before_utc)
            .not_valid_after(template.not_valid_after_utc)
            .add_extension(template.extensions[0].value, critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = signed.public_bytes(serialization.Encoding.PEM)
        Path(issued.cert_file).write_bytes(pem)
        Path(issued.key_file).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        # Its own authority, too.
        trusting = ssl.create_default_context(cadata=pem.decode())
        monkeypatch.setattr(authority, "client_context", lambda: trusting)
        return authority.server_context(issued)

    assert len(set(sizes_of_handshakes(40, ecdsa, monkeypatch))) > 1


def test_with_session_tickets_the_sizes_would_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_tickets(authority: CertificateAuthority, issued: IssuedCertificate) -> ssl.SSLContext:
        context = authority.server_context(issued)
        context.options &= ~ssl.OP_NO_TICKET
        context.num_tickets = 2
        return context

    plain = sizes_of_handshakes(1, ordinary, monkeypatch)
    assert sizes_of_handshakes(1, with_tickets, monkeypatch) != plain


def test_keys_are_ed25519_and_come_from_the_seed() -> None:
    def issue(seed: int) -> list[bytes]:
        authority = CertificateAuthority(Seeds(seed))
        try:
            issued = [authority.issue("site", names=["site"]) for _ in range(3)]
            for one in issued:
                assert isinstance(certificate(one).public_key(), ed25519.Ed25519PublicKey)
            return [Path(one.cert_file).read_bytes() for one in issued]
        finally:
            authority.close()

    assert issue(1) == issue(1)
    assert len(set(issue(1))) == 3
    assert set(issue(1)).isdisjoint(issue(2))


def test_certificates_of_one_name_have_one_length_whatever_their_number() -> None:
    authority = CertificateAuthority(Seeds(1))
    try:
        lengths = {
            len(
                certificate(authority.issue("gateway", names=["gateway"])).public_bytes(
                    serialization.Encoding.DER
                )
            )
            for _ in range(50)
        }
    finally:
        authority.close()
    assert len(lengths) == 1


def test_certificates_are_valid_around_the_real_today() -> None:
    with World(seed=1) as world:  # whose calendar says 2013
        made = certificate(world.ca.issue("site"))
    today = datetime.datetime.now(datetime.UTC)
    year = datetime.timedelta(days=365)
    assert made.not_valid_before_utc < today - year
    assert made.not_valid_after_utc > today + year


def test_a_provider_certificate_names_its_bundle_and_environments() -> None:
    with World(seed=1) as world:
        made = certificate(
            world.ca.issue("push", uid="com.example.app", environments=["production"])
        )
    (uid,) = made.subject.get_attributes_for_oid(x509.NameOID.USER_ID)
    assert uid.value == "com.example.app"
    oids = [extension.oid.dotted_string for extension in made.extensions]
    assert APNS_ENVIRONMENT_OIDS["production"] in oids
    assert APNS_ENVIRONMENT_OIDS["development"] not in oids


def test_the_files_are_gone_after_the_world() -> None:
    with World(seed=1) as world:
        issued = world.ca.issue("site")
        paths = [world.ca.ca_file, issued.cert_file, issued.key_file]
        assert all(Path(path).exists() for path in paths)
    assert not any(Path(path).exists() for path in paths)


@pytest.mark.parametrize("presented", [True, False])
def test_a_server_may_ask_for_a_client_certificate(presented: bool) -> None:
    seen: list[object] = []

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.append(transport.get_extra_info("peercert"))

    with World(seed=1) as world:
        issued = world.ca.issue("site", names=["site"])
        context = world.ca.server_context(issued, client_certificates=True)
        client = world.ca.client_context(world.ca.issue("provider") if presented else None)

        async def serve() -> None:
            await world.loop.create_server(Server, port=443, ssl=context)

        async def dial() -> None:
            await world.loop.create_connection(asyncio.Protocol, "site", 443, ssl=client)
            await asyncio.sleep(1)

        world.host("site").start(serve)
        world.run(dial)
    if presented:
        assert seen == [{**seen[0], "subject": ((("commonName", "provider"),),)}]  # type: ignore[dict-item]
    else:
        assert seen in ([{}], [None])


@pytest.mark.parametrize("device", [True, False])
def test_a_certificate_for_another_name_or_of_a_stranger_is_refused(device: bool) -> None:
    with World(seed=1) as world:
        stranger = CertificateAuthority(Seeds(99))
        other = world.ca.server_context(world.ca.issue("other", names=["other"]))
        foreign = stranger.server_context(stranger.issue("site", names=["site"]))
        client = world.ca.client_context()

        async def serve() -> None:
            await world.loop.create_server(asyncio.Protocol, port=1, ssl=other)
            await world.loop.create_server(asyncio.Protocol, port=2, ssl=foreign)

        site = world.host("site")
        site.start(serve)
        world.run_until(2)
        for port in (1, 2):
            phone = world.host(f"phone{port}")
            attempt = (
                phone.connect("site", port, asyncio.Protocol, tls=client)
                if device
                else as_event(
                    world.env,
                    phone.start(
                        lambda port=port: world.loop.create_connection(
                            asyncio.Protocol, "site", port, ssl=client
                        )
                    ),
                )
            )
            with pytest.raises(ssl.SSLCertVerificationError):
                world.run(attempt)
        world.run_until(world.env.now + 100)
        assert site.connections == {}
        stranger.close()


def test_a_handshake_with_a_silent_peer_times_out() -> None:
    with World(seed=1) as world:

        async def serve() -> None:
            await world.loop.create_server(asyncio.Protocol, port=443)

        async def dial() -> float:
            began = world.loop.time()
            with pytest.raises(ConnectionAbortedError, match="longer than 60"):
                await world.loop.create_connection(
                    asyncio.Protocol, "site", 443, ssl=world.ca.client_context()
                )
            return world.loop.time() - began

        world.host("site").start(serve)
        assert world.run(dial) == pytest.approx(60, abs=0.1)


def test_streams_can_be_upgraded_to_tls() -> None:
    with World(seed=1) as world:
        server_context = world.ca.server_context(world.ca.issue("site", names=["site"]))

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"go ahead\n")
            await writer.start_tls(server_context)
            writer.write((await reader.readline()).upper())
            writer.close()
            await writer.wait_closed()

        async def serve() -> None:
            await asyncio.start_server(talk, port=25)

        async def dial() -> bytes:
            reader, writer = await asyncio.open_connection("site", 25)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go ahead\n"
            await writer.start_tls(world.ca.client_context(), server_hostname="site")
            writer.write(b"secret\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return answer

        world.host("site").start(serve)
        world.run_until(2)
        assert world.run(dial) == b"SECRET\n"


def test_a_world_may_end_in_the_middle_of_a_device_s_handshake() -> None:
    with World(seed=1) as world:

        async def serve() -> None:
            await world.loop.create_server(asyncio.Protocol, port=443)

        world.host("site").start(serve)
        world.run_until(2)
        phone = world.host("phone")
        phone.connect("site", 443, asyncio.Protocol, tls=world.ca.client_context())
        world.run_until(3)
