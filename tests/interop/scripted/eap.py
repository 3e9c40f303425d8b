"""EAP as a peer: Identity, MSCHAPv2 (draft-kamath-pppext-eap-mschapv2, RFC 2759), MD5. The MSK follows RFC 3079 §3."""

from __future__ import annotations

import hashlib
import os
import struct

from .crypto import des, md4

REQUEST, RESPONSE, SUCCESS, FAILURE = 1, 2, 3, 4
IDENTITY, NAK, MD5, MSCHAPV2 = 1, 3, 4, 26


class EapError(Exception):
    """The server asked for something else, or proved that it does not know the password."""


def _nt_hash(password: str) -> bytes:
    return md4(password.encode("utf-16-le"))


def _challenge_hash(peer: bytes, server: bytes, user: str) -> bytes:
    return hashlib.sha1(peer + server + user.encode()).digest()[:8]


def nt_response(server: bytes, peer: bytes, user: str, password: str) -> bytes:
    """RFC 2759 §8.1."""
    key = _nt_hash(password) + bytes(5)
    challenge = _challenge_hash(peer, server, user)
    return b"".join(des(key[i:i + 7], challenge) for i in (0, 7, 14))


def authenticator_response(server: bytes, peer: bytes, response: bytes, user: str, password: str) -> str:
    """RFC 2759 §8.7: what a server that knows the password says."""
    digest = hashlib.sha1(md4(_nt_hash(password)) + response + b"Magic server to client signing constant").digest()
    digest = hashlib.sha1(digest + _challenge_hash(peer, server, user) +
                          b"Pad to make it do more than one iteration").digest()
    return "S=" + digest.hex().upper()


def mschapv2_msk(response: bytes, password: str) -> bytes:
    """MasterReceiveKey and MasterSendKey as the server sees them, zeros up to 64 octets."""
    master = hashlib.sha1(md4(_nt_hash(password)) + response + b"This is the MPPE Master Key").digest()[:16]

    def key(magic: bytes) -> bytes:
        return hashlib.sha1(master + bytes(40) + magic + b"\xf2" * 40).digest()[:16]

    return (key(b"On the client side, this is the send key; on the server side, it is the receive key.") +
            key(b"On the client side, this is the receive key; on the server side, it is the send key.") + bytes(32))


class EapPeer:
    """Answers one conversation. `method` is what the peer is willing to speak; another one gets a Nak."""

    def __init__(self, identity: str, password: str, method: int = MSCHAPV2):
        self.identity, self.password, self.method = identity, password, method
        self.msk = b""
        self.identity_asked = False
        self._expected = ""

    def answer(self, packet: bytes) -> bytes | None:
        """The response to one packet; None for Success. Failure is an EapError."""
        code, identifier, length = struct.unpack_from("!BBH", packet)
        if code == SUCCESS:
            return None
        if code == FAILURE:
            raise EapError("EAP-Failure")
        kind, data = packet[4], packet[5:length]
        if kind == IDENTITY:
            self.identity_asked = True
            return self._response(identifier, IDENTITY, self.identity.encode())
        if kind != self.method:
            return self._response(identifier, NAK, bytes([self.method]))
        if kind == MD5:
            digest = hashlib.md5(bytes([identifier]) + self.password.encode() + data[1:1 + data[0]]).digest()
            return self._response(identifier, MD5, bytes([16]) + digest)
        return self._mschapv2(identifier, data)

    @staticmethod
    def _response(identifier: int, kind: int, data: bytes) -> bytes:
        return struct.pack("!BBHB", RESPONSE, identifier, 5 + len(data), kind) + data

    def _mschapv2(self, identifier: int, data: bytes) -> bytes:
        opcode, inner = data[0], data[1]
        if opcode == 1:
            server, peer = data[5:21], os.urandom(16)
            response = nt_response(server, peer, self.identity, self.password)
            self._expected = authenticator_response(server, peer, response, self.identity, self.password)
            self.msk = mschapv2_msk(response, self.password)
            value = bytes([49]) + peer + bytes(8) + response + b"\0" + self.identity.encode()
            return self._response(identifier, MSCHAPV2, struct.pack("!BBH", 2, inner, 4 + len(value)) + value)
        if opcode == 3:
            if not data[4:].decode(errors="replace").startswith(self._expected):
                raise EapError("the server does not know the password")
            return self._response(identifier, MSCHAPV2, b"\x03")
        if opcode == 4:
            self.msk = b""
            return self._response(identifier, MSCHAPV2, b"\x04")
        raise EapError(f"MSCHAPv2 opcode {opcode}")
