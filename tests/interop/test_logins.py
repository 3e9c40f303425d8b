"""Real strongSwan clients through real FreeRADIUS: each way to log in, with and without a NAT, one worker and two."""

import json

import pytest

from conftest import PSK_USER
from dae_scenes import counters
from gateway import Settings
from lab import DIRECT, HOST, NAT
from net import wait_for
from radius import disconnect
from scenes import RADIUS_SIDE, Wires, logged_in, login_of, ping, pod, stop_of


@pytest.mark.parametrize("method, direct, workers", [
    ("psk", True, [1, 0]),
    ("certificate", False, [1]),
    ("eap-mschapv2", False, [1, 0]),
    ("eap-tls", False, [1]),
])
def test_login_traffic_and_revocation(lab_with, method, direct, workers):
    lab = lab_with(Settings(workers=workers))
    swan = lab.strongswan(lab.direct if direct else lab.client)
    login = login_of(lab, method)
    swan.configure(login)
    came_up, output = swan.login()
    assert came_up, output
    session = lab.gateway.session_of(login.identity)
    inner = swan.inner_address()
    wires = Wires(lab, inner, DIRECT if direct else NAT)
    ping(lab, swan, inner)
    assert pod(lab, session["audit_session_id"]).code == "Disconnect-ACK"
    stop = stop_of(lab, session["audit_session_id"])
    wires.stop()
    wires.matches(stop)
    assert stop["Acct-Terminate-Cause"] == "Admin-Reset"
    assert stop["User-Name"] == login.identity
    assert not wires.clear
    wait_for("the Delete at the client", lambda: "received DELETE for IKE_SA" in swan.log())
    lab.gateway.check_alive()


def test_the_peers_own_logout_is_a_stop_too(lab_with):
    lab = lab_with()
    swan, session = logged_in(lab)
    audit = session["audit_session_id"]
    swan.logout()
    assert stop_of(lab, audit)["Acct-Terminate-Cause"] == "User-Request"
    assert lab.gateway.sessions() == []


def test_child_and_ike_rekey_by_the_client_lose_nothing(lab_with):
    lab = lab_with()
    swan, session = logged_in(lab)
    audit = session["audit_session_id"]
    inner = swan.inner_address()
    ping(lab, swan, inner)
    receiver = lab.traffic(lab.inside, "receive", "7001", "60")
    sender = lab.traffic(lab.client, "send", HOST, "7001", "200", "6")
    for what in ("child", "ike", "child"):
        output = swan.rekey(what)
        assert "rekey completed" in output or "success" in output.lower(), output
    wait_for("the sender's end", lambda: not sender.running(), 30)
    receiver.stop()
    sent, received = (json.loads(p.output().splitlines()[-1]) for p in (sender, receiver))
    assert received["distinct"] == sent["sent"], (sent, received)
    assert lab.gateway.session_of(PSK_USER)["audit_session_id"] == audit, "the session survives its rekeys"
    assert pod(lab, audit).code == "Disconnect-ACK"
    assert int(stop_of(lab, audit)["Acct-Input-Packets"]) > sent["sent"]


def test_a_pod_by_other_ids_and_combinations(lab_with):
    lab = lab_with()
    swan = lab.strongswan()
    swan.configure(login_of(lab, "eap-mschapv2"))
    for attributes in ({"Acct-Session-Id": "acct_session_id"}, {"User-Name": "user_name"}, {"Framed-IP-Address": "framed_ip_address"},
                       {"User-Name": "user_name", "Acct-Session-Id": "acct_session_id", "Calling-Station-Id": "calling_station_id"}):
        assert swan.login()[0]
        session = lab.gateway.session_of("alice")
        ids = {name: session[key] for name, key in attributes.items()}
        wrong = disconnect(lab.inside, RADIUS_SIDE, {**ids, "Calling-Station-Id": "192.0.2.99"})
        assert wrong.code == "Disconnect-NAK", "one id that does not agree: nothing goes"
        assert lab.gateway.session_of("alice")["id"] == session["id"]
        assert disconnect(lab.inside, RADIUS_SIDE, ids).code == "Disconnect-ACK", ids
        wait_for("no session", lambda: lab.gateway.sessions() == [])


def test_who_is_no_client_gets_no_answer(lab_with):
    lab = lab_with()
    wrong_key = pod(lab, "anything", secret="not the secret at all", timeout=1, retries=1)
    assert wrong_key.code == "none"
    stranger = disconnect(lab.net, "203.0.113.1", {"User-Name": "alice"}, timeout=1, retries=1)
    assert stranger.code == "none"
    counted = counters(lab)
    assert counted["10.10.0.20 discon_bad_authenticators"] >= 1, counted
    assert counted["server discon_invalid_client_addresses"] >= 1, counted
