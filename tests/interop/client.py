"""The scripted client on a host of the laboratory, told what to do line by line, its events read as it says them."""

from __future__ import annotations

import json
from pathlib import Path

from lab import PYTHON, Lab
from net import Host, LabError, wait_for

PROGRAM = Path(__file__).resolve().parent / "scripted_peer.py"


class ScriptedClient:
    """Logs in by itself; `ask` and `say` afterwards."""

    def __init__(self, lab: Lab, host: Host, *arguments: str, user: str = "alice", password: str = "wonderland", name: str = "peer"):
        argv = [PYTHON, str(PROGRAM), "--gateway", "203.0.113.1", "--user", user, "--password", password, "--ca",
                str(lab.authority.certificate), "--commands", *arguments]
        self.process = lab.adopt(host.start(name, argv, lab.directory, talk=True))

    def events(self, name: str) -> list[dict]:
        lines = self.process.output().splitlines(keepends=True)
        return [json.loads(line) for line in lines if f'"event": "{name}"' in line and line.endswith("\n")]

    def event(self, name: str, number: int = 1, seconds: float = 20) -> dict:
        """The event of this name that is so many in order, once it is there."""
        def found():
            events = self.events(name)
            if len(events) >= number:
                return events
            if not self.process.running() and len(self.events(name)) < number:
                raise LabError(f"the client has ended without '{name}':\n{self.process.tail()}")
            return None
        return wait_for(f"event '{name}' of the client", found, seconds)[number - 1]

    def say(self, line: str) -> None:
        self.process.say(line)

    def ask(self, line: str, event: str, seconds: float = 20) -> dict:
        """Says it and waits for its answer."""
        number = len(self.events(event)) + 1
        self.say(line)
        return self.event(event, number, seconds)

    def status(self) -> dict:
        return self.ask("status", "status")

    def finish(self) -> dict:
        """Ends it, without a Delete, and gives its sums."""
        facts = self.ask("quit", "finished")
        wait_for("the client's end", lambda: not self.process.running())
        assert not self.events("failed") and not self.events("malformed"), self.process.tail()
        return facts


def sums_of(stop: dict) -> dict[str, int]:
    """A Stop record's counters as the client names its own: what the gateway's input is, the client has sent."""
    names = {"sent_packets": "Acct-Input-Packets", "sent_octets": "Acct-Input-Octets",
             "received_packets": "Acct-Output-Packets", "received_octets": "Acct-Output-Octets"}
    return {ours: int(stop[theirs]) for ours, theirs in names.items()}
