"""The dataplane alone between two veths, the scripted client against strongSwan, and against our gateway."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lab import HOST, PYTHON, build_directory
from net import wait_for
from scenes import pod, stop_of

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("workers, driver", [("1", "af_packet"), ("2", "af_packet"), ("1", "af_xdp")])
def test_the_dataplane_alone(workers, driver):
    done = subprocess.run([str(HERE / "dataplane_smoke.sh"), str(build_directory())], capture_output=True, text=True, timeout=240,
                          env={**os.environ, "WORKERS": workers, "DRIVER": driver})
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scripted_client_against_strongswan():
    done = subprocess.run([PYTHON, str(HERE / "scripted_peer_test.py")], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize("persona", ["android", "plain"])
def test_a_scripted_client_that_ignores_its_end(lab_with, persona):
    lab = lab_with()
    peer = lab.adopt(lab.direct.start(
        f"peer {persona}", [PYTHON, str(HERE / "scripted_peer.py"), "--gateway", "203.0.113.1", "--user", "alice", "--password",
                            "wonderland", "--persona", persona, "--ca", str(lab.authority.certificate), "--stream", f"{HOST}:7001",
                            "--rate", "200", "--deaf"], lab.directory))
    session = lab.gateway.session_of("alice", 20)
    wait_for("its stream", lambda: lab.gateway.session_of("alice")["in_packets"] > 100)
    capture = lab.capture(lab.inside, "eth0", f"src {session['framed_ip_address']} or port 3799")
    assert pod(lab, session["audit_session_id"]).code == "Disconnect-ACK"
    before = lab.gateway.ctl_json("show", "dataplane", "counters")["drop.unknown_spi"]
    wait_for("the deaf client's packets to be dropped",
             lambda: lab.gateway.ctl_json("show", "dataplane", "counters")["drop.unknown_spi"] > before + 100, 20)
    packets = capture.stop()
    ack = max(p.when for p in packets if p.data[34:36] == (3799).to_bytes(2, "big"))
    assert not [p for p in packets if p.when > ack], "nothing of the revoked session passes"
    assert stop_of(lab, session["audit_session_id"])["Acct-Terminate-Cause"] == "Admin-Reset"
    assert peer.running(), peer.tail()
    assert [json.loads(line) for line in peer.output().splitlines() if line.startswith("{")]
