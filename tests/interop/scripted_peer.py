#!/usr/bin/python3
"""A scripted IKEv2 client which plays Windows, iOS or Android, and carries its ESP itself, in UDP or (--native) as IP protocol 50.

    scripted_peer.py --gateway 192.0.2.1 --psk KEY --id NAME --persona android --stream 10.10.0.2:7000 --seconds 5
    scripted_peer.py --gateway 192.0.2.1 --user alice --password secret --persona windows --ca ca.pem --commands

Prints one JSON object a line: {"time": …, "event": …, …}. Exit status 0: the login and all that was asked for worked; 1: it did not
(the last event says why); 2: wrong usage.

With --commands it obeys lines on its standard input until `quit` or the end:
    stream ADDRESS:PORT RATE [SIZE] | stream off | ping ADDRESS [COUNT] | rekey-child [pfs] | rekey-ike | dpd
    deaf | hear        the gateway's requests, its Delete among them, are not seen (lost on their way) | are seen
    replay             sends the last ESP packet once more, octet for octet
    broken ADDRESS:PORT    sends a datagram whose ESP packet has one wrong bit in its ICV
    sequence NUMBER    the last ESP packet is taken to have had this sequence number (beyond 2^32 with ESN)
    status | logout | quit
and `go` while the login is held (--hold).

`--deaf` makes a client that never sees the Delete of a revocation and goes on sending; without it the client stops at the Delete.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scripted.eap import MD5, MSCHAPV2, EapError  # noqa: E402
from scripted.peer import Peer  # noqa: E402
from scripted.persona import ESP_BY_NAME, PERSONAS  # noqa: E402
from scripted.record import Record  # noqa: E402
from scripted.terms import ANSWERS, PeerError, Settings  # noqa: E402
from scripted.traffic import Traffic  # noqa: E402


def tell(event: str, **facts) -> None:
    print(json.dumps({"time": round(time.time(), 6), "event": event, **facts}), flush=True)


class Program:
    """Runs what the command line or the standard input asks for."""

    def __init__(self, arguments: argparse.Namespace, peer: Peer):
        self.arguments, self.peer = arguments, peer
        self.traffic = Traffic(peer, arguments.source_port)
        self.failed = False
        self._input = ""
        peer.settings.before_answer = self.hold
        self._rekeys = 0

    def run(self) -> int:
        try:
            self.peer.login()
        except (PeerError, EapError) as error:
            tell("login_failed", error=str(error))
            return 1
        self.peer.deaf = self.arguments.deaf
        if self.arguments.stream:
            self._stream(self.arguments.stream, self.arguments.rate, self.arguments.size)
        if self.arguments.commands:
            self._obey()
        else:
            self._turn(self.arguments.seconds)
            self.traffic.stop()
            self._turn(0.3)  # what is still under way
            if not self.peer.deleted and not self.arguments.leave:
                self._try("logout", self.peer.logout)
        tell("finished", **self.traffic.facts(), deleted=self.peer.deleted)
        return 1 if self.failed else 0

    def _turn(self, seconds: float) -> None:
        """Lets time pass: traffic, Deletes, and the child rekeys that the persona or --rekey-child-octets ask for."""
        until = time.monotonic() + seconds
        while self.peer.pump(until, self._rekey_due):
            self._rekey_child()

    def _rekey_due(self) -> bool:
        if self.peer.deleted:
            self.traffic.stop()
        limit, child = self.peer.settings.persona.child_rekey_octets, self.peer.child
        return bool(limit and child and not self.peer.deleted and child.sent_octets + child.received_octets >= limit)

    def _rekey_child(self, pfs: bool | None = None) -> None:
        group = self.peer.settings.persona.child_pfs
        if pfs is None:  # as iOS does: with a group and without, in turn
            pfs = bool(group) and self._rekeys % 2 == 0
        self._rekeys += 1
        self._try("child rekey", lambda: self.peer.rekey_child((group or self.peer.settings.persona.group) if pfs else 0))

    def _try(self, what: str, action) -> None:
        try:
            action()
        except PeerError as error:
            self.failed = True
            self.peer.settings.persona.child_rekey_octets = 0  # once is enough
            tell("failed", what=what, error=str(error))

    def _stream(self, target: str, rate: float, size: int) -> None:
        address, port = target.rsplit(":", 1)
        self.traffic.start(address, int(port), rate, size)

    def _lines(self) -> list[str] | None:
        """What the standard input has by now; None at its end."""
        os.set_blocking(0, False)
        try:
            data = os.read(0, 65536)
        except BlockingIOError:
            return []
        *lines, self._input = (self._input + data.decode()).split("\n")
        return lines if data else None

    def _obey(self) -> None:
        while (lines := self._lines()) is not None:
            for line in lines:
                if line.strip() == "quit":
                    return
                self._command(line.split())
            self._turn(0.02)

    def hold(self, answer: str) -> None:
        """Stands still before one answer of the login, until `go`."""
        if answer != self.arguments.hold:
            return
        tell("held", before=answer)
        while (lines := self._lines()) is not None and "go" not in lines:
            self.peer.pump(time.monotonic() + 0.02)

    def _command(self, words: list[str]) -> None:
        if not words:
            return
        peer, (word, *rest) = self.peer, words
        if word == "stream" and rest == ["off"]:
            self.traffic.stop()
        elif word == "stream" and len(rest) >= 2:
            self._stream(rest[0], float(rest[1]), int(rest[2]) if len(rest) > 2 else 200)
        elif word == "ping" and rest:
            self._ping(rest[0], int(rest[1]) if len(rest) > 1 else 1)
        elif word == "rekey-child":
            self._rekey_child(rest == ["pfs"])
        elif word == "rekey-ike":
            self._try("IKE rekey", peer.rekey_ike)
        elif word == "dpd":
            tell("dpd", alive=peer.dpd())
        elif word in ("deaf", "hear"):
            peer.deaf = word == "deaf"
        elif word == "replay":
            peer.send_again()
        elif word == "broken" and rest:
            self.traffic.send_one(rest[0], lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]))
        elif word == "sequence" and rest and peer.child:
            peer.child.sequence = int(rest[0])
        elif word == "status":
            tell("status", **self.traffic.facts(), deleted=peer.deleted)
        elif word == "logout":
            self._try("logout", peer.logout)
        else:
            self.failed = True
            tell("failed", what=" ".join(words), error="no such command")

    def _ping(self, address: str, count: int) -> None:
        self.traffic.echoes.clear()
        for number in range(1, count + 1):
            self.traffic.ping(address, number)
            self.peer.pump(time.monotonic() + 1, lambda: number in self.traffic.echoes)
        tell("ping", address=address, sent=count, received=len(self.traffic.echoes))


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gateway", required=True, help="its outer address")
    parser.add_argument("--persona", choices=PERSONAS, default="plain")
    parser.add_argument("--psk", default="")
    parser.add_argument("--user", default="", help="log in with EAP as this user")
    parser.add_argument("--password", default="")
    parser.add_argument("--eap", choices=["mschapv2", "md5"], default="mschapv2")
    parser.add_argument("--id", default="", help="IDi; default with EAP: the persona's private address, else the user")
    parser.add_argument("--id-kind", choices=["fqdn", "email", "address", "keyid"], default="")
    parser.add_argument("--gateway-id", default="", help="IDr")
    parser.add_argument("--ca", default="", help="PEM file of the authority behind the gateway's certificate")
    parser.add_argument("--local", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=500, help="our IKE port (4500 beside it); 0: any two")
    parser.add_argument("--gateway-port", type=int, default=500)
    parser.add_argument("--gateway-nat-port", type=int, default=4500)
    parser.add_argument("--native", action="store_true", help="claim no NAT: ESP as IP protocol 50, by scapy (AES-GCM)")
    parser.add_argument("--record", default="", metavar="FILE", help="a pcap of all inner packets, sent and received")
    parser.add_argument("--hold", choices=ANSWERS, default="", help="stand still before this answer of an EAP login until `go`")
    parser.add_argument("--esp", choices=ESP_BY_NAME, action="append", help="in place of the persona's ESP proposals")
    parser.add_argument("--rekey-child-octets", type=int, help="in place of the persona's")
    parser.add_argument("--stream", metavar="ADDRESS:PORT", help="a numbered UDP stream through the tunnel")
    parser.add_argument("--rate", type=float, default=100, help="datagrams a second")
    parser.add_argument("--size", type=int, default=200, help="octets of UDP payload")
    parser.add_argument("--source-port", type=int, default=40000)
    parser.add_argument("--seconds", type=float, default=3, help="how long to stay")
    parser.add_argument("--deaf", action="store_true", help="after the login, see no request of the gateway")
    parser.add_argument("--leave", action="store_true", help="go without a Delete")
    parser.add_argument("--no-initial-contact", action="store_true")
    parser.add_argument("--timeout", type=float, default=2.0, help="until the first retransmission; doubles")
    parser.add_argument("--tries", type=int, default=4)
    parser.add_argument("--commands", action="store_true", help="obey lines on the standard input")
    arguments = parser.parse_args(argv)
    if bool(arguments.psk) == bool(arguments.user):
        parser.error("either --psk or --user")
    if arguments.psk and not arguments.id:
        parser.error("--psk needs --id")
    return arguments


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    persona = PERSONAS[arguments.persona]()
    if arguments.esp:
        persona.esp = [ESP_BY_NAME[name] for name in arguments.esp]
    if arguments.rekey_child_octets is not None:
        persona.child_rekey_octets = arguments.rekey_child_octets
    peer = Peer(Settings(arguments.gateway, persona, arguments.local, arguments.port, arguments.gateway_port,
                         arguments.gateway_nat_port, arguments.id, arguments.id_kind, arguments.gateway_id, arguments.psk,
                         arguments.user, arguments.password, MD5 if arguments.eap == "md5" else MSCHAPV2, arguments.ca,
                         not arguments.no_initial_contact, arguments.timeout, arguments.tries, arguments.native), tell)
    if arguments.record:
        peer.record = Record(arguments.record)
    try:
        return Program(arguments, peer).run()
    finally:
        peer.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
