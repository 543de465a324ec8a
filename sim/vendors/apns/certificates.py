"""What a provider's client certificate says: which app it is for, and in which environments.

Apple's certificates carry the bundle id as the subject's UID and mark the environments by
non-critical extensions. The chain itself is verified by TLS.
"""

from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

Environment = Literal["development", "production"]

ENVIRONMENT_EXTENSIONS: dict[Environment, ObjectIdentifier] = {
    "development": ObjectIdentifier("1.2.840.113635.100.6.3.1"),
    "production": ObjectIdentifier("1.2.840.113635.100.6.3.2"),
}


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """`topic` is the bundle id, None when the certificate names no app."""

    topic: str | None
    environments: tuple[Environment, ...]


def provider_identity(der: bytes) -> ProviderIdentity | None:
    """Read a DER certificate; None if it is none that can be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        present = {extension.oid for extension in certificate.extensions}
    except ValueError:
        return None
    topic = names[0].value if names else None
    return ProviderIdentity(
        topic if isinstance(topic, str) else None,
        tuple(name for name, oid in ENVIRONMENT_EXTENSIONS.items() if oid in present),
    )
