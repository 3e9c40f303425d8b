"""What several interop tests do with a laboratory."""

from __future__ import annotations

from dataclasses import dataclass

from conftest import PSK, PSK_USER
from lab import HOST, Ip, Lab, ip_packets
from net import Host, wait_for
from radius import disconnect
from strongswan import Login, StrongSwan

RADIUS_SIDE = "10.10.0.1"


def login_of(lab: Lab, method: str, **more) -> Login:
    """A login by method: psk, certificate, eap-mschapv2, eap-tls."""
    if method == "psk":
        return Login("psk", PSK_USER, PSK, **more)
    if method in ("certificate", "eap-tls"):
        return Login(method, "carol@lab.example", credential=lab.authority.issue("carol@lab.example", "clientAuth"), **more)
    return Login(method, "alice", "wonderland", **more)


def logged_in(lab: Lab, host: Host | None = None) -> tuple[StrongSwan, dict]:
    """A strongSwan on that host (default: the client behind the NAT) with a tunnel by PSK, and its session as the gateway shows it."""
    swan = lab.strongswan(host or lab.client)
    swan.configure(login_of(lab, "psk"))
    came_up, output = swan.login()
    assert came_up, output
    return swan, lab.gateway.session_of(PSK_USER)


def ping(lab: Lab, swan: StrongSwan, inner: str) -> None:
    """Waits for an answer of the protected host through the tunnel."""
    wait_for(f"a ping from {inner}", lambda: "1 received" in swan.host.run(
        "ping", "-c", "1", "-W", "1", "-I", inner, HOST, check=False))


def greet(lab: Lab) -> None:
    """The protected host makes itself known to the gateway: a packet to a neighbour that is not known yet is dropped."""
    lab.inside.run("ping", "-c", "1", "-W", "5", "-I", HOST, RADIUS_SIDE)


@dataclass
class Wires:
    """Captures at the far ends of the gateway's links, under the kernel's one clock."""
    lab: Lab
    inner: str
    outer: str

    def __post_init__(self):
        self._inside = self.lab.capture(self.lab.inside, "eth0")
        self._outside = self.lab.capture(self.lab.net, "p-gw")

    def stop(self) -> None:
        inside, outside = ip_packets(self._inside.stop()), ip_packets(self._outside.stop())
        self.forwarded_in = [p for p in inside if p.source == self.inner]
        self.sent_out = [p for p in inside if p.destination == self.inner]
        self.forwarded_out = [p for p in outside if p.destination == self.outer and p.is_esp]
        self.acks = [p for p in inside if p.ports[0] == 3799]
        self.clear: list[Ip] = [p for p in outside if self.inner in (p.source, p.destination)]

    def after(self, moment: float) -> list[Ip]:
        return [p for p in (*self.forwarded_in, *self.forwarded_out) if p.when > moment]

    def matches(self, stop: dict) -> None:
        """The Stop record says what the wires carried: no more, no less (P2)."""
        assert int(stop["Acct-Input-Packets"]) == len(self.forwarded_in)
        assert int(stop["Acct-Output-Packets"]) == len(self.forwarded_out)
        assert int(stop["Acct-Input-Octets"]) == sum(p.length for p in self.forwarded_in)
        assert int(stop["Acct-Output-Octets"]) == sum(p.length for p in self.sent_out[:len(self.forwarded_out)])


def pod(lab: Lab, audit: str, **more):
    return disconnect(lab.inside, RADIUS_SIDE, {"Cisco-AVPair": f"audit-session-id={audit}"}, **more)


def stop_of(lab: Lab, audit: str, seconds: float = 20) -> dict:
    return wait_for("the Stop record", lambda: lab.radius.stops(audit), seconds)[-1]
