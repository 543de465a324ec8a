"""Private keys of certificates, made from a seed: the same in every process.

Ed25519 and ECDSA keys (P-256) are numbers drawn from the seed. An RSA key is two primes searched
for from there (FIPS 186-5, A.1.3), which takes about half a second; so a process keeps those that
it has made, and a label has no key of its own: all certificates of an authority share one.

These keys protect nothing: anybody who knows the seed has them.
"""

import functools
import hashlib
from itertools import count
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sim.kernel.seeds import Seeds
from sim.net.tls_policy import KeyKind

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey

RSA_BITS: Final = 2048
"""The least that OpenSSL takes at its default security level (2: 112 bits)."""
_EXPONENT: Final = 65_537
_PRIME_BITS: Final = RSA_BITS // 2
_WITNESSES: Final = (2, 3, 5, 7)
"""Bases of the primality test. A composite number of this size that comes from a hash and passes it
once is less likely than a broken machine."""
_SIEVED: Final = 8192
"""Consecutive odd numbers sieved by small factors; about one in 355 is prime."""
_LARGEST_FACTOR: Final = 20_000


def private_key(kind: KeyKind, seeds: Seeds, label: str) -> PrivateKey:
    """The key of that kind with that label in a world with these seeds."""
    if kind == "rsa":
        return _rsa_key(seeds.material("tls/rsa"))
    material = seeds.material(f"tls/{label}")
    if kind == "ed25519":
        return Ed25519PrivateKey.from_private_bytes(material)
    # The order of P-256 is a little less than 2**256.
    return ec.derive_private_key(1 + (int.from_bytes(material, "big") >> 1), ec.SECP256R1())


@functools.lru_cache(maxsize=64)
def _rsa_key(material: bytes) -> rsa.RSAPrivateKey:
    p, q = _prime(material + b"p"), _prime(material + b"q")
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    dmp1, dmq1, iqmp = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, public).private_key()


def _prime(material: bytes) -> int:
    """The first prime behind a number drawn from `material` that fits the exponent."""
    for attempt in count():
        drawn = hashlib.shake_256(b"%s%d" % (material, attempt)).digest(_PRIME_BITS // 8)
        # The two highest bits, so that the product of two has all of its bits; odd.
        start = int.from_bytes(drawn, "big") | 0b11 << _PRIME_BITS - 2 | 1
        for offset in _without_small_factors(start):
            candidate = start + 2 * offset
            if candidate % _EXPONENT != 1 and _is_prime(candidate):
                return candidate
    raise AssertionError


def _without_small_factors(start: int) -> list[int]:
    """Which of the odd numbers from `start` on have none, by their places."""
    free = bytearray(b"\1") * _SIEVED
    for factor in _small_primes():
        first = -start * pow(2, -1, factor) % factor
        free[first::factor] = bytes(len(range(first, _SIEVED, factor)))
    return [place for place, is_free in enumerate(free) if is_free]


@functools.cache
def _small_primes() -> tuple[int, ...]:
    """Odd ones (Eratosthenes)."""
    free = bytearray(b"\1") * _LARGEST_FACTOR
    for number in range(2, int(_LARGEST_FACTOR**0.5) + 1):
        if free[number]:
            free[number**2 :: number] = bytes(len(range(number**2, _LARGEST_FACTOR, number)))
    return tuple(number for number in range(3, _LARGEST_FACTOR) if free[number])


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test. `number` is odd and large."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for witness in _WITNESSES:
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True
