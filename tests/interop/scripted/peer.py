"""The initiator: exchanges in the order in which a test asks for them, ESP in UDP beside them, everything in one thread.

Every wait goes through `pump`, which reads what has come, answers the gateway's own requests, and sends what a stream has
due; so traffic flows during a login, a rekey, or a Delete that nobody reads.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Callable

from . import signature, wire
from .crypto import KeyExchange, Suite, prf, prf_plus
from .eap import EapPeer
from .esp import ChildSa, Direction, Inner, read_inner
from .ikesa import IkeSa
from .persona import V4_ADDRESS, V4_DNS, V4_SUBNET, Persona
from .wire import DH, ENCR, ESN, INTEG, PRF, Chosen, Message, Payload

NON_ESP_MARKER = bytes(4)


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


class Peer:
    """@param event  called with a name and facts, for each thing worth telling"""

    def __init__(self, settings: Settings, event: Callable[..., None] = lambda *_, **__: None):
        self.settings, self.event = settings, event
        self._ike_socket, self._nat_socket = self._bind(settings.port), self._bind(4500 if settings.port else 0)
        self.sa: IkeSa | None = None
        self._old_sas: list[IkeSa] = []
        self.children: dict[bytes, ChildSa] = {}   # by our inbound SPI
        self.child: ChildSa | None = None          # the one we send on
        self.session = Session()
        self.deaf = False            # requests of the gateway are not seen at all, its Delete among them
        self.deleted = False         # the gateway's Delete was seen
        self.on_inner: Callable[[Inner], None] = lambda _: None
        self.on_turn: Callable[[], float | None] = lambda: None  # what is due; returns when the next is
        self._responses: dict[int, Message] = {}
        self._clear: list[bytes] = []

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.settings.gateway else socket.AF_INET
        out = socket.socket(family, socket.SOCK_DGRAM)
        out.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        out.bind((self.settings.local, port))
        out.setblocking(False)
        return out

    def close(self) -> None:
        self._ike_socket.close()
        self._nat_socket.close()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def pump(self, until: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Turns until a monotonic time, or until `stop()`. @return whether `stop()` ended it"""
        while True:
            due = self.on_turn()
            if stop():
                return True
            now = time.monotonic()
            if now >= until:
                return False
            wait = min(until, due if due is not None else until) - now
            ready, _, _ = select.select([self._ike_socket, self._nat_socket], [], [], max(wait, 0))
            for each in ready:
                self._drain(each)

    def _drain(self, source: socket.socket) -> None:
        for _ in range(64):
            try:
                octets, _ = source.recvfrom(65536)
            except (BlockingIOError, ConnectionError):
                return
            if source is self._ike_socket:
                self._on_ike(octets)
            elif octets[:4] == NON_ESP_MARKER:
                self._on_ike(octets[4:])
            elif len(octets) > 8:
                self._on_esp(octets)

    def _on_esp(self, octets: bytes) -> None:
        child = self.children.get(octets[:4])
        inner = child.open(octets) if child else None
        if inner and (packet := read_inner(inner)):
            self.on_inner(packet)

    def _on_ike(self, octets: bytes) -> None:
        try:
            message, _ = wire.read_header(octets)
            if message.exchange == wire.IKE_SA_INIT:
                self._clear.append(octets)
                return
            sa = next((each for each in (self.sa, *self._old_sas) if each and each.spi_i == message.spi_i), None)
            if sa is None or (self.deaf and not message.response):
                return
            whole = sa.open(octets)
            if whole is None:
                return
            if whole.response:
                if sa is self.sa or sa in self._old_sas:
                    self._responses[whole.message_id] = whole
            else:
                self._on_request(sa, whole)
        except (wire.WireError, struct.error, IndexError) as error:
            self.event("malformed", error=str(error))

    def _on_request(self, sa: IkeSa, request: Message) -> None:
        if request.message_id + 1 == sa.peer_request:
            for datagram in sa.last_response:
                self._send_ike(datagram)
            return
        if request.message_id != sa.peer_request:
            return
        answer: list[Payload] = []
        if request.exchange == wire.CREATE_CHILD_SA:
            answer = [wire.notify(43)]  # TEMPORARY_FAILURE: this peer starts its own rekeys
            self.event("rekey_refused")
        for body in request.all(wire.DELETE):
            protocol, spis = wire.read_delete(body)
            if protocol == wire.PROTOCOL_IKE:
                self.deleted = True
                self.event("delete_received", what="ike")
            else:
                self.event("delete_received", what="child", spis=[spi.hex() for spi in spis])
                for spi in spis:
                    gone = next((child for child in self.children.values() if child.outbound.spi == spi), None)
                    if gone:
                        answer.append(wire.delete_esp(gone.inbound.spi))
                        if gone is self.child:
                            self.child = None
        sa.peer_request += 1
        sa.last_response = sa.seal(request.exchange, request.message_id, answer, True)
        for datagram in sa.last_response:
            self._send_ike(datagram)

    def _send_ike(self, datagram: bytes) -> None:
        self._send(self._nat_socket, NON_ESP_MARKER + datagram, self.settings.gateway_nat_port)

    def _send(self, source: socket.socket, octets: bytes, port: int) -> None:
        try:
            source.sendto(octets, (self.settings.gateway, port))
        except OSError as error:
            self.event("send_failed", error=str(error))

    def send_inner(self, packet: bytes) -> bool:
        """Sends one inner packet. @return False: no child SA"""
        if self.child is None:
            return False
        self._send(self._nat_socket, self.child.seal(packet), self.settings.gateway_nat_port)
        return True

    def _request(self, exchange: int, payloads: list[Payload], sa: IkeSa | None = None) -> Message:
        sa = sa or self.sa
        assert sa is not None
        message_id = sa.next_request
        sa.next_request += 1
        datagrams = sa.seal(exchange, message_id, payloads, False)
        self._responses.pop(message_id, None)
        timeout = self.settings.timeout
        for _ in range(self.settings.tries):
            for datagram in datagrams:
                self._send_ike(datagram)
            if self.pump(time.monotonic() + timeout, lambda: message_id in self._responses):
                return self._responses.pop(message_id)
            timeout *= 2
        raise PeerError(f"no answer to exchange {exchange}, message id {message_id}")

    # --- login --------------------------------------------------------------------------------------------------------

    def login(self) -> Session:
        """IKE_SA_INIT and IKE_AUTH. @raise PeerError, EapError"""
        self._init()
        self._auth()
        return self.session

    def _init(self) -> None:
        persona = self.settings.persona
        spi_i, nonce = os.urandom(8), os.urandom(32)
        exchange, cookie = KeyExchange(persona.group), b""
        for _ in range(4):
            request = self._init_request(spi_i, nonce, exchange, cookie)
            response, raw = self._init_exchange(request)
            notifies = response.notifies()
            if wire.COOKIE in notifies:
                cookie = notifies[wire.COOKIE]
                self.event("cookie")
            elif 17 in notifies:
                group = struct.unpack("!H", notifies[17])[0]
                self.event("invalid_ke_payload", group=group)
                exchange = KeyExchange(group)
            else:
                break
        if response.error() or response.one(wire.SA) is None:
            raise PeerError(f"IKE_SA_INIT: {response.error() or 'no SA'}")
        chosen = wire.read_chosen(response.one(wire.SA))
        suite, prf_number = suite_of(chosen), chosen.transforms[PRF][0]
        self._nonce, self._peer_nonce = nonce, response.one(wire.NONCE)
        self._request_octets, self._response_octets = request, raw
        shared = exchange.shared(response.one(wire.KE)[4:])
        self._group = exchange.group
        seed = prf(prf_number, nonce + self._peer_nonce, shared)
        self.sa = IkeSa(spi_i, response.spi_r, suite, prf_number, seed, nonce + self._peer_nonce)
        self.sa.next_request = 1
        self.sa.fragments = wire.FRAGMENTATION in notifies
        self.event("ike_sa_init", encryption=suite.encryption, key_bits=suite.key_bits, integrity=suite.integrity,
                   prf=prf_number, group=chosen.transforms[DH][0], fragments=self.sa.fragments,
                   hash_algorithms=wire.HASH_ALGORITHMS in notifies, certificate_request=response.one(wire.CERTREQ) is not None)

    def _init_request(self, spi_i: bytes, nonce: bytes, exchange: KeyExchange, cookie: bytes) -> bytes:
        persona = self.settings.persona
        payloads = [wire.notify(wire.COOKIE, cookie)] if cookie else []
        payloads += [Payload(wire.SA, write_proposals(persona.ike, wire.PROTOCOL_IKE, b"")),
                     Payload(wire.KE, struct.pack("!HH", exchange.group, 0) + exchange.public),
                     Payload(wire.NONCE, nonce)]
        # A source hash that fits nothing: the gateway sees a NAT and speaks ESP in UDP.
        gateway = ipaddress.ip_address(self.settings.gateway).packed + struct.pack("!H", self.settings.gateway_port)
        payloads += [wire.notify(wire.NAT_SOURCE, os.urandom(20)),
                     wire.notify(wire.NAT_DESTINATION, hashlib.sha1(spi_i + bytes(8) + gateway).digest()),
                     wire.notify(wire.FRAGMENTATION)]
        if persona.hash_algorithms:
            payloads.append(wire.notify(wire.HASH_ALGORITHMS, b"".join(struct.pack("!H", each) for each in persona.hash_algorithms)))
        return wire.write_clear(Message(spi_i, bytes(8), wire.IKE_SA_INIT, wire.INITIATOR, 0, payloads))

    def _init_exchange(self, request: bytes) -> tuple[Message, bytes]:
        self._clear.clear()
        timeout = self.settings.timeout
        for _ in range(self.settings.tries):
            self._send(self._ike_socket, request, self.settings.gateway_port)
            if self.pump(time.monotonic() + timeout, lambda: bool(self._clear)):
                raw = self._clear.pop(0)
                return wire.read_clear(raw), raw
            timeout *= 2
        raise PeerError("no answer to IKE_SA_INIT")

    def _identity(self) -> bytes:
        settings = self.settings
        text = settings.identity or (settings.persona.private_idi if settings.eap_user else "") or settings.eap_user
        return wire.identification(text, settings.identity_kind)

    def _auth(self) -> None:
        settings, persona, sa = self.settings, self.settings.persona, self.sa
        identity, spi = self._identity(), os.urandom(4)
        signed = sa.signed_octets(self._request_octets, self._peer_nonce, identity, True)
        payloads = [Payload(wire.IDI, identity)]
        if settings.initial_contact:
            payloads.append(wire.notify(wire.INITIAL_CONTACT))
        if persona.certificate_requests and settings.eap_user:
            payloads.append(Payload(wire.CERTREQ, b"\x04" + os.urandom(20 * persona.certificate_requests)))
        if settings.gateway_identity and persona.sends_idr:
            payloads.append(Payload(wire.IDR, wire.identification(settings.gateway_identity)))
        if not settings.eap_user:
            payloads.append(auth_payload(2, sa.shared_key_auth(settings.psk.encode(), signed)))
        payloads += [wire.configuration_request(persona.request),
                     Payload(wire.SA, write_proposals(persona.esp, wire.PROTOCOL_ESP, spi)),
                     Payload(wire.TSI, wire.selectors(persona.remote)), Payload(wire.TSR, wire.selectors(persona.remote))]
        if persona.mobike:
            payloads.append(wire.notify(wire.MOBIKE))
        response = self._request(wire.IKE_AUTH, payloads)
        self._check_gateway(response)
        if settings.eap_user:
            response = self._eap(response, signed)
        self._established(response, spi)

    def _check_gateway(self, response: Message) -> None:
        """The gateway's AUTH in its first IKE_AUTH response."""
        if response.error():
            raise PeerError(f"IKE_AUTH: {response.error()}")
        identity, auth = response.one(wire.IDR), response.one(wire.AUTH)
        if identity is None or auth is None:
            raise PeerError("IKE_AUTH: no IDr or no AUTH of the gateway")
        self._gateway_identity = identity
        signed = self.sa.signed_octets(self._response_octets, self._nonce, identity, False)
        method, value = auth[0], auth[4:]
        if method == 2:
            if value != self.sa.shared_key_auth(self.settings.psk.encode(), signed):
                raise PeerError("the gateway does not know the key")
            self.event("gateway_authenticated", method="psk", identity=identity[4:].decode(errors="replace"))
            return
        certificates = [body[1:] for body in response.all(wire.CERT)]
        if not certificates:
            raise PeerError("IKE_AUTH: the gateway sent no certificate")
        try:
            how = signature.verify(certificates[0], method, value, signed)
        except ValueError as error:
            raise PeerError(str(error)) from error
        if self.settings.authority:
            with open(self.settings.authority, "rb") as file:
                if not signature.issued_by(certificates[0], file.read()):
                    raise PeerError("the gateway's certificate is not signed by the authority")
        self.event("gateway_authenticated", method=method, signature=how, certificates=len(certificates),
                   identity=identity[4:].decode(errors="replace"))

    def _eap(self, response: Message, signed: bytes) -> Message:
        eap = EapPeer(self.settings.eap_user, self.settings.eap_password, self.settings.eap_method)
        while True:
            packet = response.one(wire.EAP)
            if packet is None:
                raise PeerError(f"IKE_AUTH: {response.error() or 'no EAP'}")
            answer = eap.answer(packet)
            if answer is None:
                break
            response = self._request(wire.IKE_AUTH, [Payload(wire.EAP, answer)])
        self.event("eap_success", identity_asked=eap.identity_asked)
        # RFC 7296 §2.16: the MSK, or SK_pi and SK_pr where the method makes no key.
        mine, theirs = (eap.msk, eap.msk) if eap.msk else (self.sa.pi, self.sa.pr)
        response = self._request(wire.IKE_AUTH, [auth_payload(2, self.sa.shared_key_auth(mine, signed))])
        if response.error() and response.one(wire.AUTH) is None:
            raise PeerError(f"IKE_AUTH: {response.error()}")
        auth = response.one(wire.AUTH)
        expected = self.sa.signed_octets(self._response_octets, self._nonce, self._gateway_identity, False)
        if auth is None or auth[4:] != self.sa.shared_key_auth(theirs, expected):
            raise PeerError("the gateway's second AUTH is wrong")
        return response

    def _established(self, response: Message, spi: bytes) -> None:
        if response.one(wire.SA) is None:
            raise PeerError(f"IKE_AUTH: {response.error() or 'no child SA'}")
        configuration = wire.read_configuration(response.one(wire.CP) or bytes(4))
        session = self.session
        session.inner = str(ipaddress.ip_address(configuration[V4_ADDRESS][0])) if configuration.get(V4_ADDRESS) else ""
        session.dns = [str(ipaddress.ip_address(each)) for each in configuration.get(V4_DNS, [])]
        session.subnets = [f"{ipaddress.ip_address(each[:4])}/{ipaddress.ip_address(each[4:])}"
                           for each in configuration.get(V4_SUBNET, [])]
        session.local_selectors = wire.read_selectors(response.one(wire.TSI))
        session.remote_selectors = wire.read_selectors(response.one(wire.TSR))
        self._install(wire.read_chosen(response.one(wire.SA)), spi, self._nonce + self._peer_nonce, b"")
        self.event("logged_in", inner=session.inner, dns=session.dns, subnets=session.subnets,
                   local=session.local_selectors, remote=session.remote_selectors, spi_in=spi.hex(),
                   spi_out=self.child.outbound.spi.hex(), encryption=self.child.suite.encryption,
                   key_bits=self.child.suite.key_bits, esn=self.child.esn)

    def _install(self, chosen: Chosen, spi: bytes, nonces: bytes, shared: bytes) -> None:
        suite, esn = suite_of(chosen), chosen.transforms.get(ESN, (0, 0))[0] == 1
        e, a = suite.encryption_keymat, suite.integrity_keymat
        keys = prf_plus(self.sa.prf, self.sa.d, shared + nonces, 2 * (e + a))
        ours, theirs = keys[:e + a], keys[e + a:]  # RFC 7296 §2.17: the initiator's direction first
        self.child = ChildSa(suite, esn, Direction(spi, theirs[:e], theirs[e:]), Direction(chosen.spi, ours[:e], ours[e:]))
        self.children[spi] = self.child

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def rekey_child(self, group: int = 0) -> None:
        """A new child SA in place of the present one, with a Diffie-Hellman group or without; then the old one is deleted."""
        old, spi, nonce = self.child, os.urandom(4), os.urandom(32)
        if old is None:
            raise PeerError("no child SA to rekey")
        proposals = self.settings.persona.esp
        if group:
            proposals = [each + [(DH, group, 0)] for each in proposals]
        payloads = [wire.notify(wire.REKEY_SA, b"", wire.PROTOCOL_ESP, old.inbound.spi),
                    Payload(wire.SA, write_proposals(proposals, wire.PROTOCOL_ESP, spi)), Payload(wire.NONCE, nonce)]
        exchange = KeyExchange(group) if group else None
        if exchange:
            payloads.append(Payload(wire.KE, struct.pack("!HH", group, 0) + exchange.public))
        payloads += [Payload(wire.TSI, wire.selectors(self.session.local_selectors)),
                     Payload(wire.TSR, wire.selectors(self.session.remote_selectors))]
        response = self._request(wire.CREATE_CHILD_SA, payloads)
        if response.one(wire.SA) is None:
            raise PeerError(f"child rekey: {response.error() or 'no SA'}")
        shared = exchange.shared(response.one(wire.KE)[4:]) if exchange and response.one(wire.KE) else b""
        self._install(wire.read_chosen(response.one(wire.SA)), spi, nonce + response.one(wire.NONCE), shared)
        self.event("child_rekeyed", spi_in=spi.hex(), spi_out=self.child.outbound.spi.hex(), pfs=bool(shared))
        self._request(wire.INFORMATIONAL, [wire.delete_esp(old.inbound.spi)])

    def rekey_ike(self) -> None:
        """A new IKE SA with the group of the present one; then the old one is deleted."""
        old, persona, spi, nonce = self.sa, self.settings.persona, os.urandom(8), os.urandom(32)
        exchange = KeyExchange(self._group)
        response = self._request(wire.CREATE_CHILD_SA, [
            Payload(wire.SA, write_proposals(persona.ike, wire.PROTOCOL_IKE, spi)), Payload(wire.NONCE, nonce),
            Payload(wire.KE, struct.pack("!HH", exchange.group, 0) + exchange.public)])
        if response.one(wire.SA) is None:
            raise PeerError(f"IKE rekey: {response.error() or 'no SA'}")
        chosen, theirs = wire.read_chosen(response.one(wire.SA)), response.one(wire.NONCE)
        prf_number = chosen.transforms[PRF][0]
        seed = prf(old.prf, old.d, exchange.shared(response.one(wire.KE)[4:]) + nonce + theirs)  # RFC 7296 §2.18
        self.sa = IkeSa(spi, chosen.spi, suite_of(chosen), prf_number, seed, nonce + theirs)
        self.sa.fragments = old.fragments
        self._old_sas.append(old)
        self.event("ike_rekeyed", spi=spi.hex())
        self._request(wire.INFORMATIONAL, [wire.delete_ike()], old)

    def dpd(self) -> bool:
        """Whether the gateway answers an empty INFORMATIONAL."""
        try:
            self._request(wire.INFORMATIONAL, [])
            return True
        except PeerError:
            return False

    def logout(self) -> None:
        """Our Delete of the IKE SA."""
        self._request(wire.INFORMATIONAL, [wire.delete_ike()])
        self.event("logged_out")

    def totals(self) -> Totals:
        total = Totals()
        for child in self.children.values():
            total.sent_packets += child.sent_packets
            total.sent_octets += child.sent_octets
            total.received_packets += child.received_packets
            total.received_octets += child.received_octets
        return total


def auth_payload(method: int, data: bytes) -> Payload:
    return Payload(wire.AUTH, bytes([method, 0, 0, 0]) + data)


def suite_of(chosen: Chosen) -> Suite:
    encryption, bits = chosen.transforms[ENCR]
    return Suite(encryption, bits or (256 if encryption == 28 else 0), chosen.transforms.get(INTEG, (0, 0))[0])


def write_proposals(proposals: list, protocol: int, spi: bytes) -> bytes:
    return b"".join(wire.proposal(at + 1, protocol, spi, each, at + 1 == len(proposals)) for at, each in enumerate(proposals))
