"""The main job, seen: real clients log in, traffic flows, a Packet of Disconnect revokes them, the records are exact.

Called by tools/demo. Every line of evidence is measured; the exit status is 0 only if every step was verified.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from gateway import Settings
from lab import HOST, NAT, RADIUS, Ip, Lab, ip_packets, reserve_hugepages
from net import LabError, wait_for
from radius import Reply, disconnect
from strongswan import Login, StrongSwan

RATE = 500          # datagrams a second in each direction
PSK_USER, PSK = "branch.lab.example", "a pre-shared key of the lab"


class Story:
    """Prints the steps and remembers what was not as it should be."""

    def __init__(self):
        self.start = time.monotonic()
        self.failures: list[str] = []

    def chapter(self, text: str) -> None:
        print(f"\n== {text}", flush=True)

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.start:6.1f}] {text}", flush=True)

    def show(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            print(f"         | {line}", flush=True)

    def check(self, condition: bool, text: str) -> bool:
        print(f"[{time.monotonic() - self.start:6.1f}] {'ok  ' if condition else 'FAIL'} {text}", flush=True)
        if not condition:
            self.failures.append(text)
        return bool(condition)


class Scene:
    """One login, its traffic and its end."""

    def __init__(self, lab: Lab, story: Story, swan: StrongSwan, login: Login):
        self.lab, self.story, self.swan, self.login = lab, story, swan, login
        self.report: dict = {"method": login.method, "logged_in": False}

    def log_in(self) -> bool:
        self.story.say(f"{self.login.identity} logs in with {self.login.method} (strongSwan, behind a NAT)")
        self.swan.configure(self.login)
        came_up, output = self.swan.login()
        if not self.story.check(came_up, "strongSwan reports the tunnel as established"):
            self.story.show(output[-2000:])
            return False
        self.session = self.lab.gateway.session_of(self.login.identity)
        self.audit = self.session["audit_session_id"]
        self.inner = self.swan.inner_address()
        self.report.update(logged_in=True, audit_session_id=self.audit)
        self.story.check(self.inner == self.session["framed_ip_address"],
                         f"the client has {self.inner}, the gateway says {self.session['framed_ip_address']}")
        self.story.say("portcullisctl show aaa sessions")
        self.story.show(self.lab.gateway.ctl("show", "aaa", "sessions"))
        return True

    def start_traffic(self) -> None:
        lab = self.lab
        self.inside_capture = lab.capture(lab.inside, "eth0", "ip")
        self.outside_capture = lab.capture(lab.net, "p-gw", "ip")
        self.client_capture = lab.capture(lab.client, "eth0", "ip")
        # The very first packet may find that the gateway does not know its neighbour's MAC yet: a counted drop, by design.
        wait_for("a first ping", lambda: "1 received" in lab.client.run("ping", "-c", "1", "-W", "1", "-I", self.inner, HOST, check=False))
        ping = lab.client.run("ping", "-c", "3", "-i", "0.2", "-W", "2", "-I", self.inner, HOST, check=False)
        self.story.check("3 received" in ping, f"ping from {self.inner} to {HOST} through the tunnel: "
                         + next((line for line in ping.splitlines() if "packets transmitted" in line), ping))
        self.receivers = [lab.traffic(lab.inside, "receive", "7001", "60"), lab.traffic(lab.client, "receive", "7002", "60")]
        self.senders = [lab.traffic(lab.client, "send", HOST, "7001", str(RATE), "60"),
                        lab.traffic(lab.inside, "send", self.inner, "7002", str(RATE), "60")]
        used = lambda: self.lab.gateway.session_of(self.login.identity)  # noqa: E731
        counted = wait_for("the stream to be counted in both directions",
                           lambda: (lambda s: s if s["in_packets"] > RATE and s["out_packets"] > RATE else None)(used()))
        self.story.check(True, f"the stream runs: {counted['in_packets']} packets in, {counted['out_packets']} out so far")

    def revoke(self) -> Reply:
        story = self.story
        story.say(f"radclient sends a Disconnect-Request for audit-session-id={self.audit} while the stream runs")
        reply = disconnect(self.lab.inside, "10.10.0.1", {"Cisco-AVPair": f"audit-session-id={self.audit}"})
        self.report["pod_answer"] = reply.code
        if not story.check(reply.code == "Disconnect-ACK", f"the answer is {reply.code}"):
            story.show(reply.text)
        return reply

    def stop_traffic(self) -> None:
        """Lets the stream run on for a second, so that a packet that should not pass has every chance to."""
        last = time.monotonic() + 1.0
        wait_for("a second more of stream", lambda: time.monotonic() > last, 2)
        for process in [*self.senders, *self.receivers]:
            process.stop()
        inside, outside, client = (ip_packets(capture.stop()) for capture in
                                   (self.inside_capture, self.outside_capture, self.client_capture))
        self._measure(inside, outside, client)

    def _measure(self, inside: list[Ip], outside: list[Ip], client: list[Ip]) -> None:
        story, report = self.story, self.report
        requests = [p for p in inside if p.ports[1] == 3799 and p.source == RADIUS]
        replies = [p for p in inside if p.ports[0] == 3799 and p.destination == RADIUS]
        forwarded_in = [p for p in inside if p.source == self.inner]
        sent_out = [p for p in inside if p.destination == self.inner]
        forwarded_out = [p for p in outside if p.destination == NAT and p.is_esp]
        sent_in = [p for p in client if p.destination == "203.0.113.1" and p.is_esp]
        clear = [p for p in outside if self.inner in (p.source, p.destination)]
        ack = replies[0].when if replies else 0.0
        after = [p for p in (*forwarded_in, *forwarded_out) if p.when > ack]
        self.octets = (sum(p.length for p in forwarded_in), sum(p.length for p in sent_out[:len(forwarded_out)]))
        report.update(
            packets_sent_in=len(sent_in), packets_forwarded_in=len(forwarded_in), packets_sent_out=len(sent_out),
            packets_forwarded_out=len(forwarded_out), packets_after_ack=len(after),
            ack_latency_us=round((ack - requests[0].when) * 1e6) if replies and requests else None)
        story.check(bool(replies) and not after,
                    f"packets after the ACK, by captures at the far ends: {len(after)} (ACK after {report['ack_latency_us']} us)")
        story.check(len(sent_out) > len(forwarded_out), f"the inside host went on sending: {len(sent_out)} sent, "
                    f"{len(forwarded_out)} went through the tunnel")
        story.check(not clear, f"packets of the session in clear on the outside wire: {len(clear)}")

    def check_delete(self) -> None:
        def told():
            return "received DELETE for IKE_SA" in self.swan.log()
        try:
            wait_for("the Delete", told, 5)
            self.story.check(True, "the client has received the IKE Delete")
        except LabError:
            self.story.check(False, "the client has received the IKE Delete")

    def check_stop(self, seconds: float = 15) -> None:
        story, report = self.story, self.report
        try:
            stop = wait_for("the Stop record", lambda: self.lab.radius.stops(self.audit), seconds)[-1]
        except LabError as error:
            story.check(False, str(error))
            return
        report["stop"] = stop
        story.say("the Stop record as FreeRADIUS wrote it")
        story.show("\n".join(f"{name} = {value}" for name, value in stop.items()))
        expected = {"Acct-Input-Packets": report["packets_forwarded_in"], "Acct-Output-Packets": report["packets_forwarded_out"],
                    "Acct-Input-Octets": self.octets[0], "Acct-Output-Octets": self.octets[1]}
        report["counters_exact"] = all(int(stop.get(name, -1)) == value for name, value in expected.items())
        story.check(report["counters_exact"], "the record against the captures: "
                    + ", ".join(f"{name} {stop.get(name)} = {value}" for name, value in expected.items()))
        cause = stop.get("Acct-Terminate-Cause")
        story.check(cause in ("Admin-Reset", "6"), f"Acct-Terminate-Cause is {cause}")

    def check_second(self) -> None:
        reply = disconnect(self.lab.inside, "10.10.0.1", {"Cisco-AVPair": f"audit-session-id={self.audit}"})
        self.report["second_pod"] = {"code": reply.code, "reply_message": reply.attributes.get("Reply-Message"),
                                     "error_cause": reply.attributes.get("Error-Cause")}
        self.story.check(
            reply.code == "Disconnect-NAK" and reply.attributes.get("Reply-Message") == "No Matching Session"
            and reply.attributes.get("Error-Cause") in ("Invalid-Request", "404"),
            f"a second POD for the same id: {reply.code}, {reply.attributes}")


def play(lab: Lab, story: Story, swan: StrongSwan, login: Login, radius_down: bool = False) -> dict:
    scene = Scene(lab, story, swan, login)
    if not scene.log_in():
        return scene.report
    if login.method.startswith("eap"):
        story.say("portcullisctl show aaa user all")
        story.show(lab.gateway.ctl("show", "aaa", "user", "all"))
    scene.start_traffic()
    if radius_down:
        lab.radius.stop()
        story.say("FreeRADIUS is stopped: the Stop record has nowhere to go")
    scene.revoke()
    scene.stop_traffic()
    scene.check_delete()
    if radius_down:
        story.check(not lab.radius.stops(scene.audit), "no Stop has arrived while FreeRADIUS is down")
        lab.radius.start()
        story.say("FreeRADIUS is up again")
    scene.check_stop(30)
    scene.check_second()
    return scene.report


def stay_out(lab: Lab, story: Story, swan: StrongSwan, login: Login) -> None:
    story.chapter("The same user again, while RADIUS now says Reject")
    lab.radius.set_user(login.identity, "Auth-Type := Reject")
    came_up, _ = swan.login(8)
    story.check(not came_up, "the login is refused")
    story.check(not any(s["user_name"] == login.identity for s in lab.gateway.sessions()), "no session of this user exists")


def table(reports: list[dict]) -> str:
    columns = [("login", "method"), ("POD", "pod_answer"), ("ACK us", "ack_latency_us"), ("in", "packets_forwarded_in"),
               ("out", "packets_forwarded_out"), ("after ACK", "packets_after_ack"), ("exact", "counters_exact")]
    rows = [[title for title, _ in columns] + ["second POD"]]
    for report in reports:
        rows.append([str(report.get(key, "-")) for _, key in columns] + [str(report.get("second_pod", {}).get("code", "-"))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def perform(lab: Lab, story: Story) -> list[dict]:
    story.chapter("Everything starts")
    lab.radius.set_user("alice", 'Cleartext-Password := "wonderland"', {"Class": '"gold"'})
    lab.radius.set_user("carol@lab.example", 'Cleartext-Password := "cisco"')
    lab.radius.set_user(PSK_USER, 'Cleartext-Password := "cisco"')
    lab.radius.start()
    lab.gateway.start()
    swan = lab.strongswan()
    story.check(True, "FreeRADIUS, portcullis-dataplane, portcullis-controlplane and strongSwan run")
    reports = []
    story.chapter("A login with EAP-MSCHAPv2, decided by FreeRADIUS, and its revocation")
    alice = Login("eap-mschapv2", "alice", "wonderland")
    reports.append(play(lab, story, swan, alice))
    stay_out(lab, story, swan, alice)
    story.chapter("A login with a certificate, revoked while FreeRADIUS is down")
    carol = Login("certificate", "carol@lab.example", credential=lab.authority.issue("carol@lab.example", "clientAuth"))
    reports.append(play(lab, story, swan, carol, radius_down=True))
    story.chapter("A login with a pre-shared key, revoked")
    reports.append(play(lab, story, swan, Login("psk", PSK_USER, PSK)))
    return reports


def keep(lab: Lab) -> None:
    print(f"""
