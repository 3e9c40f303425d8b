"""The scripted peer against a real strongSwan as the gateway: what it says is IKEv2 and ESP to somebody else as well.

Needs root for its two namespaces ("spt-…"), and charon-systemd with kernel-libipsec. Run by pytest, or as a program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools" / "lab"))

from net import Host, wait_for, wire  # noqa: E402
from pki import Authority  # noqa: E402
from strongswan import PLUGINS  # noqa: E402

GATEWAY, CLIENT, PROTECTED = "203.0.113.1", "203.0.113.2", "10.88.0.1"

CONF = """
charon-systemd {{
  load = {plugins}
  dos_protection = no
  retransmit_tries = 1
  retransmit_timeout = 0.3
  {extra}
  filelog {{
    lab {{
      path = {folder}/charon.txt
      flush_line = yes
      default = 1
      ike = 2
      cfg = 2
    }}
  }}
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
    openssl {{
      load_legacy = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 pkcs8 x509 openssl random
  socket = unix://{folder}/vici
}}
"""

SWANCTL = """
connections {
  common {
    version = 2
    local_addrs = 203.0.113.1
    pools = pool
    encap = yes
    fragmentation = yes
    send_cert = always
    unique = never
    rekey_time = 0
    proposals = aes256gcm16-prfsha384-x25519,aes256-sha256-prfsha256-modp2048,aes256-sha256-prfsha256-ecp256
    local { LOCAL }
    remote { REMOTE }
    children {
      net {
        local_ts = 10.88.0.0/24
        esp_proposals = aes256gcm16-noesn,aes256gcm16-esn-noesn,aes256-sha256,aes256gcm16-modp2048,aes256-sha256-modp2048
        rekey_time = 0
      }
    }
  }
}
pools {
  pool {
    addrs = 10.77.0.0/24
    dns = 10.88.0.1
  }
}
secrets {
  ike-1 { secret = "a pre-shared key" }
  eap-1 { id = alice
    secret = "pass word" }
  private-1 { file = gateway.key }
}
"""


class Gateway:
    """strongSwan as a responder, for one kind of login."""

    def __init__(self, folder: Path, host: Host, authority: Authority, local: str, remote: str, extra: str = ""):
        self.folder, self.host = folder, host
        folder.mkdir()
        for part in ("x509", "x509ca", "private"):
            (folder / part).mkdir()
        credential = authority.issue("gw.example", "serverAuth")
        (folder / "x509" / "gateway.pem").write_bytes(credential.certificate.read_bytes())
        (folder / "private" / "gateway.key").write_bytes(credential.key.read_bytes())
        (folder / "x509ca" / "ca.pem").write_bytes(authority.certificate.read_bytes())
        (folder / "strongswan.conf").write_text(CONF.format(folder=folder, plugins=PLUGINS, extra=extra))
        (folder / "swanctl.conf").write_text(SWANCTL.replace("LOCAL", local).replace("REMOTE", remote))
        self.process = host.start("charon", ["/usr/sbin/charon-systemd"], folder,
                                  {"STRONGSWAN_CONF": str(folder / "strongswan.conf")})
        wait_for("charon's control socket", lambda: (folder / "vici").exists())
        self.swanctl("--load-all", "--noprompt")

    def swanctl(self, *arguments: str, check: bool = True) -> str:
        return self.host.run("env", f"STRONGSWAN_CONF={self.folder}/strongswan.conf", f"SWANCTL_DIR={self.folder}", "swanctl",
                             *arguments, check=check)

    def stop(self) -> None:
        self.process.stop()


class Bench:
    """Two hosts and a wire; an echo of UDP behind the gateway."""

    def __enter__(self) -> "Bench":
        self._folder = tempfile.TemporaryDirectory(prefix="spt-")
        self.folder = Path(self._folder.name)
        self.gateway, self.client = Host("spt", "gw"), Host("spt", "client")
        wire(self.gateway, "out", self.client, "out")
        self.gateway.address("out", f"{GATEWAY}/24")
        self.gateway.address("lo", f"{PROTECTED}/32")
        self.client.address("out", f"{CLIENT}/24")
        self.authority = Authority(self.folder / "pki")
        self.echo = self.gateway.start("echo", [sys.executable, str(HERE.parent.parent / "tools/lab/traffic.py"), "echo", "7000"],
                                       self.folder)
        self.count = 0
        return self

    def __exit__(self, *_) -> None:
        self.echo.stop()
        for host in (self.gateway, self.client):
            host.remove()
        self._folder.cleanup()

    def responder(self, local: str, remote: str, extra: str = "") -> Gateway:
        self.count += 1
        return Gateway(self.folder / f"gateway-{self.count}", self.gateway, self.authority, local, remote, extra)

    def peer(self, *arguments: str, commands: str = "") -> tuple[int, list[dict]]:
        argv = ["ip", "netns", "exec", self.client.name, sys.executable, str(HERE / "scripted_peer.py"), "--gateway", GATEWAY, *arguments]
        done = subprocess.run(argv, input=commands, capture_output=True, text=True, timeout=60)
        assert not done.stderr, done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def one(events: list[dict], name: str) -> dict:
    found = [event for event in events if event["event"] == name]
    assert len(found) == 1, (name, events)
    return found[0]


PSK = ("--psk", "a pre-shared key", "--id", "phone@example.org")
EAP = ("--user", "alice", "--password", "pass word")
STREAM = ("--stream", f"{PROTECTED}:7000", "--rate", "200")


def check_traffic(events: list[dict]) -> None:
    """Everything came back, and both ends' sums agree with the stream's."""
    finished = one(events, "finished")
    assert finished["sent"] >= 100 and finished["received"] == finished["distinct"] == finished["sent"], finished
    assert finished["unsound"] == 0
    assert finished["esp"]["sent_octets"] == finished["sent"] * (200 + 28)


def psk(bench: Bench) -> None:
    gateway = bench.responder("auth = psk\n id = gw.example", "auth = psk")
    try:
        for esp in ("gcm256", "gcm256-esn", "cbc256-sha256"):
            status, events = bench.peer(*PSK, *STREAM, "--seconds", "1", "--esp", esp)
            assert status == 0, events
            assert one(events, "logged_in")["inner"].startswith("10.77.0.") and one(events, "logged_in")["dns"] == [PROTECTED]
            check_traffic(events)
        status, events = bench.peer("--psk", "another key", "--id", "x@example.org", "--timeout", "0.5")
        assert status == 1 and "AUTHENTICATION_FAILED" in one(events, "login_failed")["error"], events
    finally:
        gateway.stop()


def personas(bench: Bench) -> None:
    gateway = bench.responder("auth = pubkey\n certs = gateway.pem\n id = gw.example", "auth = eap-mschapv2\n eap_id = %any")
    try:
        for persona in ("windows", "ios", "android", "plain"):
            status, events = bench.peer(*EAP, *STREAM, "--seconds", "1", "--persona", persona, "--ca", str(bench.authority.certificate))
            assert status == 0, events
            assert one(events, "eap_success")["identity_asked"]
            how = one(events, "gateway_authenticated")["method"]
            assert how == (1 if persona == "windows" else 14), events
            check_traffic(events)
        status, events = bench.peer("--user", "alice", "--password", "wrong", "--persona", "android")
        assert status == 1 and "EAP-Failure" in one(events, "login_failed")["error"], events
    finally:
        gateway.stop()


def rekeys(bench: Bench) -> None:
    gateway = bench.responder("auth = psk\n id = gw.example", "auth = psk", "cookie_threshold = 0\n cookie_threshold_ip = 0")
    try:
        status, events = bench.peer(*PSK, *STREAM, "--persona", "ios", "--seconds", "2", "--rekey-child-octets", "20000")
        assert status == 0, events
        pfs = [event["pfs"] for event in events if event["event"] == "child_rekeyed"]
        assert len(pfs) >= 4 and pfs[:4] == [True, False, True, False], events
        check_traffic(events)
        commands = f"stream {PROTECTED}:7000 200\nrekey-ike\nrekey-child\nrekey-ike\ndpd\nping {PROTECTED} 3\nstream off\nstatus\nlogout\nquit\n"
        status, events = bench.peer(*PSK, "--commands", commands=commands)
        assert status == 0 and one(events, "dpd")["alive"] and one(events, "ping")["received"] == 3, events
        assert len([event for event in events if event["event"] == "ike_rekeyed"]) == 2
    finally:
        gateway.stop()


def deletes(bench: Bench) -> None:
    """The gateway ends the session under the stream: one client stops, a deaf one goes on."""
    gateway = bench.responder("auth = psk\n id = gw.example", "auth = psk")
    argv = ["ip", "netns", "exec", bench.client.name, sys.executable, str(HERE / "scripted_peer.py"), "--gateway", GATEWAY, *PSK, *STREAM]
    try:
        for deaf in (False, True):
            client = subprocess.Popen([*argv, "--seconds", "3", *(["--deaf", "--leave"] if deaf else [])], stdout=subprocess.PIPE, text=True)
            events = []
            for line in client.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "logged_in":
                    wait_for("traffic", lambda: "10.77.0" in gateway.swanctl("--list-sas"))
                    gateway.swanctl("--terminate", "--ike", "common", "--timeout", "1", check=False)
            assert client.wait() == 0, events
            finished = one(events, "finished")
            assert finished["deleted"] is not deaf, events
            assert bool([event for event in events if event["event"] == "delete_received"]) is not deaf
            assert (finished["sent"] > 500) is deaf, finished
            if deaf:
                assert finished["received"] < finished["sent"], finished
    finally:
        gateway.stop()


def test_scripted_peer() -> None:
    with Bench() as bench:
        for case in (psk, personas, rekeys, deletes):
            case(bench)


if __name__ == "__main__":
    test_scripted_peer()
    print("ok")
