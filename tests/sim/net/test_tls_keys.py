"""Keys follow from the seed, whatever their kind."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sim.kernel.seeds import Seeds
from sim.net import tls_keys
from sim.net.tls import CertificateAuthority, OldClientsImpossible
from sim.net.tls_keys import private_key
from sim.net.tls_policy import KEY_KINDS, KeyKind, TlsPolicy


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_key_is_the_same_in_every_process_and_another_with_another_seed(kind: KeyKind) -> None:
    first = private_key(kind, Seeds(1), "authority")
    tls_keys._rsa_key.cache_clear()  # as in another process
    again = private_key(kind, Seeds(1), "authority")
    other = private_key(kind, Seeds(2), "authority")
    assert again.public_key() == first.public_key()
    assert other.public_key() != first.public_key()


def test_an_rsa_key_has_the_size_and_exponent_that_every_client_takes() -> None:
    key = private_key("rsa", Seeds(1), "any")
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key().public_numbers().e == 65_537


def test_rsa_keys_are_made_once_in_a_process() -> None:
    assert private_key("rsa", Seeds(1), "one") is private_key("rsa", Seeds(1), "other")


def test_the_search_finds_the_primes_and_no_other_number() -> None:
    numbers = range(9, 20_001, 2)
    found = [number for number in numbers if tls_keys._is_prime(number)]
    assert found == [number for number in tls_keys._small_primes() if 9 <= number <= 20_001]
    # Carmichael numbers pass Fermat's test.
    assert not any(tls_keys._is_prime(number) for number in (561, 41_041, 825_265, 321_197_185))


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_certificates_of_another_process_with_the_same_seed_are_trusted(kind: KeyKind) -> None:
    ours, theirs = (CertificateAuthority(Seeds(1), TlsPolicy(kind)) for _ in range(2))
    try:
        issued = theirs.issue("push", names=["push"])
        authority = x509.load_pem_x509_certificate(Path(ours.ca_file).read_bytes())
        certificate = x509.load_pem_x509_certificate(Path(issued.cert_file).read_bytes())
        certificate.verify_directly_issued_by(authority)
        key = load_pem_private_key(Path(issued.key_file).read_bytes(), None)
        assert key.public_key() == certificate.public_key()
        assert Path(issued.key_file).stat().st_mode & 0o077 == 0
    finally:
        ours.close()
        theirs.close()


def test_old_clients_cannot_have_ed25519() -> None:
    authority = CertificateAuthority(Seeds(1), TlsPolicy("ed25519", old_clients=True))
    try:
        with pytest.raises(OldClientsImpossible, match="RSA or ECDSA"):
            authority.server_context(authority.issue("push"))
    finally:
        authority.close()


def test_an_openssl_that_has_no_old_versions_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a system whose policy forbids SHA-1 signatures.
    monkeypatch.setattr("sim.net.tls._ALL_CIPHERS", "ALL:@SECLEVEL=2")
    authority = CertificateAuthority(Seeds(1), TlsPolicy("rsa", old_clients=True))
    try:
        with pytest.raises(OldClientsImpossible, match=ssl.OPENSSL_VERSION):
            authority.server_context(authority.issue("push"))
    finally:
        authority.close()
