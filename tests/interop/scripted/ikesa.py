"""The keys of one IKE SA, and messages inside SK and SKF payloads (RFC 7296 §2.14, §3.14, RFC 5282, RFC 7383)."""

from __future__ import annotations

import os
import struct

from . import wire
from .crypto import Suite, prf, prf_length, prf_plus
from .wire import INITIATOR, Message, Payload, WireError

FRAGMENT_OCTETS = 1200


class IkeSa:
    """We are the initiator of the SA; so are we of each one that we made by a rekey."""

    def __init__(self, spi_i: bytes, spi_r: bytes, suite: Suite, prf_number: int, seed: bytes, nonces: bytes):
        """@param seed  SKEYSEED"""
        self.spi_i, self.spi_r, self.suite, self.prf = spi_i, spi_r, suite, prf_number
        size, e, a = prf_length(prf_number), suite.encryption_keymat, suite.integrity_keymat
        keys = prf_plus(prf_number, seed, nonces + spi_i + spi_r, 3 * size + 2 * (a + e))
        at = 0

        def take(length: int) -> bytes:
            nonlocal at
            at += length
            return keys[at - length:at]

        self.d = take(size)
        self.ai, self.ar, self.ei, self.er = take(a), take(a), take(e), take(e)
        self.pi, self.pr = take(size), take(size)
        self.next_request = 0        # message id of our next request
        self.peer_request = 0        # message id of the peer's next request
        self.last_response: list[bytes] = []
        self.fragments = False       # both sides announced IKEV2_FRAGMENTATION_SUPPORTED
        self._pieces: dict[int, dict[int, bytes]] = {}
        self._first: dict[int, int] = {}
        self._iv = int.from_bytes(os.urandom(4), "big") << 32

    def _new_iv(self) -> bytes:
        self._iv += 1
        return struct.pack("!Q", self._iv) if self.suite.aead else os.urandom(self.suite.iv)

    def _seal(self, message: Message, kind: int, inner_first: int, fixed: bytes, plain: bytes) -> bytes:
        padding = -(len(plain) + 1) % self.suite.block
        plain += bytes(padding) + bytes([padding])
        length = 4 + len(fixed) + self.suite.iv + len(plain) + self.suite.icv
        aad = wire.header(message, kind, 28 + length) + struct.pack("!BBH", inner_first, 0, length) + fixed
        return aad + self.suite.seal(self.ei, self.ai, aad, self._new_iv(), plain)

    def seal(self, exchange: int, message_id: int, payloads: list[Payload], response: bool) -> list[bytes]:
        """The datagrams of one message of ours: one, or several fragments."""
        flags = INITIATOR | (wire.RESPONSE if response else 0)
        message = Message(self.spi_i, self.spi_r, exchange, flags, message_id)
        body = wire.write_payloads(payloads)
        first = payloads[0].kind if payloads else 0
        if not self.fragments or len(body) <= FRAGMENT_OCTETS:
            return [self._seal(message, wire.SK, first, b"", body)]
        pieces = [body[at:at + FRAGMENT_OCTETS] for at in range(0, len(body), FRAGMENT_OCTETS)]
        return [self._seal(message, wire.SKF, first if at == 0 else 0, struct.pack("!HH", at + 1, len(pieces)), piece)
                for at, piece in enumerate(pieces)]

    def open(self, octets: bytes) -> Message | None:
        """A whole message of the peer; None where it is not authentic or more fragments are to come."""
        message, first = wire.read_header(octets)
        if first not in (wire.SK, wire.SKF):
            return None
        payload = wire.read_payloads(first, octets[28:])[-1]
        inner_first, fixed = payload.body[0], 4 if first == wire.SKF else 0
        at = 32 + fixed
        plain = self.suite.open(self.er, self.ar, octets[:at], octets[at:])
        if plain is None or plain[-1] + 1 > len(plain):
            return None
        plain = plain[:len(plain) - 1 - plain[-1]]
        if first == wire.SKF:
            number, total = struct.unpack_from("!HH", octets, 32)
            whole = self._collect(message, number, total, inner_first, plain)
            if whole is None:
                return None
            inner_first, plain = whole
        message.payloads = wire.read_payloads(inner_first, plain)
        return message

    def _collect(self, message: Message, number: int, total: int, first: int, plain: bytes) -> tuple[int, bytes] | None:
        if not 1 <= number <= total:
            raise WireError("fragment number")
        key = message.message_id * 2 + message.response
        pieces = self._pieces.setdefault(key, {})
        pieces[number] = plain
        if number == 1:
            self._first[key] = first
        if len(pieces) < total:
            return None
        del self._pieces[key]
        return self._first.pop(key), b"".join(pieces[each] for each in range(1, total + 1))

    def signed_octets(self, real_message: bytes, other_nonce: bytes, identity: bytes, ours: bool) -> bytes:
        """RFC 7296 §2.15."""
        return real_message + other_nonce + prf(self.prf, self.pi if ours else self.pr, identity)

    def shared_key_auth(self, secret: bytes, signed: bytes) -> bytes:
        return prf(self.prf, prf(self.prf, secret, b"Key Pad for IKEv2"), signed)
