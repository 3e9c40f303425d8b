"""The dynamic-author server over the wire: what must be met with silence and a counter, and what each answer holds."""

import time
from dataclasses import dataclass, field

import radius_packets as rp
from conftest import PSK_USER
from dae_scenes import DaeClient, counters, moved
from gateway import Settings
from held import Held
from lab import DIRECT, HOST, RADIUS
from net import wait_for
from radius import DAE_SECRET
from radius_packets import audit_id, packet
from scenes import RADIUS_SIDE, logged_in, login_of, ping, stop_of

#: A client that must prove itself and date its packets, and is answered in the RFC's way.
STRICT = (f'{{address = "{HOST}", server-key = "{DAE_SECRET}", profile = "rfc5176", require-message-authenticator = true, '
          "require-event-timestamp = true},")
#: A client on the gateway itself. Its packets may be longer than a link's 1500 octets: the af_packet driver under the lab's
#: ports takes no fragments (the kernel joins them in front of it, and the whole does not fit into its frames).
LOCAL = f'{{address = "{RADIUS_SIDE}", server-key = "{DAE_SECRET}"}},'
REFUSED = ("discon_requests", "discon_naks", "discon_nak_sess_no_context")
NO_SESSION_AS_THE_DOCUMENT = b"\x12\x15No Matching Session" + b"\x65\x06\x00\x00\x01\x94"


def stamped(offset: int = 0) -> bytes:
    return rp.attribute(rp.EVENT_TIMESTAMP, int(time.time()) + offset)


@dataclass
class Silent:
    """A datagram that gets no answer: what it moves, beside no other counter at all."""
    what: str
    octets: bytes
    moves: dict[str, int] = field(default_factory=dict)
    source: str = RADIUS


def silent(what: str, octets: bytes, reason: str, *names: str, source: str = RADIUS) -> Silent:
    return Silent(what, octets, {f"{source} {name}": 1 for name in (f"silent {reason}", *names)}, source)


def wrong_shapes(ids: bytes) -> list[Silent]:
    """Steps 2 to 4 of the server: lengths, codes, attributes. `ids` name a living session."""
    good = packet(ids)
    malformed = ("malformed", "discon_requests", "malformed_discon_requests")
    cases = [silent(f"{len(part)} octets", part, "truncated", "malformed_discon_requests")
             for part in (good[:1], good[:19], good[:20], good[:-1])]
    cases += [silent(f"Length {length}", rp.with_length(good, length), reason, "malformed_discon_requests")
              for length, reason in ((len(good) + 1, "truncated"), (19, "bad-length"), (0, "bad-length"), (4097, "bad-length"))]
    filled = [rp.attribute(rp.PROXY_STATE, bytes(253))] * 15
    filled.append(rp.attribute(rp.PROXY_STATE, bytes(rp.LONGEST + 1 - rp.HEADER - len(ids) - 15 * 255 - 2)))
    too_long = packet(ids, *filled)
    assert len(too_long) == rp.LONGEST + 1
    cases.append(silent("4097 octets, all of them there", too_long, "bad-length", "malformed_discon_requests", source=RADIUS_SIDE))
    for code in (0, rp.ACCESS_REQUEST, 2, rp.ACCOUNTING_REQUEST, rp.STATUS_SERVER, rp.DISCONNECT_ACK, rp.COA_NAK, 99, 255):
        cases.append(silent(f"code {code}", packet(ids, code=code), "unknown-code", "unknown_types"))
    for what, tail in (("an attribute of length 0", b"\x01\x00"), ("of length 1", b"\x01\x01"), ("past the end", b"\x01\x09alice"),
                       ("one octet", b"\x01"), ("of length 0 in the middle", b"\x01\x00" + ids)):
        cases.append(silent(what, packet(ids, tail), *malformed))
    cases.append(silent("a CoA-Request cut short", packet(ids, code=rp.COA_REQUEST)[:-1], "truncated", "malformed_coa_requests"))
    cases.append(silent("a CoA-Request with an attribute of length 1", packet(ids, b"\x01\x01", code=rp.COA_REQUEST), "malformed",
                        "coa_requests", "malformed_coa_requests"))
    return cases


