"""What an operator does to the processes, and what befalls them: --check, SIGHUP, another user, clear, kills, a pulled cable, garbage."""

import os
import signal
import subprocess
import time

from conftest import PSK_USER
from held import Held
from lab import HOST
from net import wait_for
from scenes import RADIUS_SIDE, logged_in, ping, pod, stop_of


def check(lab, program: str):
    return subprocess.run([str(lab.build / program), "--config", str(lab.gateway.config), "--check"], capture_output=True, text=True)


def test_check_and_reload_keep_the_old_configuration_when_the_new_one_is_wrong(lab_with):
    lab = lab_with()
    programs = ("controlplane/portcullis-controlplane", "dataplane/portcullis-dataplane")
    for program in programs:
        assert check(lab, program).returncode == 0
    good = lab.gateway.config.read_text()
    lab.gateway.config.write_text(good.replace('profile = "extended"', 'profile = "shiny"').replace("quarantine = 1", "quarantine = -4"))
    for program in programs:
        wrong = check(lab, program)
        assert wrong.returncode != 0
        assert '"shiny"' in wrong.stderr and "-4" in wrong.stderr, "both errors at once"
    lab.gateway.controlplane.signal(signal.SIGHUP)
    lab.gateway.controlplane.wait_for_output("the old configuration stays")
    logged_in(lab)  # it works as before
    lab.gateway.config.write_text(good)
    lab.gateway.controlplane.signal(signal.SIGHUP)
    lab.gateway.controlplane.wait_for_output("configuration read again")
    assert lab.gateway.session_of(PSK_USER)["state"] == "established", "a reload ends no session"


def test_clear_and_the_control_plane_as_another_user(lab_with):
    lab = lab_with(start=False)
    configuration = lab.gateway.configuration
    lab.gateway.configuration = lambda: configuration().replace("[gateway]\n", '[gateway]\nuser = "nobody"\n')
    for folder in lab.directory.rglob("*"):  # the tests' folders are root's own
        os.chown(folder, 65534, 65534)
    for folder in (lab.directory, *lab.directory.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    lab.radius.start()
    lab.gateway.start()
    status = open(f"/proc/{lab.gateway.controlplane.pid}/status").read()
    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "CapEff:\t0000000000000400" in status, "CAP_NET_BIND_SERVICE and nothing else"
    _, session = logged_in(lab)
    audit = session["audit_session_id"]
    assert "1 session cleared" in lab.gateway.ctl("clear", "crypto", "session", "user", PSK_USER)
    assert stop_of(lab, audit)["Acct-Terminate-Cause"] == "Admin-Reset"


def test_garbage_on_every_port_is_counted_and_nothing_else(lab_with):
    lab = lab_with()
    _, session = logged_in(lab)
    spray = ("import os,random,socket,sys\nr=random.Random(7)\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
             "for i in range(3000):\n"
             "  s.sendto(r.randbytes(r.choice((0,1,3,4,5,27,28,40,200,1400))), ('203.0.113.1', r.choice((500,4500,3799))))\n"
             "e=socket.socket(socket.AF_INET,socket.SOCK_RAW,50)\n"
             "for i in range(1000):\n  e.sendto(r.randbytes(r.choice((0,3,8,40,200))), ('203.0.113.1', 0))\n")
    before = lab.gateway.ctl_json("show", "dataplane", "counters")
    lab.direct.run("/usr/bin/python3", "-c", spray)
    def unknown():
        return lab.gateway.ctl_json("show", "dataplane", "counters")["drop.unknown_spi"] - before["drop.unknown_spi"]
    wait_for("ESP of unknown SPIs to be counted", lambda: unknown() > 500)
    lab.gateway.check_alive()
    assert lab.gateway.session_of(PSK_USER)["id"] == session["id"]
    assert lab.gateway.ctl_json("show", "aaa", "sessions")["sessions"].__len__() == 1
    assert pod(lab, session["audit_session_id"]).code == "Disconnect-ACK"


def test_a_killed_dataplane_ends_its_sessions_and_the_next_one_serves(lab_with):
    lab = lab_with()
    swan, session = logged_in(lab)
    audit = session["audit_session_id"]
    ping(lab, swan, swan.inner_address())
    lab.gateway.dataplane.kill()
    assert lab.gateway.sessions(), "until a dataplane says that they are gone, nobody knows"
    lab.gateway.start_dataplane()
    stop = stop_of(lab, audit)
    assert stop["Acct-Terminate-Cause"] == "NAS-Error"
    assert len({repr(sorted((k, v) for k, v in s.items() if k != "Timestamp")) for s in lab.radius.stops(audit)}) == 1
    assert lab.gateway.sessions() == []
    wait_for("the Delete at the client", lambda: "ESTABLISHED" not in swan.sas(), 20)
    assert swan.login()[0], "the same control plane, a new dataplane"
    ping(lab, swan, swan.inner_address())
    audit = lab.gateway.session_of(PSK_USER)["audit_session_id"]
    assert pod(lab, audit).code == "Disconnect-ACK"
    assert stop_of(lab, audit)["Acct-Terminate-Cause"] == "Admin-Reset"


def test_a_pulled_cable_loses_packets_and_nothing_else(lab_with):
    lab = lab_with()
    swan, _ = logged_in(lab)
    inner = swan.inner_address()
    ping(lab, swan, inner)
    audit = lab.gateway.session_of(PSK_USER)["audit_session_id"]
    for far, interface in ((lab.net, "p-gw"), (lab.inside, "eth0")):
        far.run("ip", "link", "set", interface, "down")
        lab.client.run("ping", "-c", "3", "-i", "0.2", "-W", "1", "-I", inner, HOST, check=False)
        lab.gateway.check_alive()
        far.run("ip", "link", "set", interface, "up")
        lab.inside.run("ip", "route", "replace", "default", "via", RADIUS_SIDE)  # went with the link of that host
        ping(lab, swan, inner)
    assert lab.gateway.session_of(PSK_USER)["audit_session_id"] == audit
    assert pod(lab, audit).code == "Disconnect-ACK"
    assert stop_of(lab, audit)["Acct-Terminate-Cause"] == "Admin-Reset"


def test_metrics_do_not_wait_for_a_dataplane_that_stands_still(lab_with):
    lab = lab_with()
    assert "\nportcullis_dataplane_up 1" in lab.gateway.ctl("metrics")
    with Held(lab.gateway.dataplane.pid, 6):
        begin = time.monotonic()
        assert "\nportcullis_dataplane_up 0" in lab.gateway.ctl("metrics")
        assert time.monotonic() - begin < 5, "a scrape waits 10 s"
    wait_for("the dataplane's counters", lambda: "\nportcullis_dataplane_up 1" in lab.gateway.ctl("metrics"))
    lab.gateway.check_alive()
