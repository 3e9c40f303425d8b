"""Disconnects as policy servers really send them, through radclient, in both client profiles; and one that means several."""

import time

from conftest import PSK_USER
from dae_scenes import counters
from gateway import Gateway, Settings
from lab import DIRECT, HOST, NAT, RADIUS, ip_packets
from net import wait_for
from radius import DAE_SECRET, disconnect
from scenes import RADIUS_SIDE, login_of, ping, stop_of
from strongswan import Login

LENIENT, MANY = "10.10.0.21", "10.10.0.22"  # two more addresses of the inside host
CLIENTS = (f'{{address = "{HOST}", server-key = "{DAE_SECRET}", profile = "rfc5176"}}, '
           f'{{address = "{LENIENT}", server-key = "{DAE_SECRET}", profile = "rfc5176", tolerate = [5, 6, 26, 49, 61]}}, '
           f'{{address = "{MANY}", server-key = "{DAE_SECRET}", profile = "rfc5176", max-sessions-per-request = 5}},')
CISCO_NO_SESSION = {"Reply-Message": "No Matching Session", "Error-Cause": "Invalid-Request"}
RFC_NO_SESSION = {"Error-Cause": "Session-Context-Not-Found"}
PROVED = {"Message-Authenticator", "Event-Timestamp"}

Pairs = list[tuple[str, str]]


def ask(lab, source: str, pairs: Pairs):
    """radclient binds to the address that Packet-Src-IP-Address names."""
    return disconnect(lab.inside, RADIUS_SIDE, [("Packet-Src-IP-Address", source), *pairs])


def nas_port(session: dict) -> Pairs:
    """PacketFence to a wireless controller (its issue 1819 shows the packet): the port is always 1."""
    return [("NAS-IP-Address", RADIUS_SIDE), ("NAS-Port", "1"), ("Service-Type", "Login-User"),
            ("Calling-Station-Id", session["calling_station_id"])]


def packetfence(session: dict) -> Pairs:
    """PacketFence to a switch: a cause, which RFC 5176 §3.6 allows in an ACK only."""
    return [("NAS-IP-Address", RADIUS_SIDE), ("Calling-Station-Id", session["calling_station_id"]),
            ("Acct-Terminate-Cause", "Admin-Reset")]


def packetfence_accounting(session: dict) -> Pairs:
    """PacketFence with what it knows from accounting, and a command for switches that only know CoA."""
    return [("NAS-IP-Address", RADIUS_SIDE), ("Acct-Session-Id", session["acct_session_id"]), ("User-Name", session["user_name"]),
            ("Service-Type", "Login-User"), ("Cisco-AVPair", "subscriber:command=reauthenticate")]


def ise(session: dict) -> Pairs:
    """Cisco ISE to a VPN gateway: everything at once, signed and dated."""
    return [("NAS-IP-Address", RADIUS_SIDE), ("Calling-Station-Id", session["calling_station_id"]), ("Service-Type", "Framed-User"),
            ("NAS-Port-Type", "Virtual"), ("Acct-Terminate-Cause", "Admin-Reset"), ("Event-Timestamp", str(int(time.time()))),
            ("Message-Authenticator", "0x00"), ("Cisco-AVPair", "coa-push=true"),
            ("Cisco-AVPair", f"audit-session-id={session['audit_session_id']}")]


def logged_in(lab, swan) -> dict:
    came_up, output = swan.login()
    assert came_up, output
    return lab.gateway.session_of("alice")


def extra_clients_lab(lab_with, **more):
    lab = lab_with(Settings(dae_clients=CLIENTS, **more))
    lab.inside.address("eth0", f"{LENIENT}/16", f"{MANY}/16")
    return lab