def wrong_proofs(ids: bytes) -> list[Silent]:
    """Steps 5 to 7: keys and times."""
    good = packet(ids)
    forged = rp.attribute(rp.MESSAGE_AUTHENTICATOR, b"\xaa" * 16)
    bad = ("discon_requests", "discon_bad_authenticators")
    cases = [silent("another key", packet(ids, secret="not the secret at all"), "bad-authenticator", *bad),
             silent("an authenticator of zeros", good[:4] + bytes(16) + good[20:], "bad-authenticator", *bad),
             silent("one bit of an id", good[:-1] + bytes((good[-1] ^ 1,)), "bad-authenticator", *bad),
             silent("a CoA-Request with another key", packet(ids, code=rp.COA_REQUEST, secret="x"), "bad-authenticator",
                    "coa_requests", "coa_bad_authenticators"),
             silent("a wrong Message-Authenticator", packet(ids, forged), "bad-message-authenticator", *bad),
             silent("a short Message-Authenticator", packet(ids, forged[:1] + b"\x11" + forged[2:17]), "bad-message-authenticator",
                    *bad),
             silent("two Message-Authenticators", packet(rp.SIGNED, ids, forged), "bad-message-authenticator", *bad)]
    dropped = ("discon_requests", "discon_packets_dropped")
    cases += [silent(f"a time {offset:+d} s off", packet(ids, stamped(offset)), "stale-timestamp", *dropped)
              for offset in (-310, 310, -86400)]
    cases.append(silent("a time of three octets", packet(ids, rp.attribute(rp.EVENT_TIMESTAMP, b"\x01\x02\x03")), "stale-timestamp",
                        *dropped))
    cases.append(silent("no Message-Authenticator", packet(ids, stamped()), "missing-message-authenticator", *dropped, source=HOST))
    cases.append(silent("no Event-Timestamp", packet(ids, rp.SIGNED), "missing-timestamp", *dropped, source=HOST))
    return cases


def test_what_is_wrong_gets_no_answer_and_its_own_counter(lab_with):
    lab = lab_with(Settings(dae_clients=STRICT + LOCAL))
    swan, session = logged_in(lab, lab.direct)
    ids = audit_id(session["audit_session_id"])
    known = DaeClient(lab)
    strict, local = DaeClient(lab, HOST), DaeClient(lab, RADIUS_SIDE, host=lab.gw)
    stranger = DaeClient(lab, DIRECT, host=lab.direct, gateway=lab.gateway.OUTSIDE)
    cases = [*wrong_shapes(ids), *wrong_proofs(ids),
             Silent("a stranger", packet(ids), {"server discon_invalid_client_addresses": 1}, DIRECT),
             Silent("a stranger's CoA-Request", packet(ids, code=rp.COA_REQUEST), {"server coa_invalid_client_addresses": 1}, DIRECT)]
    for case in cases:
        before = counters(lab)
        {RADIUS: known, HOST: strict, RADIUS_SIDE: local, DIRECT: stranger}[case.source].send(case.octets)
        assert moved(lab, before) == case.moves, case.what
        known.expect_silence()
    assert not [client for client in (strict, local, stranger) if client.arrived()]
    assert lab.gateway.session_of(PSK_USER)["id"] == session["id"], "all of them named it, and it lives"
    ping(lab, swan, swan.inner_address())
    ack = known.ask(packet(ids, identifier=known.identifier()))
    assert (ack.code, len(ack.octets)) == (rp.DISCONNECT_ACK, rp.HEADER)
    assert lab.gateway.sessions() == []
    assert stop_of(lab, session["audit_session_id"])["Acct-Terminate-Cause"] == "Admin-Reset"


