"""The product under test: both processes in one namespace, their configuration, and portcullisctl."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from net import Host, LabError, Process, wait_for
from pki import Authority
from radius import DAE_SECRET, SECRET


@dataclass
class Settings:
    """What differs between tests. Everything else is in Gateway.configuration()."""
    workers: list[int] = field(default_factory=lambda: [1])
    idle: str = "sleep"
    accounting_profile: str = "extended"
    ack_mode: str = "complete"
    dae_profile: str = "cisco"
    radius_servers: list[tuple[str, int, int]] = field(default_factory=lambda: [("10.10.0.20", 1812, 1813)])
    hugepages: str = "auto"
    log_level: str = "debug"
    psk_users: dict[str, str] = field(default_factory=dict)   # identity: key
    durability: str = "fsync"
    quarantine: int = 1
    dpd: int = 30
    extra: str = ""                # more TOML
    dae_clients: str = ""          # more entries of aaa.dynamic-author clients


class Gateway:
    """Portcullis with two ports: `outside` on wan0 and `inside` on lan0 of its host."""

    OUTSIDE = "203.0.113.1"
    INSIDE = "10.10.0.1"

    def __init__(self, host: Host, directory: Path, build: Path, authority: Authority, settings: Settings | None = None):
        self.host, self.build, self.authority = host, build, authority
        self.settings = settings or Settings()
        self.directory = directory / "gateway"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.run_dir = self.directory / "run"
        self.state_dir = self.directory / "state"
        for folder in (self.run_dir, self.state_dir):
            folder.mkdir(exist_ok=True)
        self.credential = authority.issue("vpn.lab.example", "serverAuth")
        self.config = self.directory / "portcullis.toml"
        self.dataplane: Process | None = None
        self.controlplane: Process | None = None
        self._starts = 0

    def configuration(self) -> str:
        settings = self.settings
        servers = "".join(f"""
[[radius.server]]
name = "radius{number}"
address = "{address}"
auth-port = {auth}
acct-port = {acct}
server-key = "{SECRET}"
timeout = 500
retransmit = 2
dead-time = 20
""" for number, (address, auth, acct) in enumerate(settings.radius_servers, 1))
        keyring = ""
        if settings.psk_users:
            keyring = '[[ikev2.keyring]]\nname = "psk"\n' + "".join(
                f'[[ikev2.keyring.peer]]\nidentity = "{identity}"\npre-shared-key = "{key}"\n'
                for identity, key in settings.psk_users.items())
            matches = ", ".join(f'"{identity}"' for identity in settings.psk_users)
            keyring += f"""
[[ikev2.profile]]
name = "psk"
match-identity-remote = [{matches}]
identity-local = "vpn.lab.example"
authentication-local = "psk"
authentication-remote = ["psk"]
keyring = "psk"
pool = "clients"
dpd = {settings.dpd}
"""
        return f"""
[gateway]
name = "lab"
state-dir = "{self.state_dir}"
run-dir = "{self.run_dir}"
log-level = "{settings.log_level}"

[dataplane]
workers = {settings.workers}
main-cpu = 0
hugepages = "{settings.hugepages}"
memory = 512
sessions = 1000
idle = "{settings.idle}"

[[port]]
name = "outside"
role = "outside"
device = "net_af_packet0,iface=wan0,qpairs={len(settings.workers)}"

[[port]]
name = "inside"
role = "inside"
device = "net_af_packet1,iface=lan0,qpairs={len(settings.workers)}"

[[pool]]
name = "clients"
range = "10.99.0.10-10.99.0.250"
quarantine = {settings.quarantine}
subnets = ["10.10.0.0/16"]

[radius]
{servers}
[aaa.accounting]
profile = "{settings.accounting_profile}"
durability = "{settings.durability}"

[aaa.dynamic-author]
ack-mode = "{settings.ack_mode}"
clients = [
  {{address = "10.10.0.20", server-key = "{DAE_SECRET}", profile = "{settings.dae_profile}"}},
  {settings.dae_clients}
]

[[pki.trustpoint]]
name = "lab"
certificate = "{self.credential.certificate}"
key = "{self.credential.key}"
ca = ["{self.authority.certificate}"]

{keyring}
[[ikev2.profile]]
name = "users"
identity-local = "vpn.lab.example"
authentication-local = "certificate"
authentication-remote = ["eap", "certificate"]
trustpoint = "lab"
pool = "clients"
dpd = {settings.dpd}
{settings.extra}
"""

    def start(self) -> None:
        self.config.write_text(self.configuration())
        self.config.chmod(0o600)
        self.start_dataplane()
        self.start_controlplane()

    def start_dataplane(self) -> None:
        """The process, and what an operator's network configuration does when its TAPs appear."""
        self._starts += 1
        self.dataplane = self.host.start(f"dataplane-{self._starts}", [str(self.build / "dataplane" / "portcullis-dataplane"),
                                                       "--config", str(self.config)], self.directory, cpu=-1)
        self.dataplane.wait_for_output("ready", 30)
        for tap, address in (("outside", f"{self.OUTSIDE}/24"), ("inside", f"{self.INSIDE}/16")):
            self.host.address(tap, address)
        self.host.run("ip", "route", "replace", "default", "via", "203.0.113.254")

    def start_controlplane(self) -> None:
        self._starts += 1
        self.controlplane = self.host.start(f"controlplane-{self._starts}",
                                            [str(self.build / "controlplane" / "portcullis-controlplane"),
                                             "--config", str(self.config)], self.directory)
        self.controlplane.wait_for_output("ready", 20)

    def stop(self) -> list[int]:
        codes = [process.stop() for process in (self.controlplane, self.dataplane) if process]
        self.controlplane = self.dataplane = None
        return codes

    def ctl(self, *words: str, check: bool = True) -> str:
        return self.host.run(str(self.build / "tools" / "portcullisctl" / "portcullisctl"), "--socket",
                             str(self.run_dir / "admin.sock"), *words, check=check)

    def ctl_json(self, *words: str):
        return json.loads(self.ctl(*words, "--json"))

    def sessions(self) -> list[dict]:
        return self.ctl_json("show", "aaa", "sessions")["sessions"]

    def session_of(self, user: str, seconds: float = 10) -> dict:
        """The one session of a user, once it is there."""
        def find():
            found = [session for session in self.sessions() if session["user_name"] == user]
            return found[0] if found else None
        return wait_for(f"a session of {user}", find, seconds)

    def check_alive(self) -> None:
        for process in (self.dataplane, self.controlplane):
            if process and not process.running():
                raise LabError(f"{process.name} has ended:\n{process.tail()}")