def test_disconnects_as_servers_send_them(lab_with):
    lab = extra_clients_lab(lab_with)
    swan = lab.strongswan(lab.direct)
    swan.configure(login_of(lab, "eap-mschapv2"))
    session = logged_in(lab, swan)
    for shape, extra in ((packetfence, 1), (packetfence_accounting, 2), (ise, 4)):
        strict = ask(lab, HOST, shape(session))
        assert (strict.code, strict.attributes["Error-Cause"]) == ("Disconnect-NAK", "Unsupported-Attribute"), "strictly RFC 5176"
        assert lab.gateway.session_of("alice")["id"] == session["id"]
        for source, own in ((RADIUS, {}), (LENIENT, {"Acct-Terminate-Cause": "Admin-Reset"})):
            before = counters(lab)
            reply = ask(lab, source, shape(session))
            assert reply.code == "Disconnect-ACK", (shape.__name__, reply.text)
            given_back = PROVED if shape is ise else set()
            assert set(reply.attributes) == set(own) | given_back and own.items() <= reply.attributes.items()
            if not given_back and not own:
                assert "length 20" in reply.text.split("Received")[1]
            after = counters(lab)
            assert after[f"{source} tolerated_attributes"] - before[f"{source} tolerated_attributes"] == extra
            stop_of(lab, session["audit_session_id"])
            session = logged_in(lab, swan)
    log = lab.gateway.controlplane.output()
    for what in ("ignored attribute 49", "ignored attribute 6", "ignored attribute 61", "ignored attribute 26 coa-push"):
        assert what in log
    assert "ignored attribute 26 coa-push=" not in log, "the name, not the value"

    # NAS-Port is an id by RFC 5176 §3, and one that no session here has: not to be passed over unless the operator says so.
    for source in (RADIUS, HOST):
        reply = ask(lab, source, nas_port(session))
        assert (reply.code, reply.attributes["Error-Cause"]) == ("Disconnect-NAK", "Unsupported-Attribute")
    assert lab.gateway.session_of("alice")["id"] == session["id"]
    assert ask(lab, LENIENT, nas_port(session)).code == "Disconnect-ACK"
    for source in (RADIUS, LENIENT):  # with no session: the profile's own words
        reply = ask(lab, source, ise(session))
        expected = CISCO_NO_SESSION if source == RADIUS else RFC_NO_SESSION
        assert reply.code == "Disconnect-NAK"
        assert {name: value for name, value in reply.attributes.items() if name not in PROVED} == expected


def disagreements(one: dict, other: dict) -> list[tuple[Pairs, str]]:
    """Ids that do not name one session, or not this gateway; and the Error-Cause of the latter."""
    audit = lambda session: ("Cisco-AVPair", f"audit-session-id={session['audit_session_id']}")  # noqa: E731
    mine = audit(one)
    return [([mine, ("User-Name", other["user_name"])], ""),
            ([mine, ("Framed-IP-Address", other["framed_ip_address"])], ""),
            ([mine, ("Acct-Session-Id", other["acct_session_id"])], ""),
            ([mine, audit(other)], ""),
            ([("User-Name", one["user_name"]), ("User-Name", other["user_name"])], ""),
            ([("User-Name", one["user_name"].upper())], ""),
            ([("Acct-Session-Id", one["acct_session_id"][1:])], ""),
            ([("Acct-Session-Id", "0" + one["acct_session_id"])], ""),
            ([("Cisco-AVPair", f"audit-session-id={one['audit_session_id'][:-1]}")], ""),
            ([mine, ("NAS-IP-Address", RADIUS)], "NAS-Identification-Mismatch"),
            ([mine, ("NAS-IP-Address", Gateway.OUTSIDE)], "NAS-Identification-Mismatch"),
            ([mine, ("NAS-Identifier", "Lab")], "NAS-Identification-Mismatch"),
            ([mine, ("NAS-IP-Address", RADIUS_SIDE), ("NAS-Identifier", "another")], "NAS-Identification-Mismatch"),
            ([("NAS-IP-Address", RADIUS_SIDE), ("NAS-Identifier", "lab")], "Missing-Attribute")]


def test_every_id_must_agree(lab_with):
    lab = extra_clients_lab(lab_with)
    swan, neighbour = lab.strongswan(lab.client), lab.strongswan(lab.direct, "neighbour")
    swan.configure(login_of(lab, "eap-mschapv2"))
    neighbour.configure(login_of(lab, "psk"))
    session = logged_in(lab, swan)
    assert neighbour.login()[0]
    other = lab.gateway.session_of(PSK_USER)
    assert (session["calling_station_id"], other["calling_station_id"]) == (NAT, DIRECT)
    for pairs, cause in disagreements(session, other):
        for source, no_session in ((RADIUS, CISCO_NO_SESSION), (HOST, RFC_NO_SESSION)):
            reply = ask(lab, source, pairs)
            assert (reply.code, reply.attributes) == ("Disconnect-NAK", {"Error-Cause": cause} if cause else no_session), pairs
    assert {each["id"] for each in lab.gateway.sessions()} == {session["id"], other["id"]}
    everything = [("Cisco-AVPair", f"audit-session-id={session['audit_session_id']}"), ("User-Name", "alice"),
                  ("Acct-Session-Id", session["acct_session_id"]), ("Framed-IP-Address", session["framed_ip_address"]),
                  ("Calling-Station-Id", NAT), ("NAS-IP-Address", RADIUS_SIDE), ("NAS-Identifier", "lab")]
    assert ask(lab, RADIUS, everything).code == "Disconnect-ACK"
    assert [each["id"] for each in lab.gateway.sessions()] == [other["id"]]
    assert ask(lab, HOST, [("NAS-Identifier", "lab"), ("Calling-Station-Id", DIRECT)]).code == "Disconnect-ACK"
    assert lab.gateway.sessions() == []


