"""P3 where repeats are not the same octets: the accounting profile of the document, with kills and outages around a POD."""

import contextlib
import random
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
import radius_packets as rp
from conftest import PSK_USER
from dae_scenes import DaeClient
from gateway import Settings
from held import Held
from net import wait_for
from radius_packets import audit_id, packet
from scenes import login_of

#: FreeRADIUS adds the time of arrival; Acct-Delay-Time is what may differ between repeats (RFC 2866 §5.2).
MAY_DIFFER = ("Timestamp", "Acct-Delay-Time")


def identity(record: dict) -> tuple:
    return tuple(sorted((name, str(value)) for name, value in record.items() if name not in MAY_DIFFER))


def records_of(lab, audit: str, kind: str) -> list[dict]:
    wanted = f"audit-session-id={audit}"
    return [record for record in lab.radius.records()
            if record["Acct-Status-Type"] == kind and wanted in record.get("Cisco-AVPair", [])]


def wait_until_all_is_acknowledged(lab, seconds: float = 30) -> None:
    wait_for("the accounting server's acknowledgements",
             lambda: "\nportcullis_accounting_waiting 0" in lab.gateway.ctl("metrics"), seconds)


@contextlib.contextmanager
def lost(lab, what: str):
    """Accounting that the network loses: `what` is "sport 1813" for the answers, "dport 1813" for the requests."""
    hook = "output" if what.startswith("sport") else "input"
    lab.inside.run("nft", "-f", "-", stdin=f"table ip lost {{ chain loss {{ type filter hook {hook} priority 0; udp {what} drop; }}; }}")
    try:
        yield
    finally:
        lab.inside.run("nft", "delete", "table", "ip", "lost")


def durable(lab, audit: str, request: bytes) -> tuple[bool, bytes | None]:
    """What a killed control plane has left on disk: is there a Stop, and which answer to the request goes with it?"""
    copy = lab.directory / f"left-by-{time.monotonic_ns()}"
    shutil.copytree(lab.gateway.state_dir, copy)
    file, = copy.glob("*.db")
    with contextlib.closing(sqlite3.connect(file)) as database:
        stops = [record for record, in database.execute("SELECT record FROM spool WHERE kind = 3") if audit.encode() in record]
        replies = [reply for reply, in database.execute("SELECT reply FROM replies WHERE authenticator = ?", (request[4:20],))]
    assert len(stops) <= 1 and len(replies) <= 1
    return bool(stops), replies[0] if replies else None


def answer_behind_the_disk(lab, client: DaeClient, request: bytes) -> bytes | None:
    """The thread that writes to disk stands still for a while: until it goes on there is no ACK (P3)."""
    pid = lab.gateway.controlplane.pid
    writer, = {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()} - {pid}
    with Held(writer, 0.4):
        client.send(request)
        assert client.arrived(0.25) is None, "an ACK before the Stop can be durable"
    return client.arrived(5)


def kill_around_a_pod(lab, client: DaeClient, audit: str, after: float | None) -> None:
    """`after`: seconds from the POD to the kill, None: right behind its answer."""
    request = packet(audit_id(audit), identifier=client.identifier())
    answer = None
    if after is None:
        answer = answer_behind_the_disk(lab, client, request)
        assert answer
    else:
        client.send(request)
    if after:
        moment = time.monotonic() + after
        wait_for("a random moment", lambda: time.monotonic() > moment, 2, 0.0002)
    lab.gateway.controlplane.kill()
    answer = answer or client.arrived()
    stop, reply = durable(lab, audit, request)
    assert bool(reply) == stop, "the answer and the Stop are durable together"
    if answer:
        assert stop and reply == answer, "nothing is acknowledged that is not durable"
    lab.gateway.start_controlplane()
    # The session has ended, whether by this POD or by the restart, so the POD that is sent again gets its ACK.
    again = client.ask_until_answered(request)
    assert again.code == rp.DISCONNECT_ACK
    if reply:
        assert again.octets == reply, "and the same one"


def test_kills_around_a_pod_leave_one_stop_in_the_documents_profile(lab_with):
    lab = lab_with(Settings(accounting_profile="document"))
    swan = lab.strongswan()
    swan.configure(login_of(lab, "psk"))
    client = DaeClient(lab)
    rng = random.Random(4)
    for after in (0, rng.uniform(0.0005, 0.006), None):
        assert swan.login()[0], swan.log()[-2000:]
        session = lab.gateway.session_of(PSK_USER)
        audit = session["audit_session_id"]
        wait_until_all_is_acknowledged(lab)
        with lost(lab, "sport 1813"):
            kill_around_a_pod(lab, client, audit, after)
            wait_for("the Stop, and its repetition", lambda: len(records_of(lab, audit, "Stop")) > 2, 20)
        wait_until_all_is_acknowledged(lab)
        stops = records_of(lab, audit, "Stop")
        assert len({identity(stop) for stop in stops}) == 1, stops
        assert {stop["Acct-Session-Id"] for stop in stops} == {session["acct_session_id"]}
        assert {stop["Acct-Terminate-Cause"] for stop in stops} == {"0"}, "as the document has it, whatever the cause"
        delays = [int(stop["Acct-Delay-Time"]) for stop in stops]
        arrivals = [int(stop["Timestamp"]) for stop in stops]
        assert delays == sorted(delays) and delays[-1] > 0
        assert max(arrived - delay for arrived, delay in zip(arrivals, delays)) - min(
            arrived - delay for arrived, delay in zip(arrivals, delays)) <= 1, "each delay leads back to the same event"
        assert len({identity(start) for start in records_of(lab, audit, "Start")}) == 1
        swan.forget()


@pytest.mark.parametrize("profile", ["extended", "document"])
def test_records_of_an_outage_arrive_in_order_with_their_time(lab_with, profile):
    lab = lab_with(Settings(accounting_profile=profile))
    swan = lab.strongswan()
    swan.configure(login_of(lab, "psk"))
    client = DaeClient(lab)
    with lost(lab, "dport 1813"):
        began = time.time()
        assert swan.login()[0]
        audit = lab.gateway.session_of(PSK_USER)["audit_session_id"]
        assert records_of(lab, audit, "Start") == [], "not acknowledged, and never received"
        assert client.ask(packet(audit_id(audit))).code == rp.DISCONNECT_ACK
        ended = time.time()
        assert lab.gateway.sessions() == []
        lab.radius.stop()
    wait_for("an outage of four seconds", lambda: time.time() - ended > 4, 10)
    lab.radius.start()
    wait_until_all_is_acknowledged(lab)
    records = [record for record in lab.radius.records() if record["Acct-Status-Type"] in ("Start", "Stop")]
    order = [record["Acct-Status-Type"] for record in records]
    assert order == sorted(order) and set(order) == {"Start", "Stop"}, "the Start first, nothing lost"
    for kind, event in (("Start", began), ("Stop", ended)):
        found = records_of(lab, audit, kind)
        assert len({identity(record) for record in found}) == 1
        for record in found:
            if profile == "document":
                assert int(record["Acct-Delay-Time"]) >= 3, "it is late, and says so"
                assert abs(int(record["Timestamp"]) - int(record["Acct-Delay-Time"]) - event) <= 1.5
                assert "Event-Timestamp" not in record
            else:
                assert "Acct-Delay-Time" not in record
                stamp = time.mktime(time.strptime(record["Event-Timestamp"].rsplit(" ", 1)[0], "%b %d %Y %H:%M:%S"))
                assert abs(stamp - event) <= 1.5, "when it happened, not when it arrived"
