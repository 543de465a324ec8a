"""A certificate authority for one world.

Keys come from the world's seed. In a simulated world they are Ed25519, so certificates are the same
size (and the same, but for their dates) in every run; ECDSA signatures would vary in length and
with them the sizes of packets. A live world has RSA keys, which every TLS stack takes. OpenSSL
reads the real clock whatever the world's calendar says, so certificates are valid around the real
today.
"""

import datetime
import hashlib
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.x509.oid import NameOID

from sim.kernel.seeds import Seeds
from sim.net.tls_keys import PrivateKey, private_key
from sim.net.tls_policy import TlsPolicy
from sim.scratch import Scratch

ApnsEnvironment = Literal["development", "production"]

APNS_ENVIRONMENT_OIDS: dict[ApnsEnvironment, str] = {
    "development": "1.2.840.113635.100.6.3.1",
    "production": "1.2.840.113635.100.6.3.2",
}
"""Extensions by which Apple's push certificates name their environment."""

CertificateFlaw = Literal["expired", "not_yet_valid", "foreign_authority", "other_name"]
"""What may be wrong with a certificate."""

OTHER_NAME = "other.example"
"""Whose certificate is shown by mistake."""

_ASN1_NULL = b"\x05\x00"
_ALL_CIPHERS = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
_FLIGHTS = 4
"""More than a handshake has in one direction."""
_VALIDITY = datetime.timedelta(days=400)
_HALF_A_YEAR = datetime.timedelta(days=183)
"""Certificates are valid for a year; where a clock is wrong, that counts from its middle."""
_DAY = datetime.timedelta(days=1)

