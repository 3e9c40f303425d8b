"""Algorithms of IKEv2 and ESP by their IANA numbers, over python3-cryptography. Also MD4 and DES, which MSCHAPv2 needs and OpenSSL 3 hides."""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

AES_CBC, NULL, AES_GCM_16, CHACHA20 = 12, 11, 20, 28            # transform type 1
PRF_SHA1, PRF_SHA256, PRF_SHA384, PRF_SHA512 = 2, 5, 6, 7       # transform type 2
HMAC_SHA1_96, SHA256_128, SHA384_192, SHA512_256 = 2, 12, 13, 14  # transform type 3
MODP1024, MODP2048, MODP3072, MODP4096, ECP256, ECP384, ECP521, X25519 = 2, 14, 15, 16, 19, 20, 21, 31  # type 4

_PRF = {PRF_SHA1: "sha1", PRF_SHA256: "sha256", PRF_SHA384: "sha384", PRF_SHA512: "sha512"}
_INTEGRITY = {HMAC_SHA1_96: ("sha1", 20, 12), SHA256_128: ("sha256", 32, 16), SHA384_192: ("sha384", 48, 24),
              SHA512_256: ("sha512", 64, 32)}


def prf(number: int, key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, _PRF[number]).digest()


def prf_length(number: int) -> int:
    return hashlib.new(_PRF[number]).digest_size


def prf_plus(number: int, key: bytes, seed: bytes, length: int) -> bytes:
    """RFC 7296 §2.13."""
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = prf(number, key, block + seed + bytes([counter]))
        out += block
        counter += 1
    return out[:length]


def _pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula."""
    guard = bits + 64

    def arctan_inverse(x: int) -> int:
        power = (1 << guard) // x
        total, n, sign = power, 1, 1
        while power:
            power //= x * x
            n, sign = n + 2, -sign
            total += sign * (power // n)
        return total

    return (4 * (4 * arctan_inverse(5) - arctan_inverse(239))) >> 64


def _modp(bits: int, offset: int) -> int:
    """The primes of RFC 2409 and RFC 3526 §2: 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset)."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + (1 << 64) * (_pi(bits - 130) + offset)


_MODP = {MODP1024: (1024, 129093), MODP2048: (2048, 124476), MODP3072: (3072, 1690314), MODP4096: (4096, 240904)}
_CURVES = {ECP256: (ec.SECP256R1, 32), ECP384: (ec.SECP384R1, 48), ECP521: (ec.SECP521R1, 66)}


class KeyExchange:
    """One side of a Diffie-Hellman exchange: `public` goes out, `shared(theirs)` is g^ir."""

    def __init__(self, group: int):
        self.group = group
        if group == X25519:
            self._private = x25519.X25519PrivateKey.generate()
            self.public = self._private.public_key().public_bytes(serialization.Encoding.Raw,
                                                                  serialization.PublicFormat.Raw)
        elif group in _CURVES:
            curve, size = _CURVES[group]
            self._private = ec.generate_private_key(curve())
            numbers = self._private.public_key().public_numbers()
            self.public = numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")  # RFC 5903 §7
        else:
            self._prime = _modp(*_MODP[group])
            self._size = _MODP[group][0] // 8
            self._private = int.from_bytes(os.urandom(40), "big")
            self.public = pow(2, self._private, self._prime).to_bytes(self._size, "big")

    def shared(self, theirs: bytes) -> bytes:
        if self.group == X25519:
            return self._private.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        if self.group in _CURVES:
            curve, _ = _CURVES[self.group]
            public = ec.EllipticCurvePublicKey.from_encoded_point(curve(), b"\x04" + theirs)
            return self._private.exchange(ec.ECDH(), public)
        return pow(int.from_bytes(theirs, "big"), self._private, self._prime).to_bytes(self._size, "big")


