"""How datagrams and ESP packets travel: IKE on one port, IKE behind a marker and ESP in UDP on another (RFC 3948)."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import struct
from typing import Callable

from . import wire
from .crypto import Suite
from .esp import ChildSa, Direction
from .terms import Settings
from .wire import Message

NON_ESP_MARKER = bytes(4)
OnIke = Callable[[bytes], None]
OnEsp = Callable[[bytes, bytes], None]  # our SPI, and the packet


def nat_hash(spi_i: bytes, spi_r: bytes, address: str, port: int) -> bytes:
    """RFC 7296 §2.23."""
    return hashlib.sha1(spi_i + spi_r + ipaddress.ip_address(address).packed + struct.pack("!H", port)).digest()


class NatLink:
    """Claims to be behind a NAT, so that the gateway speaks ESP in UDP."""

    def __init__(self, settings: Settings, event: Callable[..., None]):
        self.settings, self.event = settings, event
        self._ike, self._nat = self._bind(settings.port), self._bind(4500 if settings.port else 0)
        self.sockets = [self._ike, self._nat]

    @property
    def gateway(self) -> tuple[str, int]:
        return self.settings.gateway, self.settings.gateway_port

    @property
    def endpoint(self) -> tuple[str, int]:
        """Our own address towards the gateway, and our IKE port."""
        with socket.socket(self._ike.family, socket.SOCK_DGRAM) as probe:
            probe.bind((self.settings.local, 0))
            probe.connect(self.gateway)
            return probe.getsockname()[0], self._ike.getsockname()[1]

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.settings.gateway else socket.AF_INET
        out = socket.socket(family, socket.SOCK_DGRAM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        out.bind((self.settings.local, port))
        out.setblocking(False)
        return out

    def close(self) -> None:
        for each in self.sockets:
            each.close()

    def source_hash(self, spi_i: bytes) -> bytes:
        return os.urandom(20)  # fits nothing: a NAT

    def finds_nat(self, spi_i: bytes, response: Message) -> bool:
        """What the gateway's hashes say: whether it sees us, or we it, at another address."""
        notifies = response.notifies()
        return (notifies.get(wire.NAT_DESTINATION) != nat_hash(spi_i, response.spi_r, *self.endpoint) or
                notifies.get(wire.NAT_SOURCE) != nat_hash(spi_i, response.spi_r, *self.gateway))

    def child(self, suite: Suite, esn: bool, inbound: Direction, outbound: Direction) -> ChildSa:
        return ChildSa(suite, esn, inbound, outbound)

    def send_first(self, octets: bytes) -> None:
        """IKE_SA_INIT."""
        self._send(self._ike, octets, self.settings.gateway_port)

    def send_ike(self, octets: bytes) -> None:
        self._send(self._nat, NON_ESP_MARKER + octets, self.settings.gateway_nat_port)

    def send_esp(self, octets: bytes) -> None:
        self._send(self._nat, octets, self.settings.gateway_nat_port)

    def drain(self, source: socket.socket, on_ike: OnIke, on_esp: OnEsp) -> None:
        """Reads what waits, a bounded number at a time."""
        for _ in range(64):
            try:
                octets, _ = source.recvfrom(65536)
            except (BlockingIOError, ConnectionError):
                return
            self._sort(source, octets, on_ike, on_esp)

    def _sort(self, source: socket.socket, octets: bytes, on_ike: OnIke, on_esp: OnEsp) -> None:
        if source is self._ike:
            on_ike(octets)
        elif octets[:4] == NON_ESP_MARKER:
            on_ike(octets[4:])
        elif len(octets) > 8:
            on_esp(octets[:4], octets)

    def _send(self, source: socket.socket, octets: bytes, port: int) -> None:
        try:
            source.sendto(octets, (self.settings.gateway, port))
        except OSError as error:
            self.event("send_failed", error=str(error))