USERS = [PSK_USER, "depot.lab.example", "alice"]


def three_sessions(lab, swan) -> list[dict]:
    swan.configure(login_of(lab, "psk"), Login("psk", USERS[1], "the depot's own key"), login_of(lab, "eap-mschapv2"))
    for child in ("net", "net2", "net3"):
        came_up, output = swan.login(child=child)
        assert came_up, output
    sessions = [lab.gateway.session_of(user) for user in USERS]
    for session in sessions:
        ping(lab, swan, session["framed_ip_address"])
    return sessions


def streams(lab, sessions: list[dict]) -> list:
    """To each of the sessions, and from each of them."""
    running = []
    for number, inner in enumerate(session["framed_ip_address"] for session in sessions):
        running.append(lab.traffic(lab.inside, "send", inner, f"700{number}", "300", "20"))
        running.append(lab.adopt(lab.direct.start(f"ping {inner}", ["ping", "-q", "-i", "0.005", "-I", inner, HOST], lab.directory)))
    for session in sessions:
        wait_for("the streams", lambda: lab.gateway.session_of(session["user_name"])["in_packets"] > 50)
    return running


def test_one_disconnect_ends_all_that_match_or_none(lab_with):
    lab = extra_clients_lab(lab_with, psk_users={PSK_USER: "a pre-shared key of the lab", USERS[1]: "the depot's own key"})
    lab.radius.set_user(USERS[1], 'Cleartext-Password := "cisco"')
    swan = lab.strongswan(lab.direct)
    captures = lab.capture(lab.inside, "eth0"), lab.capture(lab.net, "p-gw")
    sessions = three_sessions(lab, swan)
    running = streams(lab, sessions)
    everyone = [("Calling-Station-Id", DIRECT)]
    for source in (RADIUS, HOST):
        reply = ask(lab, source, everyone)
        assert (reply.code, reply.attributes) == ("Disconnect-NAK", {"Error-Cause": "Multiple-Session-Selection-Unsupported"})
    assert [lab.gateway.session_of(session["user_name"])["id"] for session in sessions] == [session["id"] for session in sessions]
    before = counters(lab)
    moment = time.time()
    assert ask(lab, MANY, everyone).code == "Disconnect-ACK"
    assert lab.gateway.sessions() == []
    assert counters(lab)[f"{MANY} discon_user_sess_removed"] - before[f"{MANY} discon_user_sess_removed"] == 3
    until = time.monotonic() + 0.3
    wait_for("0.3 s more of the streams", lambda: time.monotonic() > until, 2)
    wait_for("the Deletes", lambda: swan.log().count("received DELETE for IKE_SA") == 3)
    for stream in running:
        stream.stop()
    inside, outside = (ip_packets(capture.stop()) for capture in captures)
    inner = [session["framed_ip_address"] for session in sessions]
    stops = [stop_of(lab, session["audit_session_id"]) for session in sessions]
    forwarded_in = [p for p in inside if p.source in inner]
    forwarded_out = [p for p in outside if p.destination == DIRECT and p.is_esp]
    ack = min(p.when for p in inside if p.ports[0] == 3799 and p.destination == MANY)
    assert ack > moment
    assert not [p for p in (*forwarded_in, *forwarded_out) if p.when > ack], "nothing of any of them after the one ACK"
    assert [p for p in inside if p.when > ack and p.destination in inner], "the host went on sending"
    assert not [p for p in outside if {p.source, p.destination} & set(inner)], "in clear"
    for stop, address in zip(stops, inner):
        assert stop["Acct-Terminate-Cause"] == "Admin-Reset"
        assert int(stop["Acct-Input-Packets"]) == len([p for p in forwarded_in if p.source == address])
    assert sum(int(stop["Acct-Output-Packets"]) for stop in stops) == len(forwarded_out)