@dataclass(frozen=True)
class Suite:
    """Encryption and integrity of an SK payload or an ESP packet."""
    encryption: int
    key_bits: int
    integrity: int = 0

    @property
    def aead(self) -> bool:
        return self.encryption in (AES_GCM_16, CHACHA20)

    @property
    def encryption_keymat(self) -> int:
        """Octets of KEYMAT, salt included (RFC 5282 §7.1, RFC 7634 §2)."""
        return {NULL: 0, CHACHA20: 36}.get(self.encryption, self.key_bits // 8 + (4 if self.aead else 0))

    @property
    def integrity_keymat(self) -> int:
        return 0 if self.aead else _INTEGRITY[self.integrity][1]

    @property
    def iv(self) -> int:
        return {NULL: 0}.get(self.encryption, 8 if self.aead else 16)

    @property
    def icv(self) -> int:
        return 16 if self.aead else _INTEGRITY[self.integrity][2]

    @property
    def block(self) -> int:
        return 16 if self.encryption == AES_CBC else 1

    def _cipher(self, key: bytes):
        return (ChaCha20Poly1305 if self.encryption == CHACHA20 else AESGCM)(key[:-4])

    def seal(self, encryption_key: bytes, integrity_key: bytes, aad: bytes, iv: bytes, plain: bytes, behind: bytes = b"") -> bytes:
        """IV, ciphertext, ICV. `behind` is authenticated after the ciphertext where HMAC does it (the ESN's high half)."""
        if self.aead:
            return iv + self._cipher(encryption_key).encrypt(encryption_key[-4:] + iv, plain, aad)
        if self.encryption == AES_CBC:
            encryptor = Cipher(algorithms.AES(encryption_key), modes.CBC(iv)).encryptor()
            plain = encryptor.update(plain) + encryptor.finalize()
        body = iv + plain
        return body + hmac.new(integrity_key, aad + body + behind, _INTEGRITY[self.integrity][0]).digest()[:self.icv]

    def open(self, encryption_key: bytes, integrity_key: bytes, aad: bytes, sealed: bytes, behind: bytes = b"") -> bytes | None:
        """The plain text, or None where it is not authentic."""
        if len(sealed) < self.iv + self.icv:
            return None
        iv, rest = sealed[:self.iv], sealed[self.iv:]
        if self.aead:
            try:
                return self._cipher(encryption_key).decrypt(encryption_key[-4:] + iv, rest, aad)
            except Exception:  # InvalidTag
                return None
        body, icv = sealed[:-self.icv], sealed[-self.icv:]
        expected = hmac.new(integrity_key, aad + body + behind, _INTEGRITY[self.integrity][0]).digest()[:self.icv]
        if not hmac.compare_digest(icv, expected):
            return None
        if self.encryption == NULL:
            return body
        cipher = body[self.iv:]
        if not cipher or len(cipher) % 16:
            return None
        decryptor = Cipher(algorithms.AES(encryption_key), modes.CBC(iv)).decryptor()
        return decryptor.update(cipher) + decryptor.finalize()


def md4(data: bytes) -> bytes:
    """RFC 1320."""
    def rotate(x: int, n: int) -> int:
        return ((x << n) | (x >> (32 - n))) & 0xffffffff

    message = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
    rounds = (
        (lambda x, y, z: (x & y) | (~x & z), 0, tuple(range(16)), (3, 7, 11, 19)),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5a827999, tuple(4 * (i % 4) + i // 4 for i in range(16)), (3, 5, 9, 13)),
        (lambda x, y, z: x ^ y ^ z, 0x6ed9eba1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
    )
    for at in range(0, len(message), 64):
        words = struct.unpack_from("<16I", message, at)
        a, b, c, d = state
        for mix, constant, order, shifts in rounds:
            for step, index in enumerate(order):
                value = (a + (mix(b, c, d) & 0xffffffff) + words[index] + constant) & 0xffffffff
                a, b, c, d = d, rotate(value, shifts[step % 4]), b, c
        state = [(s + v) & 0xffffffff for s, v in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def des(key7: bytes, block: bytes) -> bytes:
    """DES with a 56-bit key; a Triple DES with three equal keys is one."""
    bits = int.from_bytes(key7, "big")
    key8 = bytes(((bits >> (49 - 7 * i)) & 0x7f) << 1 for i in range(8))
    encryptor = Cipher(algorithms.TripleDES(key8 * 3), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()