def test_octets_behind_the_packet_are_padding(lab_with):
    lab = lab_with(Settings(dae_clients=LOCAL))
    _, session = logged_in(lab, lab.direct)
    ids = audit_id(session["audit_session_id"])
    before = counters(lab)
    for client in (DaeClient(lab), DaeClient(lab, RADIUS_SIDE, host=lab.gw)):
        request = packet(audit_id("nobody"), identifier=client.identifier())
        nak = client.ask(request, padding=1)
        assert nak.octets[rp.HEADER:] == NO_SESSION_AS_THE_DOCUMENT
    assert client.ask(request, padding=9000).octets == nak.octets, "padded in another way, it is the same request"
    ack = client.ask(packet(ids, identifier=client.identifier()), padding=rp.LONGEST)
    assert ack.code == rp.DISCONNECT_ACK
    assert moved(lab, before) == {f"{RADIUS} {name}": 1 for name in REFUSED} | {f"{RADIUS_SIDE} {name}": by for name, by in {
        **dict.fromkeys(REFUSED, 1), "discon_requests": 3, "dup_discon_requests": 1, "discon_acks": 1,
        "discon_user_sess_removed": 1}.items()}


def test_a_repeated_request_gets_the_same_octets_and_is_done_once(lab_with):
    lab = lab_with()
    _, session = logged_in(lab, lab.direct)
    audit = session["audit_session_id"]
    client, other_port = DaeClient(lab), DaeClient(lab)
    refused = packet(audit_id("nobody"), identifier=7)
    nak = client.ask(refused)
    before = counters(lab)
    assert client.ask(refused).octets == nak.octets
    repeated = {f"{RADIUS} discon_requests": 1, f"{RADIUS} dup_discon_requests": 1}
    assert moved(lab, before) == repeated
    fresh = {f"{RADIUS} {name}": 1 for name in REFUSED}
    for client_of, again in ((other_port, refused), (client, packet(audit_id("nobody else"), identifier=7))):
        before = counters(lab)
        assert client_of.ask(again).code == rp.DISCONNECT_NAK
        assert moved(lab, before) == fresh, "another port or another authenticator: another request"

    request = packet(audit_id(audit), identifier=8)
    before = counters(lab)
    with Held(lab.gateway.dataplane.pid, 0.4):  # its manager, which removes SAs: the answer has to wait
        client.send(request)
        client.send(request)
        assert client.arrived(0.2) is None, "neither may be answered yet"
    ack = rp.verified(client.arrived(5), request)
    assert ack.code == rp.DISCONNECT_ACK
    assert moved(lab, before) == {f"{RADIUS} discon_requests": 2, **{f"{RADIUS} {name}": 1 for name in (
        "dup_discon_requests", "silent in-progress", "discon_acks", "discon_user_sess_removed")}}
    assert client.arrived() is None, "one answer for two requests"
    before = counters(lab)
    assert client.ask(request).octets == ack.octets, "the same answer although there is no session any more"
    assert moved(lab, before) == repeated
    client.expect_silence()
    stop_of(lab, audit)
    wait_for("the Stop's acknowledgement", lambda: "portcullis_accounting_waiting 0" in lab.gateway.ctl("metrics"))
    assert len(lab.radius.stops(audit)) == 1


def answer_in_kind(client: DaeClient, code: int, *ids: bytes) -> tuple[rp.Answer, list[int]]:
    """Asks with everything that an answer gives back, verifies that, and returns what the answer has of its own."""
    states = [rp.attribute(rp.PROXY_STATE, value) for value in (b"\x00\x01", b"b" * 253, b"c", b"\x00\x01")]
    request = packet(states[0], rp.SIGNED, states[1], *ids, stamped(-200), *states[2:], code=code, identifier=client.identifier())
    answer = client.ask(request)
    assert answer.values(rp.PROXY_STATE) == [state[2:] for state in states], "all, unchanged, in their order"
    assert answer.kinds[0] == rp.MESSAGE_AUTHENTICATOR and answer.kinds.count(rp.MESSAGE_AUTHENTICATOR) == 1
    assert abs(answer.number(rp.EVENT_TIMESTAMP) - time.time()) <= 2, "our own time"
    given_back = (rp.MESSAGE_AUTHENTICATOR, rp.PROXY_STATE, rp.EVENT_TIMESTAMP)
    return answer, [kind for kind in answer.kinds if kind not in given_back]


