"""ESP in tunnel mode (RFC 4303), IPv4 inside, and the little of IPv4, UDP and ICMP that a client needs."""

from __future__ import annotations

import ipaddress
import os
import struct
from dataclasses import dataclass

from .crypto import CHACHA20, AES_GCM_16, Suite


@dataclass
class Direction:
    spi: bytes
    encryption: bytes
    integrity: bytes


class ChildSa:
    """Both directions of one child SA. `sent` and `received` count inner packets and octets, as a Stop record does."""

    def __init__(self, suite: Suite, esn: bool, inbound: Direction, outbound: Direction):
        self.suite, self.esn, self.inbound, self.outbound = suite, esn, inbound, outbound
        self.sequence = 0
        self.highest = 0
        self.sent_packets = self.sent_octets = self.received_packets = self.received_octets = 0
        self.unauthentic = 0

    def _associated(self, spi: bytes, sequence: int) -> tuple[bytes, bytes]:
        """What is authenticated before the IV (RFC 4106 §5: the ESN is inside) and, for HMAC, behind the text."""
        high, low = struct.pack("!I", sequence >> 32), struct.pack("!I", sequence & 0xffffffff)
        if self.suite.aead:
            return (spi + high + low, b"") if self.esn else (spi + low, b"")
        return spi + low, high if self.esn else b""

    def seal(self, inner: bytes, next_header: int = 4) -> bytes:
        self.sequence += 1
        header = self.outbound.spi + struct.pack("!I", self.sequence & 0xffffffff)
        block = max(self.suite.block, 4)
        padding = -(len(inner) + 2) % block
        plain = inner + bytes(range(1, padding + 1)) + bytes([padding, next_header])
        aad, behind = self._associated(self.outbound.spi, self.sequence)
        iv = struct.pack("!Q", self.sequence) if self.suite.encryption in (AES_GCM_16, CHACHA20) else os.urandom(self.suite.iv)
        self.sent_packets += 1
        self.sent_octets += len(inner)
        return header + self.suite.seal(self.outbound.encryption, self.outbound.integrity, aad, iv, plain, behind)

    def whole_sequence(self, low: int) -> int:
        """The sequence number with the high half that is not sent (RFC 4303 App. A2)."""
        sequence = (self.highest & ~0xffffffff) | low
        if self.esn and sequence + (1 << 31) < self.highest:
            sequence += 1 << 32
        return sequence

    def open(self, packet: bytes) -> bytes | None:
        """The inner packet; None where it is not authentic, or a dummy (RFC 4303 §2.6)."""
        sequence = self.whole_sequence(struct.unpack_from("!I", packet, 4)[0])
        aad, behind = self._associated(self.inbound.spi, sequence)
        plain = self.suite.open(self.inbound.encryption, self.inbound.integrity, aad, packet[8:], behind)
        if plain is None or len(plain) < 2 or plain[-2] + 2 > len(plain):
            self.unauthentic += 1
            return None
        self.highest = max(self.highest, sequence)
        inner = plain[:len(plain) - 2 - plain[-2]]
        if plain[-1] != 4:
            return None
        self.received_packets += 1
        self.received_octets += len(inner)
        return inner


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source: str, destination: str, protocol: int, payload: bytes, ttl: int = 64, identification: int = 0,
         dont_fragment: bool = True, tos: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), identification, 0x4000 if dont_fragment else 0, ttl,
                       protocol, 0) + ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(source: str, source_port: int, destination: str, port: int, data: bytes, **options) -> bytes:
    length = 8 + len(data)
    pseudo = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed + struct.pack("!BBH", 0, 17, length)
    head = struct.pack("!HHHH", source_port, port, length, 0)
    value = checksum(pseudo + head + data) or 0xffff
    return ipv4(source, destination, 17, head[:6] + struct.pack("!H", value) + data, **options)


def echo_request(source: str, destination: str, identifier: int, sequence: int, data: bytes = b"portcullis") -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, identifier, sequence)
    return ipv4(source, destination, 1, head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data)


@dataclass
class Inner:
    """What came out of the tunnel."""
    source: str
    destination: str
    protocol: int
    payload: bytes
    sound: bool  # the IP header's checksum, and that of UDP, are right

    @property
    def ports(self) -> tuple[int, int]:
        return struct.unpack_from("!HH", self.payload)

    @property
    def data(self) -> bytes:
        return self.payload[8:]


def read_inner(packet: bytes) -> Inner | None:
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    head = 4 * (packet[0] & 15)
    length = struct.unpack_from("!H", packet, 2)[0]
    if head < 20 or length < head or length > len(packet):
        return None
    payload = packet[head:length]
    sound = checksum(packet[:head]) == 0
    if packet[9] == 17 and len(payload) >= 8 and payload[6:8] != b"\0\0":
        sound = sound and checksum(packet[12:20] + struct.pack("!BBH", 0, 17, len(payload)) + payload) == 0
    return Inner(str(ipaddress.IPv4Address(packet[12:16])), str(ipaddress.IPv4Address(packet[16:20])), packet[9], payload, sound)