Dates = tuple[datetime.datetime, datetime.datetime]
"""Not before, and not after."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """Paths of PEM files: the certificate and its private key."""

    cert_file: str
    key_file: str


class OldClientsImpossible(Exception):
    """OpenSSL here has no TLS 1.0 and 1.1, or is forbidden to use them; the text says so."""


class CertificateAuthority:
    """Issues certificates into a temporary directory that lives as long as this object."""

    def __init__(self, seeds: Seeds, policy: TlsPolicy | None = None) -> None:
        self._seeds = seeds
        self.policy = policy or TlsPolicy()
        self.key_log: Path | None = None
        """Where connections of servers write their secrets from now on, for a capture."""
        self._directory = Scratch("ca")
        today = datetime.datetime.now(datetime.UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        self._today = today
        self._issued = 0
        self._name = _subject("Airbed test authority")
        self._key = self._private_key("authority")
        self.ca_file = self._own_certificate("ca.pem", 0)

    def close(self) -> None:
        """Remove the files."""
        self._directory.close()

    def issue(
        self,
        common_name: str,
        *,
        names: Sequence[str] = (),
        uid: str | None = None,
        environments: Sequence[ApnsEnvironment] = (),
        flaw: CertificateFlaw | None = None,
        days_fast: int = 0,
    ) -> IssuedCertificate:
        """A certificate for a server (`names`: its DNS names or addresses) or an APNs provider.

        A provider's has the bundle identifier as `uid` in its subject and an extension for each
        environment. `days_fast`: those who look at it have a clock that is fast by so much; see
        `sim.net.server_identity`.
        """
        if flaw == "other_name":
            names, uid = [OTHER_NAME], None if uid is None else OTHER_NAME
        self._issued += 1
        label = f"{self._issued:03d}-{common_name}"
        key = self._private_key(label)
        issuer, signer = self._name, self._key
        if flaw == "foreign_authority":
            issuer, signer = _subject("Another authority"), self._private_key("another-authority")
        builder = self._builder(
            _subject(common_name, uid),
            key.public_key(),
            issuer=issuer,
            signer=signer,
            dates=self._dates(flaw, days_fast),
        )
        builder = builder.add_extension(
            _key_usage(authority=False, encipherment=self.policy.keys == "rsa"), critical=True
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]),
                critical=False,
            )
        for environment in environments:
            oid = x509.ObjectIdentifier(APNS_ENVIRONMENT_OIDS[environment])
            builder = builder.add_extension(
                x509.UnrecognizedExtension(oid, _ASN1_NULL), critical=False
            )
        certificate = builder.sign(signer, self._hash)
        stem = f"{self._issued:03d}"
        return IssuedCertificate(
            self._write(f"{stem}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(
                f"{stem}.key",
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            ),
        )

    def server_context(
        self, issued: IssuedCertificate, *, client_certificates: bool = False, days_fast: int = 0
    ) -> ssl.SSLContext:
        """For a server. With `client_certificates` it asks for one, and insists if that is the
        policy; `days_fast` is by how much the server's own clock is fast when it judges them.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.key_log is not None:
            context.keylog_filename = str(self.key_log)
        context.load_cert_chain(issued.cert_file, issued.key_file)
        # A ticket holds a random number in an encoding whose length depends on its value, so the
        # size of the packet with the tickets would differ between runs.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        if self.policy.old_clients:
            if self.policy.keys == "ed25519":
                raise OldClientsImpossible(
                    "TLS 1.0 and 1.1 have no Ed25519: old clients need RSA or ECDSA keys"
                )
            _admit_old_clients(context)
        if client_certificates:
            trusted = self.ca_file
            if days_fast:
                trusted = self._own_certificate(f"ca-{days_fast}.pem", days_fast)
            context.load_verify_locations(trusted)
            insists = self.policy.insistent
            context.verify_mode = ssl.CERT_REQUIRED if insists else ssl.CERT_OPTIONAL
        return context

    def client_context(self, issued: IssuedCertificate | None = None) -> ssl.SSLContext:
        """For a client that trusts this authority and, if given one, presents a certificate."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if issued is not None:
            context.load_cert_chain(issued.cert_file, issued.key_file)
        return context

    def _private_key(self, label: str) -> PrivateKey:
        return private_key(self.policy.keys, self._seeds, label)

    @property
    def _hash(self) -> hashes.SHA256 | None:
        """What is signed of a certificate; Ed25519 has a hash of its own."""
        return None if self.policy.keys == "ed25519" else hashes.SHA256()

    def _own_certificate(self, name: str, days_fast: int) -> str:
        """The file with the authority's own certificate."""
        certificate = (
            self._builder(
                self._name,
                self._key.public_key(),
                issuer=self._name,
                signer=self._key,
                dates=self._dates(None, days_fast),
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .sign(self._key, self._hash)
        )
        return self._write(name, certificate.public_bytes(serialization.Encoding.PEM))

    def _dates(self, flaw: CertificateFlaw | None, days_fast: int) -> Dates:
        today = self._today
        if flaw == "expired":
            return today - _VALIDITY, today - _DAY
        if flaw == "not_yet_valid":
            return today + 2 * _DAY, today + _VALIDITY
        if days_fast:
            today -= days_fast * _DAY
            return today - _HALF_A_YEAR, today + _HALF_A_YEAR
        return today - _VALIDITY, today + _VALIDITY

    def _builder(
        self,
        subject: x509.Name,
        public_key: CertificateIssuerPublicKeyTypes,
        *,
        issuer: x509.Name,
        signer: PrivateKey,
        dates: Dates,
    ) -> x509.CertificateBuilder:
        # Serial numbers of one length: DER integers grow and shrink with their value.
        digest = hashlib.blake2b(f"serial/{self._issued}".encode(), digest_size=8).digest()
        serial = int.from_bytes(digest, "big") >> 2 | 1 << 62
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(serial)
            .not_valid_before(dates[0])
            .not_valid_after(dates[1])
            # Both identifiers are what strict verification (Python 3.13) insists on.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )

    def _write(self, name: str, content: bytes) -> str:
        path = self._directory.path / name
        path.touch(0o600)  # before there is anything in it that is not for everybody
        path.write_bytes(content)
        return str(path)


def _subject(common_name: str, uid: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if uid is not None:
        attributes.insert(0, x509.NameAttribute(NameOID.USER_ID, uid))
    return x509.Name(attributes)


def _key_usage(*, authority: bool, encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=encipherment,  # RSA key exchange, which old clients prefer
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _admit_old_clients(context: ssl.SSLContext) -> None:
    """TLS from 1.0 on, for a server with an RSA or ECDSA key. Raises OldClientsImpossible."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    # Signatures of TLS 1.0 and 1.1 are made with SHA-1, which OpenSSL 3 allows at level 0 only.
    context.set_ciphers(_ALL_CIPHERS)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers(_ALL_CIPHERS)
    with warnings.catch_warnings():  # that one does not want this version, which is the point here
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = ssl.TLSVersion.TLSv1
        client.maximum_version = ssl.TLSVersion.TLSv1
    if trouble := _handshake_fails(context, client):
        raise OldClientsImpossible(
            f"{ssl.OPENSSL_VERSION} does not speak TLS 1.0 and 1.1 here ({trouble}); use a Python"
            " whose OpenSSL was built with them, and see to it that no policy of the system"
            " forbids them"
        )


def _handshake_fails(server: ssl.SSLContext, client: ssl.SSLContext) -> str | None:
    """Why the two do not come to terms, in memory; None if they do."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(_FLIGHTS):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error.reason or str(error)
    return None
