"""The initiator: exchanges in the order in which a test asks for them, ESP beside them, everything in one thread.

Every wait goes through `pump`, which reads what has come, answers the gateway's own requests, and sends what a stream has
due; so traffic flows during a login, a rekey, or a Delete that nobody reads.
"""

from __future__ import annotations

import os
import select
import struct
import time
from typing import Callable

from . import wire
from .crypto import KeyExchange, prf, prf_plus
from .esp import ChildSa, Direction, Inner, read_inner
from .ikesa import IkeSa
from .link import NatLink
from .login import Login
from .terms import PeerError, Session, Settings, Totals, suite_of
from .wire import DH, ESN, PRF, Chosen, Message, Payload, write_proposals


class Peer:
    """@param event  called with a name and facts, for each thing worth telling"""

    def __init__(self, settings: Settings, event: Callable[..., None] = lambda *_, **__: None):
        self.settings, self.event = settings, event
        self.link = self._make_link(settings)
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
        self.clear: list[bytes] = []                               # IKE_SA_INIT responses
        self.record: Callable[[bytes], None] = lambda _: None      # told of each inner packet, sent or received
        self.last_esp = b""                                        # as it was sent
        self.group = 0                                             # of the IKE SA's Diffie-Hellman exchange

    def _make_link(self, settings: Settings) -> NatLink:
        if settings.native:
            from .native import NativeLink  # scapy, which the others do without
            return NativeLink(settings, self.event)
        return NatLink(settings, self.event)

    def close(self) -> None:
        self.link.close()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def pump(self, until: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Turns until a monotonic time, or until `stop()`. @return whether `stop()` ended it

        It reads at least once, also where what is due has taken all the time: a slow machine must not make it deaf.
        """
        while True:
            due = self.on_turn()
            if stop():
                return True
            now = time.monotonic()
            wait = min(until, due if due is not None else until) - now
            ready, _, _ = select.select(self.link.sockets, [], [], max(wait, 0))
            for each in ready:
                self.link.drain(each, self._on_ike, self._on_esp)
            if now >= until:
                return stop()

    def _on_esp(self, spi: bytes, octets: bytes) -> None:
        child = self.children.get(spi)
        inner = child.open(octets) if child else None
        if inner is not None:
            self.record(inner)
            if packet := read_inner(inner):
                self.on_inner(packet)

    def _on_ike(self, octets: bytes) -> None:
        try:
            message, _ = wire.read_header(octets)
            if message.exchange == wire.IKE_SA_INIT:
                self.clear.append(octets)
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
                self.link.send_ike(datagram)
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
            self.link.send_ike(datagram)

    def send_inner(self, packet: bytes, break_it: Callable[[bytes], bytes] = lambda octets: octets) -> bool:
        """Sends one inner packet. @param break_it  what happens to the ESP packet on its way  @return False: no child SA"""
        if self.child is None:
            return False
        self.record(packet)
        self.last_esp = break_it(self.child.seal(packet))
        self.link.send_esp(self.last_esp)
        return True

    def send_again(self) -> None:
        """The last ESP packet once more, octet for octet."""
        self.link.send_esp(self.last_esp)

    def request(self, exchange: int, payloads: list[Payload], sa: IkeSa | None = None) -> Message:
        sa = sa or self.sa
        assert sa is not None
        message_id = sa.next_request
        sa.next_request += 1
        datagrams = sa.seal(exchange, message_id, payloads, False)
        if len(datagrams) > 1:
            self.event("fragmented", exchange=exchange, fragments=len(datagrams))
        self._responses.pop(message_id, None)
        timeout = self.settings.timeout
        for _ in range(self.settings.tries):
            for datagram in datagrams:
                self.link.send_ike(datagram)
            if self.pump(time.monotonic() + timeout, lambda: message_id in self._responses):
                return self._responses.pop(message_id)
            timeout *= 2
        raise PeerError(f"no answer to exchange {exchange}, message id {message_id}")

    def login(self) -> Session:
        """IKE_SA_INIT and IKE_AUTH. @raise PeerError, EapError"""
        Login(self).run()
        return self.session

    def install(self, chosen: Chosen, spi: bytes, nonces: bytes, shared: bytes) -> None:
        """Keys for both directions of a child SA; from now on we send on it."""
        suite, esn = suite_of(chosen), chosen.transforms.get(ESN, (0, 0))[0] == 1
        e, a = suite.encryption_keymat, suite.integrity_keymat
        keys = prf_plus(self.sa.prf, self.sa.d, shared + nonces, 2 * (e + a))
        ours, theirs = keys[:e + a], keys[e + a:]  # RFC 7296 §2.17: the initiator's direction first
        self.child = self.link.child(suite, esn, Direction(spi, theirs[:e], theirs[e:]), Direction(chosen.spi, ours[:e], ours[e:]))
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
        response = self.request(wire.CREATE_CHILD_SA, payloads)
        if response.one(wire.SA) is None:
            raise PeerError(f"child rekey: {response.error() or 'no SA'}")
        shared = exchange.shared(response.one(wire.KE)[4:]) if exchange and response.one(wire.KE) else b""
        self.install(wire.read_chosen(response.one(wire.SA)), spi, nonce + response.one(wire.NONCE), shared)
        self.event("child_rekeyed", spi_in=spi.hex(), spi_out=self.child.outbound.spi.hex(), pfs=bool(shared))
        self.request(wire.INFORMATIONAL, [wire.delete_esp(old.inbound.spi)])

    def rekey_ike(self) -> None:
        """A new IKE SA with the group of the present one; then the old one is deleted."""
        old, persona, spi, nonce = self.sa, self.settings.persona, os.urandom(8), os.urandom(32)
        exchange = KeyExchange(self.group)
        response = self.request(wire.CREATE_CHILD_SA, [
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
        self.request(wire.INFORMATIONAL, [wire.delete_ike()], old)

    def dpd(self) -> bool:
        """Whether the gateway answers an empty INFORMATIONAL."""
        try:
            self.request(wire.INFORMATIONAL, [])
            return True
        except PeerError:
            return False

    def logout(self) -> None:
        """Our Delete of the IKE SA."""
        self.request(wire.INFORMATIONAL, [wire.delete_ike()])
        self.event("logged_out")

    def totals(self) -> Totals:
        total = Totals()
        for child in self.children.values():
            total.sent_packets += child.sent_packets
            total.sent_octets += child.sent_octets
            total.received_packets += child.received_packets
            total.received_octets += child.received_octets
        return total
