"""A real strongSwan as a client: charon in a namespace, with the kernel-libipsec plugin, for the kernel here has no ESP.

The plugin decrypts in the daemon and speaks ESP in UDP only; its inner side is a TUN device, `ipsec0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from net import Host, LabError, Process, wait_for
from pki import Authority, Credential

PLUGINS = ("random nonce openssl pem pkcs1 pkcs8 x509 constraints pubkey hmac kdf gcm aes sha1 sha2 curve25519 mgf1 md5 "
           "drbg kernel-libipsec kernel-netlink socket-default vici eap-identity eap-mschapv2 eap-md5 eap-tls eap-ttls")


@dataclass
class Login:
    """How a client logs in. `method` is "psk", "certificate" or one of "eap-mschapv2", "eap-md5", "eap-tls", "eap-ttls"."""
    method: str
    identity: str
    secret: str = ""
    credential: Credential | None = None
    server_identity: str = "vpn.lab.example"
    proposal: str = "aes256gcm16-prfsha384-x25519"
    esp_proposal: str = "aes256gcm16"
    remote_ts: str = "10.10.0.0/16"
    extra_connection: str = ""
    extra_child: str = ""


class StrongSwan:
    """One charon. It is started once and can log in and out many times."""

    def __init__(self, host: Host, directory: Path, authority: Authority, gateway: str, name: str = "client"):
        self.host, self.gateway, self.authority = host, gateway, authority
        self.directory = directory / f"swan-{name}"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._vici = f"unix://{self.directory}/vici"
        self._process: Process | None = None
        (self.directory / "strongswan.conf").write_text(f"""
charon-systemd {{
  load = {PLUGINS}
  retransmit_tries = 3
  retransmit_timeout = 1.0
  retransmit_base = 1.5
  install_routes = yes
  delete_rekeyed_delay = 1
  filelog {{
    lab {{
      path = {self.directory}/charon.txt
      time_format = %T
      flush_line = yes
      default = 1
      ike = 2
      enc = 1
      cfg = 1
    }}
  }}
  plugins {{
    vici {{
      socket = {self._vici}
    }}
    openssl {{
      load_legacy = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 pkcs8 x509 openssl random
  socket = {self._vici}
}}
""")

    def start(self) -> None:
        env = {"STRONGSWAN_CONF": str(self.directory / "strongswan.conf")}
        self._process = self.host.start("charon", ["/usr/sbin/charon-systemd"], self.directory, env)
        wait_for("charon's control socket", lambda: (self.directory / "vici").exists() or not self._process.running())
        if not self._process.running():
            raise LabError(f"charon did not start:\n{self._process.tail()}")

    def stop(self) -> None:
        if self._process:
            self._process.stop()
            self._process = None

    def log(self) -> str:
        path = self.directory / "charon.txt"
        return path.read_text(errors="replace") if path.exists() else ""

    def configure(self, *logins: Login) -> None:
        """Loads a connection for each: "gw" with the child "net", then "gw2" with "net2", and so on."""
        folder = self.directory / "swanctl"
        for part in ("x509", "x509ca", "private"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "x509ca" / "ca.pem").write_bytes(self.authority.certificate.read_bytes())
        connections, secrets = [], []
        for number, login in enumerate(logins, 1):
            suffix = "" if number == 1 else str(number)
            if login.credential:
                (folder / "x509" / f"client{suffix}.pem").write_bytes(login.credential.certificate.read_bytes())
                (folder / "private" / f"client{suffix}.key").write_bytes(login.credential.key.read_bytes())
            connections.append(self._connection(login, suffix))
            kind = "ike" if login.method == "psk" else "eap"
            if login.secret:
                secrets.append(f'{kind}-{number} {{\n id = {login.identity}\n secret = "{login.secret}"\n}}')
        (folder / "swanctl.conf").write_text(f"connections {{\n{''.join(connections)}}}\nsecrets {{\n{chr(10).join(secrets)}\n}}\n")
        self._swanctl("--load-all", "--noprompt")

    def _connection(self, login: Login, suffix: str) -> str:
        server_auth = "psk" if login.method == "psk" else "pubkey"
        local = {"psk": "auth = psk", "certificate": f"auth = pubkey\n      certs = client{suffix}.pem"}.get(
            login.method, f"auth = {login.method}\n      eap_id = {login.identity}")
        if login.method in ("eap-tls", "eap-ttls"):  # the TLS server is RADIUS, which has a name of its own
            local += "\n      aaa_id = radius.lab.example"
        if login.method == "eap-tls":
            local += f"\n      certs = client{suffix}.pem"
        return f"""
  gw{suffix} {{
    version = 2
    remote_addrs = {self.gateway}
    vips = 0.0.0.0
    encap = yes
    proposals = {login.proposal}
    {login.extra_connection}
    local {{
      {local}
      id = {login.identity}
    }}
    remote {{
      auth = {server_auth}
      id = {login.server_identity}
    }}
    children {{
      net{suffix} {{
        remote_ts = {login.remote_ts}
        esp_proposals = {login.esp_proposal}
        {login.extra_child}
      }}
    }}
  }}
"""

    def login(self, seconds: int = 20, child: str = "net") -> tuple[bool, str]:
        """Initiates; True and the log of it where a tunnel came up."""
        output = self._swanctl("--initiate", "--child", child, "--timeout", str(seconds), check=False)
        return "initiate completed successfully" in output, output

    def logout(self) -> str:
        return self._swanctl("--terminate", "--ike", "gw", "--timeout", "5", check=False)

    def forget(self) -> None:
        """Drops the SA without waiting for the gateway, which may not know it any more."""
        self._swanctl("--terminate", "--ike", "gw", "--force", "--timeout", "1", check=False)

    def rekey(self, what: str) -> str:
        """`what` is "child" or "ike"."""
        return self._swanctl("--rekey", f"--{what}", "net" if what == "child" else "gw", check=False)

    def sas(self) -> str:
        return self._swanctl("--list-sas", check=False)

    def inner_address(self) -> str | None:
        """The address that the gateway gave us."""
        text = self.host.run("ip", "-4", "-o", "address", "show", check=False)
        for line in text.splitlines():
            fields = line.split()
            if fields[1] == "ipsec0":
                return fields[3].split("/")[0]
        return None

    def _swanctl(self, *arguments: str, check: bool = True) -> str:
        return self.host.run("env", f"STRONGSWAN_CONF={self.directory}/strongswan.conf",
                             f"SWANCTL_DIR={self.directory}/swanctl", "swanctl", *arguments, check=check, timeout=60)
