"""IKE_SA_INIT and IKE_AUTH (RFC 7296 §1.2, §2.16), up to keys for the first child SA."""

from __future__ import annotations

import ipaddress
import os
import struct
import time

from . import eap as eap_numbers
from . import signature, wire
from .crypto import KeyExchange, prf
from .eap import EapPeer
from .ikesa import IkeSa
from .link import nat_hash
from .persona import V4_ADDRESS, V4_DNS, V4_SUBNET
from .terms import PeerError, suite_of
from .wire import DH, PRF, Message, Payload


def answer_name(packet: bytes) -> str:
    """Which of terms.ANSWERS an EAP response is."""
    if packet[4] == eap_numbers.IDENTITY:
        return "identity"
    return "last" if packet[4] == eap_numbers.MSCHAPV2 and packet[5] == 3 else "response"


class Login:
    """One login of a Peer, whose IKE SA, child SA and session it fills in."""

    def __init__(self, peer):
        self.peer, self.settings = peer, peer.settings

    def run(self) -> None:
        """@raise PeerError, EapError"""
        self._init()
        self._auth()

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
                self.peer.event("cookie")
            elif 17 in notifies:
                group = struct.unpack("!H", notifies[17])[0]
                self.peer.event("invalid_ke_payload", group=group)
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
        self.peer.group = exchange.group
        seed = prf(prf_number, nonce + self._peer_nonce, shared)
        self.peer.sa = IkeSa(spi_i, response.spi_r, suite, prf_number, seed, nonce + self._peer_nonce)
        self.peer.sa.next_request = 1
        self.peer.sa.fragments = wire.FRAGMENTATION in notifies
        self.peer.event("ike_sa_init", encryption=suite.encryption, key_bits=suite.key_bits, integrity=suite.integrity,
                        prf=prf_number, group=chosen.transforms[DH][0], fragments=self.peer.sa.fragments,
                        nat_found=self.peer.link.finds_nat(spi_i, response),
                        hash_algorithms=wire.HASH_ALGORITHMS in notifies, certificate_request=response.one(wire.CERTREQ) is not None)

    def _init_request(self, spi_i: bytes, nonce: bytes, exchange: KeyExchange, cookie: bytes) -> bytes:
        persona = self.settings.persona
        payloads = [wire.notify(wire.COOKIE, cookie)] if cookie else []
        payloads += [Payload(wire.SA, wire.write_proposals(persona.ike, wire.PROTOCOL_IKE, b"")),
                     Payload(wire.KE, struct.pack("!HH", exchange.group, 0) + exchange.public),
                     Payload(wire.NONCE, nonce)]
        link = self.peer.link
        payloads += [wire.notify(wire.NAT_SOURCE, link.source_hash(spi_i)),
                     wire.notify(wire.NAT_DESTINATION, nat_hash(spi_i, bytes(8), *link.gateway)),
                     wire.notify(wire.FRAGMENTATION)]
        if persona.hash_algorithms:
            payloads.append(wire.notify(wire.HASH_ALGORITHMS, b"".join(struct.pack("!H", each) for each in persona.hash_algorithms)))
        return wire.write_clear(Message(spi_i, bytes(8), wire.IKE_SA_INIT, wire.INITIATOR, 0, payloads))

    def _init_exchange(self, request: bytes) -> tuple[Message, bytes]:
        self.peer.clear.clear()
        timeout = self.settings.timeout
        for _ in range(self.settings.tries):
            self.peer.link.send_first(request)
            if self.peer.pump(time.monotonic() + timeout, lambda: bool(self.peer.clear)):
                raw = self.peer.clear.pop(0)
                return wire.read_clear(raw), raw
            timeout *= 2
        raise PeerError("no answer to IKE_SA_INIT")

    def _identity(self) -> bytes:
        settings = self.settings
        text = settings.identity or (settings.persona.private_idi if settings.eap_user else "") or settings.eap_user
        return wire.identification(text, settings.identity_kind)

    def _auth(self) -> None:
        settings, persona, sa = self.settings, self.settings.persona, self.peer.sa
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
            payloads.append(wire.authentication(2, sa.shared_key_auth(settings.psk.encode(), signed)))
        payloads += [wire.configuration_request(persona.request),
                     Payload(wire.SA, wire.write_proposals(persona.esp, wire.PROTOCOL_ESP, spi)),
                     Payload(wire.TSI, wire.selectors(persona.remote)), Payload(wire.TSR, wire.selectors(persona.remote))]
        if persona.mobike:
            payloads.append(wire.notify(wire.MOBIKE))
        response = self.peer.request(wire.IKE_AUTH, payloads)
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
        signed = self.peer.sa.signed_octets(self._response_octets, self._nonce, identity, False)
        method, value = auth[0], auth[4:]
        if method == 2:
            if value != self.peer.sa.shared_key_auth(self.settings.psk.encode(), signed):
                raise PeerError("the gateway does not know the key")
            self.peer.event("gateway_authenticated", method="psk", identity=identity[4:].decode(errors="replace"))
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
        self.peer.event("gateway_authenticated", method=method, signature=how, certificates=len(certificates),
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
            self.settings.before_answer(answer_name(answer))
            response = self.peer.request(wire.IKE_AUTH, [Payload(wire.EAP, answer)])
        self.peer.event("eap_success", identity_asked=eap.identity_asked)
        self.settings.before_answer("auth")
        # RFC 7296 §2.16: the MSK, or SK_pi and SK_pr where the method makes no key.
        mine, theirs = (eap.msk, eap.msk) if eap.msk else (self.peer.sa.pi, self.peer.sa.pr)
        response = self.peer.request(wire.IKE_AUTH, [wire.authentication(2, self.peer.sa.shared_key_auth(mine, signed))])
        if response.error() and response.one(wire.AUTH) is None:
            raise PeerError(f"IKE_AUTH: {response.error()}")
        auth = response.one(wire.AUTH)
        expected = self.peer.sa.signed_octets(self._response_octets, self._nonce, self._gateway_identity, False)
        if auth is None or auth[4:] != self.peer.sa.shared_key_auth(theirs, expected):
            raise PeerError("the gateway's second AUTH is wrong")
        return response

    def _established(self, response: Message, spi: bytes) -> None:
        if response.one(wire.SA) is None:
            raise PeerError(f"IKE_AUTH: {response.error() or 'no child SA'}")
        configuration = wire.read_configuration(response.one(wire.CP) or bytes(4))
        session = self.peer.session
        session.inner = str(ipaddress.ip_address(configuration[V4_ADDRESS][0])) if configuration.get(V4_ADDRESS) else ""
        session.dns = [str(ipaddress.ip_address(each)) for each in configuration.get(V4_DNS, [])]
        session.subnets = [f"{ipaddress.ip_address(each[:4])}/{ipaddress.ip_address(each[4:])}"
                           for each in configuration.get(V4_SUBNET, [])]
        session.local_selectors = wire.read_selectors(response.one(wire.TSI))
        session.remote_selectors = wire.read_selectors(response.one(wire.TSR))
        self.peer.install(wire.read_chosen(response.one(wire.SA)), spi, self._nonce + self._peer_nonce, b"")
        self.peer.event("logged_in", inner=session.inner, dns=session.dns, subnets=session.subnets,
                        local=session.local_selectors, remote=session.remote_selectors, spi_in=spi.hex(),
                        spi_out=self.peer.child.outbound.spi.hex(), encryption=self.peer.child.suite.encryption,
                        key_bits=self.peer.child.suite.key_bits, esn=self.peer.child.esn)
