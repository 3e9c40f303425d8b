"""What is said to a scripted peer and what it says back: words that its parts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .crypto import CHACHA20, Suite
from .persona import Persona
from .wire import ENCR, INTEG, Chosen


class PeerError(Exception):
    """The conversation did not go as asked; the message says where."""


@dataclass
class Settings:
    gateway: str
    persona: Persona
    local: str = "0.0.0.0"
    port: int = 500              # ours, and 4500 beside it; 0: two ports that the kernel chooses
    gateway_port: int = 500
    gateway_nat_port: int = 4500
    identity: str = ""           # IDi; the persona's private address where it is empty and EAP is used
    identity_kind: str = ""
    gateway_identity: str = ""   # IDr that is asked for
    psk: str = ""
    eap_user: str = ""
    eap_password: str = ""
    eap_method: int = 26
    authority: str = ""          # PEM file: the gateway's certificate must be signed by it
    initial_contact: bool = True
    timeout: float = 2.0         # of the first transmission, doubles
    tries: int = 4
    native: bool = False         # no NAT: ESP is IP protocol 50, sealed and opened by scapy
    before_answer: Callable[[str], None] = lambda _: None  # called before each of ANSWERS leaves


@dataclass
class Totals:
    """Over all child SAs of the session, as a Stop record sums them."""
    sent_packets: int = 0
    sent_octets: int = 0
    received_packets: int = 0
    received_octets: int = 0


@dataclass
class Session:
    """What the gateway gave us."""
    inner: str = ""
    dns: list[str] = field(default_factory=list)
    subnets: list[str] = field(default_factory=list)
    local_selectors: list[tuple[str, str]] = field(default_factory=list)
    remote_selectors: list[tuple[str, str]] = field(default_factory=list)


#: What an EAP-MSCHAPv2 login says after its first IKE_AUTH request; "last" is the last EAP response.
ANSWERS = ("identity", "response", "last", "auth")


def suite_of(chosen: Chosen) -> Suite:
    encryption, bits = chosen.transforms[ENCR]
    return Suite(encryption, bits or (256 if encryption == CHACHA20 else 0), chosen.transforms.get(INTEG, (0, 0))[0])