def check_refusals(lab, client: DaeClient, no_session: int, message: list[int]) -> None:
    """What is refused carries its Error-Cause in both profiles, only "no session" differs."""
    answer, own = answer_in_kind(client, rp.DISCONNECT_REQUEST, audit_id("nobody"))
    assert (answer.code, own) == (rp.DISCONNECT_NAK, [*message, rp.ERROR_CAUSE])
    assert answer.number(rp.ERROR_CAUSE) == no_session
    for ids, cause in ((b"", 402), (rp.address(4, "192.0.2.77") + audit_id("nobody"), 403), (rp.attribute(rp.NAS_PORT, 1), 401),
                       (rp.attribute(rp.FRAMED_IP_ADDRESS, b"abc"), 407)):
        answer, own = answer_in_kind(client, rp.DISCONNECT_REQUEST, ids)
        assert (answer.code, own, answer.number(rp.ERROR_CAUSE)) == (rp.DISCONNECT_NAK, [rp.ERROR_CAUSE], cause)
    user = rp.attribute(rp.USER_NAME, PSK_USER)
    for more, cause in ((rp.attribute(rp.SESSION_TIMEOUT, 60), 406), (rp.attribute(rp.SERVICE_TYPE, 17), 405)):
        before = counters(lab)
        answer, own = answer_in_kind(client, rp.COA_REQUEST, user, more)
        assert (answer.code, own, answer.number(rp.ERROR_CAUSE)) == (rp.COA_NAK, [rp.ERROR_CAUSE], cause)
        kinds = ("coa_requests", "coa_naks") if cause == 406 else ("coa_requests", "coa_naks", "coa_auth_only_requests",
                                                                 "coa_nak_auth_only_requests")
        assert {name.split()[1]: by for name, by in moved(lab, before).items()} == {kind: 1 for kind in kinds}


def test_answers_give_back_what_the_request_had(lab_with):
    lab = lab_with(Settings(dae_clients=STRICT + LOCAL))
    swan = lab.strongswan(lab.direct)
    swan.configure(login_of(lab, "psk"))
    for source, no_session, message, own_of_ack in ((RADIUS, 404, [rp.REPLY_MESSAGE], []), (HOST, 503, [], [rp.ACCT_TERMINATE_CAUSE])):
        assert swan.login()[0]
        session = lab.gateway.session_of(PSK_USER)
        client = DaeClient(lab, source)
        check_refusals(lab, client, no_session, message)
        assert lab.gateway.session_of(PSK_USER)["id"] == session["id"], "no refusal and no CoA-Request touches a session"
        answer, own = answer_in_kind(client, rp.DISCONNECT_REQUEST, audit_id(session["audit_session_id"]))
        assert (answer.code, own) == (rp.DISCONNECT_ACK, own_of_ack)
        wait_for("the Delete at the client", lambda: "ESTABLISHED" not in swan.sas())
    plain = DaeClient(lab, RADIUS_SIDE, host=lab.gw)
    nak = plain.ask(packet(audit_id("nobody"), identifier=1))
    assert nak.octets[rp.HEADER:] == NO_SESSION_AS_THE_DOCUMENT, "nothing comes back that was not in the request"
    states = [rp.attribute(rp.PROXY_STATE, bytes((number,)) * 253) for number in range(15)]
    rest = rp.LONGEST - rp.HEADER - len(audit_id("nobody")) - 15 * 255
    full = packet(audit_id("nobody"), *states, rp.attribute(rp.PROXY_STATE, b"z" * (rest - 2)), identifier=2)
    assert len(full) == rp.LONGEST
    nak = plain.ask(full)
    assert [value[:1] for value in nak.values(rp.PROXY_STATE)] == [bytes((number,)) for number in range(15)] + [b"z"]
