"""IKEv2 payloads to and from octets (RFC 7296 §3), and nothing else: no keys, no state."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL = 34, 35, 36, 37
SA, KE, IDI, IDR, CERT, CERTREQ, AUTH, NONCE, NOTIFY, DELETE, VENDOR, TSI, TSR, SK, CP, EAP, SKF = (
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 53)
PROTOCOL_IKE, PROTOCOL_ESP = 1, 3
ENCR, PRF, INTEG, DH, ESN = 1, 2, 3, 4, 5
RESPONSE, INITIATOR = 0x20, 0x08

NOTIFIES = {1: "UNSUPPORTED_CRITICAL_PAYLOAD", 7: "INVALID_SYNTAX", 9: "INVALID_MESSAGE_ID", 11: "INVALID_SPI",
            14: "NO_PROPOSAL_CHOSEN", 17: "INVALID_KE_PAYLOAD", 24: "AUTHENTICATION_FAILED", 34: "SINGLE_PAIR_REQUIRED",
            35: "NO_ADDITIONAL_SAS", 36: "INTERNAL_ADDRESS_FAILURE", 37: "FAILED_CP_REQUIRED", 38: "TS_UNACCEPTABLE",
            43: "TEMPORARY_FAILURE", 44: "CHILD_SA_NOT_FOUND"}
COOKIE, NAT_SOURCE, NAT_DESTINATION, REKEY_SA, INITIAL_CONTACT = 16390, 16388, 16389, 16393, 16384
FRAGMENTATION, HASH_ALGORITHMS, MOBIKE, EAP_ONLY = 16430, 16431, 16396, 16417


class WireError(Exception):
    """Octets that are no IKE message."""


@dataclass
class Payload:
    kind: int
    body: bytes


@dataclass
class Message:
    spi_i: bytes
    spi_r: bytes
    exchange: int
    flags: int
    message_id: int
    payloads: list[Payload] = field(default_factory=list)

    @property
    def response(self) -> bool:
        return bool(self.flags & RESPONSE)

    def all(self, kind: int) -> list[bytes]:
        return [payload.body for payload in self.payloads if payload.kind == kind]

    def one(self, kind: int) -> bytes | None:
        found = self.all(kind)
        return found[0] if found else None

    def notifies(self) -> dict[int, bytes]:
        """Type to data; the first of each type."""
        out: dict[int, bytes] = {}
        for body in self.all(NOTIFY):
            _, spi_size, kind = struct.unpack_from("!BBH", body)
            out.setdefault(kind, body[4 + spi_size:])
        return out

    def error(self) -> str | None:
        """The name of an error notification (types below 16384)."""
        for kind in self.notifies():
            if kind < 16384:
                return NOTIFIES.get(kind, f"error {kind}")
        return None


def header(message: Message, first: int, length: int) -> bytes:
    return message.spi_i + message.spi_r + struct.pack("!BBBBII", first, 0x20, message.exchange, message.flags,
                                                       message.message_id, length)


def write_payloads(payloads: list[Payload]) -> bytes:
    out = b""
    for at, payload in enumerate(payloads):
        following = payloads[at + 1].kind if at + 1 < len(payloads) else 0
        out += struct.pack("!BBH", following, 0, 4 + len(payload.body)) + payload.body
    return out


def read_payloads(first: int, octets: bytes) -> list[Payload]:
    """An SK or SKF payload is the last one; its body keeps the type of what is inside as its first octet."""
    out = []
    while first:
        if len(octets) < 4:
            raise WireError("payload header cut short")
        following, _, length = struct.unpack_from("!BBH", octets)
        if length < 4 or length > len(octets):
            raise WireError(f"payload {first} claims {length} of {len(octets)} octets")
        body = octets[4:length]
        if first in (SK, SKF):
            out.append(Payload(first, bytes([following]) + body))
            return out
        out.append(Payload(first, body))
        first, octets = following, octets[length:]
    return out


def write_clear(message: Message) -> bytes:
    body = write_payloads(message.payloads)
    return header(message, message.payloads[0].kind if message.payloads else 0, 28 + len(body)) + body


def read_header(octets: bytes) -> tuple[Message, int]:
    """The header, and the type of the first payload."""
    if len(octets) < 28:
        raise WireError("shorter than an IKE header")
    first, _, exchange, flags, message_id, length = struct.unpack_from("!BBBBII", octets, 16)
    if length != len(octets):
        raise WireError(f"length {length} in {len(octets)} octets")
    return Message(octets[:8], octets[8:16], exchange, flags, message_id), first


def read_clear(octets: bytes) -> Message:
    message, first = read_header(octets)
    message.payloads = read_payloads(first, octets[28:])
    return message


# --- bodies -----------------------------------------------------------------------------------------------------------

def transform(kind: int, number: int, bits: int = 0, last: bool = False) -> bytes:
    attribute = struct.pack("!HH", 0x8000 | 14, bits) if bits else b""
    return struct.pack("!BBHBBH", 0 if last else 3, 0, 8 + len(attribute), kind, 0, number) + attribute


def proposal(number: int, protocol: int, spi: bytes, transforms: list[tuple[int, int, int]], last: bool) -> bytes:
    """`transforms` are (type, id, key bits or 0)."""
    body = b"".join(transform(*each, last=at + 1 == len(transforms)) for at, each in enumerate(transforms))
    return struct.pack("!BBHBBBB", 0 if last else 2, 0, 8 + len(spi) + len(body), number, protocol, len(spi),
                       len(transforms)) + spi + body


def write_proposals(proposals: list[list[tuple[int, int, int]]], protocol: int, spi: bytes) -> bytes:
    """The body of an SA payload."""
    return b"".join(proposal(at + 1, protocol, spi, each, at + 1 == len(proposals)) for at, each in enumerate(proposals))


@dataclass
class Chosen:
    """A responder's answer: one transform of each type."""
    protocol: int
    spi: bytes
    transforms: dict[int, tuple[int, int]]  # type -> (id, key bits)


