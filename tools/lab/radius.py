"""A real FreeRADIUS with a configuration of its own, its records as it wrote them, and radclient beside it."""

from __future__ import annotations

import re
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from net import Host, Process
from pki import Authority

SECRET = "a long secret between gateway and radius"
DAE_SECRET = "another long secret for disconnects"


@dataclass
class Reply:
    """What radclient received."""
    code: str                      # "Disconnect-ACK", "Disconnect-NAK", or "none"
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""


class FreeRadius:
    """One server. `users` maps a name to the lines of FreeRADIUS's users file that follow it."""

    def __init__(self, host: Host, directory: Path, authority: Authority, name: str = "radius",
                 auth_port: int = 1812, acct_port: int = 1813, client: str = "0.0.0.0/0", secret: str = SECRET):
        self.host, self.name = host, name
        self.directory = directory / name
        self.auth_port, self.acct_port, self.client, self.secret = auth_port, acct_port, client, secret
        self._users: dict[str, str] = {}
        self._process: Process | None = None
        self._logs = directory
        for folder in ("mods", "run", "detail"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        credential = authority.issue("radius.lab.example", "serverAuth")
        self._write(authority, credential)

    def set_user(self, name: str, check: str, reply: dict[str, str] | None = None) -> None:
        """Adds or replaces a user; a running server rereads its file."""
        lines = [f"{name} {check}"]
        if reply:
            lines.append(",\n".join(f"\t{key} = {value}" for key, value in reply.items()))
        self._users[name] = "\n".join(lines)
        (self.directory / "users").write_text("\n".join(self._users.values()) + "\n")
        if self.running():  # a HUP says nothing about when the new file counts; a restart does
            self.stop()
            self.start()

    def start(self) -> None:
        self._process = self.host.start(self.name, ["freeradius", "-f", "-d", str(self.directory)], self._logs)
        self._process.wait_for_output("Ready to process requests")

    def stop(self) -> None:
        if self._process:
            self._process.stop()
            self._process = None

    def running(self) -> bool:
        return self._process is not None and self._process.running()

    @contextmanager
    def paused(self):
        """with server.paused(): it reads nothing, and answers later what has come meanwhile."""
        self._process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.signal(signal.SIGCONT)

    def log(self) -> str:
        return self._process.output() if self._process else ""

    def records(self) -> list[dict[str, str | list[str]]]:
        """Every accounting record so far, in the order of arrival, as the detail module wrote it."""
        path = self.directory / "detail" / "acct"
        if not path.exists():
            return []
        records = []
        for block in path.read_text().split("\n\n"):
            record: dict[str, str | list[str]] = {}
            for name, value in re.findall(r"^\t(\S+) [:+]?= (.*)$", block, re.MULTILINE):
                value = value.strip().strip('"')
                if name in record:
                    known = record[name]
                    record[name] = [*known, value] if isinstance(known, list) else [known, value]
                else:
                    record[name] = value
            if record:
                records.append(record)
        return records

    def stops(self, audit_session_id: str) -> list[dict[str, str | list[str]]]:
        wanted = f"audit-session-id={audit_session_id}"

        def matches(record):
            pairs = record.get("Cisco-AVPair", [])
            return wanted in (pairs if isinstance(pairs, list) else [pairs])
        return [record for record in self.records() if record.get("Acct-Status-Type") == "Stop" and matches(record)]

    def _write(self, authority: Authority, credential) -> None:
        directory = self.directory
        (directory / "users").write_text("")
        (directory / "radiusd.conf").write_text(f"""
name = {self.name}
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = {directory}
logdir = {directory}
run_dir = {directory}/run
pidfile = {directory}/run/radiusd.pid
correct_escapes = true
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
log {{
  destination = stdout
  auth = yes
}}
security {{
  max_attributes = 200
  reject_delay = 0
  status_server = yes
}}
thread pool {{
  start_servers = 2
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
client gateway {{
  ipaddr = {self.client}
  secret = "{self.secret}"
  require_message_authenticator = no
}}
modules {{
  files {{
    usersfile = {directory}/users
  }}
  pap {{
  }}
  mschap {{
  }}
  detail {{
    filename = {directory}/detail/acct
    permissions = 0600
  }}
  eap {{
    default_eap_type = mschapv2
    timer_expire = 60
    ignore_unknown_eap_types = no
    md5 {{
    }}
    mschapv2 {{
    }}
    tls-config lab {{
      private_key_file = {credential.key}
      certificate_file = {credential.certificate}
      ca_file = {authority.certificate}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      fragment_size = 1024
    }}
    tls {{
      tls = lab
    }}
    ttls {{
      tls = lab
      default_eap_type = md5
      virtual_server = inner
    }}
    peap {{
      tls = lab
      default_eap_type = mschapv2
      virtual_server = inner
    }}
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = *
    port = {self.auth_port}
  }}
  listen {{
    type = acct
    ipaddr = *
    port = {self.acct_port}
  }}
  authorize {{
    files
    eap {{
      ok = return
    }}
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
    Auth-Type MS-CHAP {{
      mschap
    }}
    eap
  }}
  post-auth {{
    # Stock FreeRADIUS 3.2.1 answers a request without EAP without a Message-Authenticator; named here, it is filled in.
    update reply {{
      Message-Authenticator := 0x00
    }}
    Post-Auth-Type REJECT {{
      update reply {{
        Message-Authenticator := 0x00
      }}
      eap
    }}
  }}
  preacct {{
  }}
  accounting {{
    detail
  }}
}}
server inner {{
  authorize {{
    files
    eap {{
      ok = return
    }}
    mschap
    pap
  }}
  authenticate {{
    Auth-Type PAP {{
      pap
    }}
    Auth-Type MS-CHAP {{
      mschap
    }}
    eap
  }}
}}
""")


def disconnect(host: Host, gateway: str, attributes: dict[str, str] | list[tuple[str, str]], port: int = 3799,
               secret: str = DAE_SECRET, timeout: float = 5, retries: int = 1) -> Reply:
    """Sends a Disconnect-Request with Debian's radclient and reads its answer. Values that start with 0x are octets."""
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    text = "\n".join(f"{name} = {value}" if value.startswith("0x") else f'{name} = "{value}"' for name, value in pairs) + "\n"
    output = host.run("radclient", "-x", "-t", str(timeout), "-r", str(retries), f"{gateway}:{port}", "disconnect", secret,
                      check=False, stdin=text, timeout=timeout * (retries + 1) + 10)
    answer = re.search(r"Received (Disconnect-\w+) .*\n((?:\t.*\n?)*)", output)
    if not answer:
        return Reply("none", text=output)
    found = dict(re.findall(r"^\t(\S+) = (.*)$", answer.group(2), re.MULTILINE))
    return Reply(answer.group(1), {name: value.strip('"') for name, value in found.items()}, output)
