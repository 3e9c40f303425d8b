"""No NAT: IKE stays on its first port, ESP is IP protocol 50, and scapy's own IPsec layer seals and opens it."""

from __future__ import annotations

import logging
import socket

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)  # it warns of routes that a namespace lacks

from scapy.layers.inet import IP  # noqa: E402
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation  # noqa: E402

from .crypto import AES_GCM_16, Suite  # noqa: E402
from .esp import ChildSa, Direction  # noqa: E402
from .link import NatLink, OnEsp, OnIke, nat_hash  # noqa: E402
from .terms import PeerError  # noqa: E402


class ScapyChild(ChildSa):
    """A child SA whose packets are whole IP packets, made and read by scapy."""

    def __init__(self, suite: Suite, esn: bool, inbound: Direction, outbound: Direction, local: str, gateway: str):
        super().__init__(suite, esn, inbound, outbound)
        if suite.encryption != AES_GCM_16:
            raise PeerError("--native speaks AES-GCM only")
        self._out, self._in = (
            SecurityAssociation(ESP, int.from_bytes(direction.spi, "big"), crypt_algo="AES-GCM", crypt_key=direction.encryption,
                                tunnel_header=IP(src=source, dst=destination), esn_en=esn)
            for direction, source, destination in ((outbound, local, gateway), (inbound, gateway, local)))

    def seal(self, inner: bytes, next_header: int = 4) -> bytes:
        """scapy takes the next header from the packet itself."""
        self.sequence += 1
        self.sent_packets += 1
        self.sent_octets += len(inner)
        self._out.seq_num = self.sequence & 0xffffffff  # as an argument, scapy takes 0 for "none"
        return bytes(self._out.encrypt(IP(inner), esn=self.sequence >> 32))

    def open(self, packet: bytes) -> bytes | None:
        outer = IP(packet)
        sequence = self.whole_sequence(outer[ESP].seq)
        try:
            inner = bytes(self._in.decrypt(outer, esn=sequence >> 32))
        except IPSecIntegrityError:
            self.unauthentic += 1
            return None
        self.highest = max(self.highest, sequence)
        self.received_packets += 1
        self.received_octets += len(inner)
        return inner


class NativeLink(NatLink):
    def __init__(self, settings, event):
        self.settings, self.event = settings, event
        self._ike = self._bind(settings.port)
        self._esp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)
        self._esp.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        self._esp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._esp.bind((settings.local, 0))
        self._esp.setblocking(False)
        self.sockets = [self._ike, self._esp]

    def source_hash(self, spi_i: bytes) -> bytes:
        return nat_hash(spi_i, bytes(8), *self.endpoint)

    def child(self, suite: Suite, esn: bool, inbound: Direction, outbound: Direction) -> ChildSa:
        return ScapyChild(suite, esn, inbound, outbound, self.endpoint[0], self.settings.gateway)

    def send_ike(self, octets: bytes) -> None:
        self.send_first(octets)

    def send_esp(self, octets: bytes) -> None:
        self._send(self._esp, octets, 0)

    def _sort(self, source: socket.socket, octets: bytes, on_ike: OnIke, on_esp: OnEsp) -> None:
        if source is self._ike:
            on_ike(octets)
            return
        head = 4 * (octets[0] & 15)
        if len(octets) >= head + 8:
            on_esp(octets[head:head + 4], octets)
