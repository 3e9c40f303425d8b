"""What Windows and iOS do at a gateway: identities that say nothing, old signatures, many rekeys."""

import pytest

from client import ScriptedClient, sums_of
from lab import HOST, NAT
from net import wait_for
from scenes import greet, pod, stop_of
from scripted.crypto import AES_CBC, AES_GCM_16, MODP2048, PRF_SHA256, SHA256_128

PRIVATE = "192.168.1.100"             # the IDi of every Windows client here
STREAM = f"stream {HOST}:7001 200"    # to an echo: the stream comes back


def lab_with_echo(lab_with):
    lab = lab_with(start=False)
    lab.radius.set_user("bob", 'Cleartext-Password := "builder"')
    lab.radius.start()
    lab.gateway.start()
    greet(lab)
    lab.traffic(lab.inside, "echo", "7001")
    return lab


def assert_negotiated(client: ScriptedClient, method: int, signature: str) -> None:
    """IKE with CBC and MODP-2048, the gateway's AUTH by this method, and ESP with GCM, offered beside CBC."""
    init, auth, child = client.event("ike_sa_init"), client.event("gateway_authenticated"), client.event("logged_in")
    assert (init["encryption"], init["key_bits"], init["integrity"], init["prf"], init["group"]) == (
        AES_CBC, 256, SHA256_128, PRF_SHA256, MODP2048)
    assert (auth["method"], auth["signature"]) == (method, signature)
    assert (child["encryption"], child["key_bits"], child["esn"]) == (AES_GCM_16, 256, False)


def all_back(client: ScriptedClient) -> dict:
    """Ends the stream. @return the client's facts, once each of its datagrams has come back, and none twice"""
    client.say("stream off")
    facts = wait_for("the whole stream", lambda: (now := client.status())["distinct"] == now["sent"] and now)
    assert facts["received"] == facts["sent"] and facts["unsound"] == facts["unauthentic"] == 0
    return facts


def test_two_windows_users_behind_one_nat_have_one_identity_and_two_lives(lab_with):
    lab = lab_with_echo(lab_with)
    alice = ScriptedClient(lab, lab.client, "--persona", "windows", name="alice")
    bob = ScriptedClient(lab, lab.client, "--persona", "windows", "--port", "0", user="bob", password="builder", name="bob")
    for client in (alice, bob):
        assert_negotiated(client, 1, "rsa-sha1")
        assert not client.event("ike_sa_init")["hash_algorithms"], "an answer to nothing"
        assert client.event("fragmented")["fragments"] == 2, "its 60 CA hashes do not fit one datagram"
    sessions = {user: lab.gateway.session_of(user) for user in ("alice", "bob")}
    assert {(s["ike_identity"], s["calling_station_id"]) for s in sessions.values()} == {(PRIVATE, NAT)}
    assert len({s["framed_ip_address"] for s in sessions.values()}) == 2
    for client in (alice, bob):
        client.say(STREAM)
    wait_for("both streams", lambda: min(client.status()["received"] for client in (alice, bob)) > 50)
    assert pod(lab, sessions["alice"]["audit_session_id"]).code == "Disconnect-ACK"
    stop = stop_of(lab, sessions["alice"]["audit_session_id"])
    assert (stop["User-Name"], stop["Acct-Terminate-Cause"]) == ("alice", "Admin-Reset")
    alice.event("delete_received")
    known = bob.status()["received"]
    wait_for("more of bob's stream", lambda: bob.status()["received"] > known + 100)
    all_back(bob)
    assert [s["id"] for s in lab.gateway.sessions()] == [sessions["bob"]["id"]]
    assert not bob.events("delete_received") and not lab.radius.stops(sessions["bob"]["audit_session_id"])
    bob.ask("logout", "logged_out")
    assert sums_of(stop_of(lab, sessions["bob"]["audit_session_id"])) == bob.finish()["esp"]
    came_back = alice.finish()["esp"]
    assert (sums_of(stop)["received_packets"], sums_of(stop)["received_octets"]) == (
        came_back["received_packets"], came_back["received_octets"])


@pytest.mark.parametrize("persona, method, signature, pfs", [
    ("windows", 1, "rsa-sha1", [False] * 4),
    ("ios", 14, "rsa-sha256", [True, False, True, False]),
])
def test_child_rekeys_under_a_stream(lab_with, persona, method, signature, pfs):
    """The real clients rekey after some 200 MiB, or an hour; here after 40,000 octets, which is some twice a second."""
    lab = lab_with_echo(lab_with)
    client = ScriptedClient(lab, lab.client, "--persona", persona, "--rekey-child-octets", "40000")
    assert_negotiated(client, method, signature)
    session = lab.gateway.session_of("alice")
    client.say(STREAM)
    client.event("child_rekeyed", len(pfs))
    all_back(client)
    rekeys = client.events("child_rekeyed")
    assert [rekey["pfs"] for rekey in rekeys[:len(pfs)]] == pfs
    assert len({rekey["spi_out"] for rekey in rekeys}) == len(rekeys)
    assert lab.gateway.session_of("alice")["child"]["rekeys"] == len(rekeys)
    client.ask("logout", "logged_out")
    stop = stop_of(lab, session["audit_session_id"])
    assert stop["Acct-Terminate-Cause"] == "User-Request"
    assert sums_of(stop) == client.finish()["esp"], "all children of the session, no more, no less"
