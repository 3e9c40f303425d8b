"""A dynamic-author client of our own, and the counters of the server as /metrics shows them."""

from __future__ import annotations

import ctypes
import os
import re
import select
import socket
import time

from lab import RADIUS, Lab
from net import Host, LabError, wait_for
from radius import DAE_SECRET
from radius_packets import DISCONNECT_NAK, Answer, audit_id, packet, verified
from scenes import RADIUS_SIDE

CLONE_NEWNET = 0x40000000  # <sched.h>
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def socket_in(host: Host) -> socket.socket:
    """A UDP socket of that namespace: it stays there, while this thread is home again when this returns."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host.name}", os.O_RDONLY)
    try:
        _enter(there)
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)


class DaeClient:
    """One socket, so one source port. `source` decides who we are for the gateway."""

    def __init__(self, lab: Lab, source: str = RADIUS, secret: str = DAE_SECRET, host: Host | None = None,
                 gateway: str = RADIUS_SIDE):
        self.secret = secret
        self._socket = lab.adopt(_Closing(socket_in(host or lab.inside))).socket
        self._socket.bind((source, 0))
        self._gateway = (gateway, 3799)
        self._number = 0

    def identifier(self) -> int:
        """The next one: 256 requests are more than any test sends."""
        self._number += 1
        return self._number % 256

    def send(self, octets: bytes) -> None:
        self._socket.sendto(octets, self._gateway)

    def arrived(self, seconds: float = 0) -> bytes | None:
        """The next datagram, if there is one within that time."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return None
        return self._socket.recv(65535)

    def ask(self, octets: bytes, seconds: float = 5, padding: int = 0) -> Answer:
        """Sends it once, with that many octets behind it; what arrives next must be its answer."""
        self.send(octets + b"\xee" * padding)
        answer = self.arrived(seconds)
        if answer is None:
            raise LabError(f"no answer within {seconds:g} s to {octets[:100].hex()}")
        return verified(answer, octets, self.secret)

    def ask_until_answered(self, octets: bytes, seconds: float = 20) -> Answer:
        """The same octets again and again, as a client does that hears nothing."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.send(octets)
            answer = self.arrived(0.2)
            if answer is not None:
                return verified(answer, octets, self.secret)
        raise LabError(f"no answer within {seconds:g} s")

    def expect_silence(self) -> None:
        """Nothing has been answered: the next thing that arrives is the answer to what we ask now."""
        assert self.ask(packet(audit_id("nobody"), identifier=self.identifier(), secret=self.secret)).code == DISCONNECT_NAK


class _Closing:
    """A socket as a part of the lab."""

    def __init__(self, opened: socket.socket):
        self.socket = opened

    def stop(self) -> None:
        self.socket.close()


_METRIC = re.compile(r"(?:radius_dyn_auth_(serv|server)|portcullis_dae)_(\w+?)_total(?:\{(.*)\})? (\S+)")


def counters(lab: Lab) -> dict[str, int]:
    """Every counter of the dynamic-author server: "ADDRESS name" of a client, with RFC 4673's name in small letters
    ("discon_bad_authenticators") or "ADDRESS silent REASON" of our own; "server name" of the server as a whole."""
    found = {}
    for line in lab.gateway.ctl("metrics").splitlines():
        match = _METRIC.fullmatch(line)
        if not match:
            continue
        labels = dict(re.findall(r'(\w+)="([^"]*)"', match[3] or ""))
        name = f"silent {labels['reason']}" if "reason" in labels else match[2]
        found[f"{labels.get('client', 'server').removesuffix('/32')} {name}"] = int(float(match[4]))
    return found


def moved(lab: Lab, before: dict[str, int], seconds: float = 5) -> dict[str, int]:
    """Waits until some counter is another than `before`; all that are, and by how much."""
    def difference():
        now = counters(lab)
        return {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}
    return wait_for("a counter to move", difference, seconds)