def read_chosen(body: bytes) -> Chosen:
    _, _, _, _, protocol, spi_size, count = struct.unpack_from("!BBHBBBB", body)
    at = 8 + spi_size
    transforms = {}
    for _ in range(count):
        _, _, length, kind, _, number = struct.unpack_from("!BBHBBH", body, at)
        bits = 0
        if length >= 12:
            name, value = struct.unpack_from("!HH", body, at + 8)
            bits = value if name == 0x8000 | 14 else 0
        transforms[kind] = (number, bits)
        at += length
    return Chosen(protocol, body[8:8 + spi_size], transforms)


def authentication(method: int, data: bytes) -> Payload:
    return Payload(AUTH, bytes([method, 0, 0, 0]) + data)


def notify(kind: int, data: bytes = b"", protocol: int = 0, spi: bytes = b"") -> Payload:
    return Payload(NOTIFY, struct.pack("!BBH", protocol, len(spi), kind) + spi + data)


def delete_ike() -> Payload:
    return Payload(DELETE, struct.pack("!BBH", PROTOCOL_IKE, 0, 0))


def delete_esp(spi: bytes) -> Payload:
    return Payload(DELETE, struct.pack("!BBH", PROTOCOL_ESP, 4, 1) + spi)


def read_delete(body: bytes) -> tuple[int, list[bytes]]:
    """Protocol and SPIs."""
    protocol, size, count = struct.unpack_from("!BBH", body)
    return protocol, [body[4 + size * i:4 + size * (i + 1)] for i in range(count)]


def identification(text: str, kind: str = "") -> bytes:
    """`kind` is fqdn, email, address or keyid; guessed from the text where it is not said."""
    if not kind:
        kind = "email" if "@" in text else "fqdn"
        try:
            ipaddress.ip_address(text)
            kind = "address"
        except ValueError:
            pass
    if kind == "address":
        address = ipaddress.ip_address(text)
        return bytes([1 if address.version == 4 else 5, 0, 0, 0]) + address.packed
    return bytes([{"fqdn": 2, "email": 3, "keyid": 11}[kind], 0, 0, 0]) + text.encode()


def selector(first: str, last: str) -> bytes:
    low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    kind, length = (7, 16) if low.version == 4 else (8, 40)
    return struct.pack("!BBHHH", kind, 0, length, 0, 65535) + low.packed + high.packed


def selectors(ranges: list[tuple[str, str]]) -> bytes:
    return struct.pack("!B3x", len(ranges)) + b"".join(selector(*each) for each in ranges)


def read_selectors(body: bytes) -> list[tuple[str, str]]:
    out, at = [], 4
    for _ in range(body[0]):
        kind, _, length = struct.unpack_from("!BBH", body, at)
        size = 4 if kind == 7 else 16
        out.append((str(ipaddress.ip_address(body[at + 8:at + 8 + size])),
                    str(ipaddress.ip_address(body[at + 8 + size:at + 8 + 2 * size]))))
        at += length
    return out


def configuration_request(attributes: list[int]) -> Payload:
    return Payload(CP, b"\x01\0\0\0" + b"".join(struct.pack("!HH", each, 0) for each in attributes))


def read_configuration(body: bytes) -> dict[int, list[bytes]]:
    out: dict[int, list[bytes]] = {}
    at = 4
    while at + 4 <= len(body):
        kind, length = struct.unpack_from("!HH", body, at)
        out.setdefault(kind & 0x7fff, []).append(body[at + 4:at + 4 + length])
        at += 4 + length
    return out
