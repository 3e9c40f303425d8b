"""Numbered streams through the tunnel: what was sent, what came back, when the last one did."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from typing import Callable

from . import esp
from .esp import Inner
from .peer import Peer


@dataclass
class Received:
    packets: int = 0
    octets: int = 0           # inner IP lengths are not kept; of UDP payloads
    distinct: set[int] = field(default_factory=set)
    unsound: int = 0          # a checksum was wrong
    last: float = 0.0         # wall clock

    def facts(self) -> dict:
        return {"received": self.packets, "distinct": len(self.distinct), "highest": max(self.distinct, default=-1),
                "unsound": self.unsound, "last_received": round(self.last, 6)}


class Traffic:
    """Hooks into a Peer: sends UDP datagrams at a rate while on, counts those which come, answers pings."""

    def __init__(self, peer: Peer, port: int = 40000):
        self.peer, self.port = peer, port
        self.destination, self.destination_port, self.rate, self.size = "", 9, 100.0, 200
        self.sent = self.unsendable = 0
        self.first_sent = self.last_sent = 0.0
        self.received = Received()
        self.echoes: set[int] = set()
        self._next = 0.0
        self.on = False
        peer.on_inner, peer.on_turn = self._receive, self._due

    def start(self, destination: str, port: int, rate: float, size: int = 200) -> None:
        self.destination, self.destination_port, self.rate, self.size = destination, port, rate, max(size, 8)
        self._next, self.on = time.monotonic(), True

    def stop(self) -> None:
        self.on = False

    def ping(self, destination: str, sequence: int) -> None:
        self.peer.send_inner(esp.echo_request(self.peer.session.inner, destination, 0x504f, sequence))

    def _datagram(self, destination: str, port: int) -> bytes:
        data = struct.pack("!Q", self.sent + self.unsendable) + bytes(self.size - 8)
        return esp.udp(self.peer.session.inner, self.port, destination, port, data)

    def send_one(self, target: str, break_it: Callable[[bytes], bytes]) -> None:
        """One datagram beside the stream, and not numbered after it. @param break_it  what happens to its ESP packet"""
        address, port = target.rsplit(":", 1)
        self.peer.send_inner(self._datagram(address, int(port)), break_it)

    def _due(self) -> float | None:
        """Sends what is due, a bounded number at a time. @return when the next one is"""
        if not self.on:
            return None
        now = time.monotonic()
        for _ in range(16):
            if self._next > now:
                return self._next
            if self.peer.send_inner(self._datagram(self.destination, self.destination_port)):
                self.sent += 1
                self.last_sent = time.time()
                self.first_sent = self.first_sent or self.last_sent
            else:
                self.unsendable += 1
            self._next += 1 / self.rate
        return now

    def _receive(self, inner: Inner) -> None:
        if inner.protocol == 1 and len(inner.payload) >= 8 and inner.payload[0] == 0:
            self.echoes.add(struct.unpack_from("!H", inner.payload, 6)[0])
        elif inner.protocol == 1 and len(inner.payload) >= 8 and inner.payload[0] == 8:
            body = b"\0" + inner.payload[1:2] + b"\0\0" + inner.payload[4:]
            body = body[:2] + struct.pack("!H", esp.checksum(body)) + body[4:]
            self.peer.send_inner(esp.ipv4(inner.destination, inner.source, 1, body))
        elif inner.protocol == 17 and len(inner.payload) >= 8 and inner.ports[1] == self.port:
            self.received.packets += 1
            self.received.octets += len(inner.data)
            self.received.unsound += not inner.sound
            self.received.last = time.time()
            if len(inner.data) >= 8:
                self.received.distinct.add(struct.unpack_from("!Q", inner.data)[0])

    def facts(self) -> dict:
        totals = self.peer.totals()
        return {"sent": self.sent, "unsendable": self.unsendable, "last_sent": round(self.last_sent, 6), **self.received.facts(),
                "echoes": len(self.echoes), "esp": vars(totals),
                "unauthentic": sum(child.unauthentic for child in self.peer.children.values())}
