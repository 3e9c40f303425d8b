"""A POD for a login that has not come to its end: the client stands still in the middle of EAP, and is out when it goes on."""

import pytest

from client import ScriptedClient, sums_of
from lab import Lab
from net import wait_for
from radius import Reply, disconnect
from scenes import RADIUS_SIDE, pod, stop_of


def held_login(lab: Lab, before: str, *more: str) -> tuple[ScriptedClient, dict]:
    """A client that stands still before this answer, and its login as the gateway shows it."""
    client = ScriptedClient(lab, lab.client, "--hold", before, *more)
    assert client.event("held")["before"] == before
    pending, = lab.gateway.sessions()
    assert pending["state"] == "pending" and pending["established"] is None and not pending["start_sent"]
    assert pending["framed_ip_address"] is None
    return client, pending


def sample(lab: Lab, name: str) -> float:
    """The sum of the gateway's metrics whose name ends so."""
    lines = [line.split() for line in lab.gateway.ctl("metrics").splitlines() if not line.startswith("#")]
    values = [float(words[-1]) for words in lines if words[0].partition("{")[0].removesuffix("_total").endswith(name)]
    assert values, name
    return sum(values)


def assert_thrown_out(lab: Lab, client: ScriptedClient, reply: Reply) -> None:
    """The ACK, and nothing left but a client that does not know yet; it learns it with its next request."""
    assert reply.code == "Disconnect-ACK", reply.text
    assert lab.gateway.sessions() == [], "the ACK says that it is gone"
    client.say("go")
    assert client.event("login_failed")["error"] == "IKE_AUTH: AUTHENTICATION_FAILED"
    wait_for("the client's end", lambda: not client.process.running())
    assert lab.gateway.sessions() == []


def assert_only_this_login_is_accounted(lab: Lab, aborted: dict) -> None:
    """The user comes back, and goes again. FreeRADIUS has heard of that, and of nothing before."""
    client = ScriptedClient(lab, lab.client, name="again")
    client.event("logged_in")
    session = lab.gateway.session_of("alice")
    assert session["audit_session_id"] != aborted["audit_session_id"]
    client.ask("logout", "logged_out")
    assert sums_of(stop_of(lab, session["audit_session_id"])) == client.finish()["esp"]
    heard = [(record["Acct-Status-Type"], record["Acct-Session-Id"]) for record in lab.radius.records()
             if record["Acct-Status-Type"] in ("Start", "Stop")]
    assert sorted(set(heard)) == [("Start", session["acct_session_id"]), ("Stop", session["acct_session_id"])]


@pytest.mark.parametrize("before", ["response", "last", "auth"])
def test_a_pod_by_user_name_during_eap(lab_with, before):
    lab = lab_with()
    client, pending = held_login(lab, before)
    assert pending["user_name"] == ("alice" if before == "auth" else ""), "a name that is only claimed is not shown"
    assert_thrown_out(lab, client, disconnect(lab.inside, RADIUS_SIDE, {"User-Name": "alice"}))
    assert_only_this_login_is_accounted(lab, pending)


@pytest.mark.parametrize("before", ["identity", "last"])
def test_a_pod_by_audit_session_id_during_eap(lab_with, before):
    lab = lab_with()
    client, pending = held_login(lab, before)
    assert_thrown_out(lab, client, pod(lab, pending["audit_session_id"]))
    assert pod(lab, pending["audit_session_id"]).code == "Disconnect-NAK"
    assert_only_this_login_is_accounted(lab, pending)


def test_a_pod_while_radius_thinks(lab_with):
    """The client waits for the gateway, and the gateway for RADIUS: the refusal goes out at once, a late answer finds nobody."""
    lab = lab_with()
    client, pending = held_login(lab, "last", "--timeout", "30")  # so no repetition of its request draws the answer
    before = sample(lab, "access_retransmissions")
    with lab.radius.paused():
        client.say("go")
        wait_for("RADIUS asked in vain", lambda: sample(lab, "access_retransmissions") > before)
        assert disconnect(lab.inside, RADIUS_SIDE, {"User-Name": "alice"}).code == "Disconnect-ACK"
        assert lab.gateway.sessions() == []
        assert client.event("login_failed", seconds=5)["error"] == "IKE_AUTH: AUTHENTICATION_FAILED"
    assert_only_this_login_is_accounted(lab, pending)
