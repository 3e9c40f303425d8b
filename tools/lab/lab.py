"""The laboratory: a client behind a NAT, the net between, the gateway, and the inside with a host and FreeRADIUS.

    client 192.168.50.2 ── 192.168.50.1 nat 203.0.113.50 ──┐
                                                           ├ net (bridge, 203.0.113.254) ── wan0 gw lan0 ── inside
    direct 203.0.113.60 ───────────────────────────────────┘                203.0.113.1  10.10.0.1   10.10.0.10 host
                                                                                                     10.10.0.20 RADIUS
wan0 and lan0 belong to DPDK; the addresses of gw are on its TAPs `outside` and `inside`.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway, Settings
from net import Capture, Host, Packet, Process, run, switch, wire
from pki import Authority
from radius import FreeRadius
from strongswan import StrongSwan

TOP = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
TRAFFIC = str(Path(__file__).resolve().parent / "traffic.py")
HOST, RADIUS = "10.10.0.10", "10.10.0.20"
NAT, DIRECT = "203.0.113.50", "203.0.113.60"
HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")


def build_directory() -> Path:
    return Path(os.environ.get("PORTCULLIS_BUILD", TOP / "build"))


class Lab:
    """Makes all hosts; leaving the `with` block removes all that it made."""

    def __init__(self, directory: Path, settings: Settings | None = None, prefix: str = "pc", build: Path | None = None):
        self.directory, self.prefix = directory, prefix
        self.settings = settings or Settings()
        self.build = build or build_directory()
        self.hosts: list[Host] = []
        self._parts: list = []

    def __enter__(self) -> "Lab":
        remove_stale(self.prefix)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.directory.chmod(0o700)
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        for part in reversed(self._parts):
            try:
                part.stop()
            except Exception as error:  # one that does not end must not keep the others
                print(f"while cleaning up: {error}", file=sys.stderr)
        self._parts.clear()
        for host in self.hosts:
            host.remove()
        self.hosts.clear()

    def _make(self) -> None:
        self.client, self.nat, self.net, self.gw, self.inside, self.direct = (
            self._host(name) for name in ("client", "nat", "net", "gw", "inside", "direct"))
        wire(self.client, "eth0", self.nat, "lan")
        wire(self.nat, "wan", self.net, "p-nat")
        wire(self.gw, "wan0", self.net, "p-gw")
        wire(self.direct, "eth0", self.net, "p-direct")
        wire(self.gw, "lan0", self.inside, "eth0")
        switch(self.net, "br0", "p-nat", "p-gw", "p-direct")
        self.net.address("br0", "203.0.113.254/24")
        self.client.address("eth0", "192.168.50.2/24")
        self.client.route("default", "192.168.50.1")
        self.nat.address("lan", "192.168.50.1/24")
        self.nat.address("wan", f"{NAT}/24")
        self.nat.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.nat.run("nft", "-f", "-", stdin="table ip lab { chain post { type nat hook postrouting priority 100; "
                                             'oifname "wan" masquerade; }; }')
        self.direct.address("eth0", f"{DIRECT}/24")
        self.inside.address("eth0", f"{RADIUS}/16", f"{HOST}/16")  # the first is what radclient sends from
        self.inside.route("10.99.0.0/16", "10.10.0.1")
        self.authority = Authority(self.directory / "pki")
        self.radius = self.adopt(FreeRadius(self.inside, self.directory, self.authority))
        self.gateway = self.adopt(Gateway(self.gw, self.directory, self.build, self.authority, self.settings))

    def _host(self, name: str) -> Host:
        host = Host(self.prefix, name)
        self.hosts.append(host)
        return host

    def adopt(self, part):
        """Something with stop(), ended before the hosts are removed, the last one first."""
        self._parts.append(part)
        return part

    def strongswan(self, host: Host | None = None, name: str = "client") -> StrongSwan:
        swan = self.adopt(StrongSwan(host or self.client, self.directory, self.authority, Gateway.OUTSIDE, name))
        swan.start()
        return swan

    def traffic(self, host: Host, *arguments: str) -> Process:
        """A program of traffic.py; one that receives is listening when this returns."""
        name = "-".join(str(argument) for argument in arguments[:3])
        process = self.adopt(host.start(f"traffic {name}", [PYTHON, TRAFFIC, *map(str, arguments)], self.directory))
        if arguments[0] != "send":
            process.wait_for_output("listening")
        return process

    def capture(self, host: Host, interface: str, expression: str = "ip") -> Capture:
        return Capture(host, interface, expression, self.directory)


def remove_stale(prefix: str) -> None:
    """Namespaces that a killed run has left."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        if name.startswith(prefix + "-"):
            Host.remove(_existing(name))


def _existing(name: str) -> Host:
    host = Host.__new__(Host)
    host.name = name
    return host


def reserve_hugepages(pages: int = 320) -> str:
    """Reserves 2 MB pages where the machine lets us; the dataplane runs without them otherwise."""
    try:
        have = int(HUGEPAGES.read_text())
        if have < pages:
            HUGEPAGES.write_text(str(pages))
        return f"{HUGEPAGES.read_text().strip()} hugepages of 2 MB"
    except OSError as error:
        return f"no hugepages ({error}); ordinary memory"


@dataclass
class Ip:
    """The parts of a captured frame that the evidence needs."""
    when: float
    source: str
    destination: str
    protocol: int
    length: int            # IP total length
    ports: tuple[int, int]
    payload: bytes         # behind the UDP header, as far as captured

    @property
    def is_esp(self) -> bool:
        """Native ESP, or ESP in UDP: no IKE (non-ESP marker) and no keepalive (RFC 3948)."""
        if self.protocol == 50:
            return True
        return self.protocol == 17 and 4500 in self.ports and len(self.payload) > 4 and self.payload[:4] != bytes(4)


def ip_packets(packets: list[Packet]) -> list[Ip]:
    found = []
    for packet in packets:
        data = packet.data
        if len(data) < 34 or data[12:14] != b"\x08\x00":
            continue
        header = (data[14] & 15) * 4
        length, = struct.unpack_from("!H", data, 16)
        source, destination = (str(ipaddress.IPv4Address(data[at:at + 4])) for at in (26, 30))
        ports, payload = (0, 0), b""
        if data[23] in (6, 17) and len(data) >= 14 + header + 8:
            ports = struct.unpack_from("!HH", data, 14 + header)
            payload = data[14 + header + 8:14 + length]
        found.append(Ip(packet.when, source, destination, data[23], length, ports, payload))
    return found