Left up, as asked. In other terminals:
  ip netns exec {lab.gw.name} {lab.build}/tools/portcullisctl/portcullisctl --socket {lab.gateway.run_dir}/admin.sock show aaa sessions
  ip netns exec {lab.client.name} env STRONGSWAN_CONF={lab.directory}/swan-client/strongswan.conf swanctl --initiate --child net
  ip netns exec {lab.client.name} ping {HOST}
  echo 'User-Name = "{PSK_USER}"' | ip netns exec {lab.inside.name} radclient -x 10.10.0.1:3799 disconnect 'another long secret for disconnects'
Logs and configurations: {lab.directory}
Ctrl-C here removes everything.""", flush=True)
    signal.pause()


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was measured as JSON")
    parser.add_argument("--keep", action="store_true", help="leave everything up afterwards, until Ctrl-C")
    parser.add_argument("--directory", type=Path, help="where logs and configurations go (default: a new one below /tmp)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = options.directory or Path(tempfile.mkdtemp(prefix="portcullis-demo-"))
    story, reports = Story(), []
    story.say(reserve_hugepages())
    try:
        settings = Settings(psk_users={PSK_USER: PSK})
        with Lab(directory, settings) as lab:
            reports = perform(lab, story)
            lab.gateway.check_alive()
            if options.keep:
                keep(lab)
    except LabError as error:
        story.check(False, str(error))
    except KeyboardInterrupt:
        print("\nstopped; everything is cleaned up")
        return 130
    print("\n" + table(reports))
    complete = len(reports) == 3 and not story.failures
    if options.report:
        options.report.write_text(json.dumps({"verified": complete, "failures": story.failures, "logins": reports}, indent=2))
    print(f"\n{'every step verified' if complete else 'NOT verified: ' + '; '.join(story.failures or ['incomplete'])}"
          f" in {time.monotonic() - story.start:.0f} s; logs in {directory}")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
