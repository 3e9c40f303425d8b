"""RADIUS packets made octet by octet: right ones, and ones that are wrong in exactly one way; and answers, verified.

RFC 2865 §3 and §5 (layout), RFC 5176 §2.3 (authenticators) and §3.4 (Message-Authenticator).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass

from radius import DAE_SECRET

ACCESS_REQUEST, ACCOUNTING_REQUEST, STATUS_SERVER = 1, 4, 12
DISCONNECT_REQUEST, DISCONNECT_ACK, DISCONNECT_NAK = 40, 41, 42
COA_REQUEST, COA_ACK, COA_NAK = 43, 44, 45

USER_NAME, NAS_PORT, SERVICE_TYPE, FRAMED_IP_ADDRESS, REPLY_MESSAGE, SESSION_TIMEOUT = 1, 5, 6, 8, 18, 27
CALLING_STATION_ID, PROXY_STATE, ACCT_SESSION_ID, ACCT_TERMINATE_CAUSE, EVENT_TIMESTAMP = 31, 33, 44, 49, 55
MESSAGE_AUTHENTICATOR, ERROR_CAUSE = 80, 101

HEADER, LONGEST = 20, 4096


def attribute(kind: int, value: bytes | str | int) -> bytes:
    """One attribute; a number has four octets."""
    if isinstance(value, int):
        value = struct.pack("!I", value)
    octets = value.encode() if isinstance(value, str) else value
    return bytes((kind, len(octets) + 2)) + octets


def address(kind: int, text: str) -> bytes:
    return attribute(kind, ipaddress.ip_address(text).packed)


def avpair(text: str) -> bytes:
    """Cisco-AVPair: vendor 9, type 1."""
    return attribute(26, struct.pack("!IBB", 9, 1, len(text) + 2) + text.encode())


def audit_id(audit: str) -> bytes:
    return avpair(f"audit-session-id={audit}")


#: Stands for itself in a request until packet() has filled it in.
SIGNED = attribute(MESSAGE_AUTHENTICATOR, bytes(16))


def packet(*attributes: bytes, code: int = DISCONNECT_REQUEST, identifier: int = 0, secret: str = DAE_SECRET) -> bytes:
    """A request whose authenticators are right, whatever its attributes are worth."""
    body = b"".join(attributes)
    head = struct.pack("!BBH", code, identifier, HEADER + len(body))
    key = secret.encode()
    if SIGNED in attributes:  # RFC 5176 §3.4: the HMAC first, over a Request Authenticator of zeros
        at = sum(len(each) for each in attributes[:attributes.index(SIGNED)]) + 2
        mac = hmac.digest(key, head + bytes(16) + body, "md5")
        body = body[:at] + mac + body[at + 16:]
    return head + hashlib.md5(head + bytes(16) + body + key).digest() + body


def with_length(octets: bytes, length: int) -> bytes:
    """The same datagram with another Length field."""
    return octets[:2] + struct.pack("!H", length) + octets[4:]


@dataclass
class Answer:
    octets: bytes
    attributes: list[tuple[int, bytes]]

    @property
    def code(self) -> int:
        return self.octets[0]

    @property
    def kinds(self) -> list[int]:
        return [kind for kind, _ in self.attributes]

    def values(self, kind: int) -> list[bytes]:
        return [value for each, value in self.attributes if each == kind]

    def number(self, kind: int) -> int:
        value, = self.values(kind)
        return struct.unpack("!I", value)[0]


def verified(octets: bytes, request: bytes, secret: str = DAE_SECRET) -> Answer:
    """The answer to `request`, every proof in it checked (RFC 5176 §2.3, §3.4)."""
    length, = struct.unpack_from("!H", octets, 2)
    assert len(octets) == length, "no octets but the packet's own"
    assert octets[1] == request[1], "the Identifier of the request"
    key, asked = secret.encode(), request[4:HEADER]
    expected = hashlib.md5(octets[:4] + asked + octets[HEADER:] + key).digest()
    assert octets[4:HEADER] == expected, "the Response Authenticator"
    attributes, at = [], HEADER
    while at < length:
        size = octets[at + 1]
        assert size >= 2 and at + size <= length, f"an attribute of {size} octets at {at}"
        value = octets[at + 2:at + size]
        if octets[at] == MESSAGE_AUTHENTICATOR:
            unsigned = octets[:4] + asked + octets[HEADER:at + 2] + bytes(16) + octets[at + size:]
            assert value == hmac.digest(key, unsigned, "md5"), "the Message-Authenticator"
        attributes.append((octets[at], value))
        at += size
    return Answer(octets, attributes)
