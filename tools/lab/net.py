"""Hosts of the laboratory: network namespaces, the wires between them, and captures on them.

Every name starts with the lab's own prefix, so that several labs can run side by side and each removes only its own.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


class LabError(Exception):
    """Something in the laboratory did not come up; the message says what, and shows what it said."""


def run(*argv: str, check: bool = True, timeout: float = 60, stdin: str | None = None) -> str:
    """Runs a command to its end and returns its output; its failure is a LabError that quotes it."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if not check else "")


def wait_for(what: str, condition, seconds: float = 10, interval: float = 0.02):
    """Polls until `condition()` gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(interval)


class Process:
    """A program in a namespace, its output in a file; ended by its own pid, never by name."""

    def __init__(self, name: str, argv: list[str], log: Path, env: dict[str, str] | None = None, talk: bool = False):
        """@param talk  it listens to what say() tells it"""
        self.name = name
        self.log = log
        self._file = open(log, "wb")
        self._popen = subprocess.Popen(
            argv, stdin=subprocess.PIPE if talk else subprocess.DEVNULL, stdout=self._file, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def say(self, line: str) -> None:
        """A line on its standard input."""
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def running(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for_output(self, text: str, seconds: float = 20) -> None:
        def seen():
            if text in self.output():
                return True
            if not self.running():
                raise LabError(f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}")
            return False
        try:
            wait_for(f"'{text}' from {self.name}", seen, seconds)
        except LabError as error:
            raise LabError(f"{error}\n{self.tail()}") from None

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.output().splitlines()[-lines:])

    def signal(self, number: int) -> None:
        if self.running():
            self._popen.send_signal(number)

    def stop(self, seconds: float = 15) -> int:
        """Asks it to end, waits, and kills it when it does not."""
        self.signal(signal.SIGTERM)
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            code = self.kill()
        self._file.close()
        if self._popen.stdin:
            self._popen.stdin.close()
        return code

    def kill(self) -> int:
        self.signal(signal.SIGKILL)
        return self._popen.wait()


@dataclass
class Packet:
    """One captured frame. `when` is seconds since 1970 by the kernel's clock, which all namespaces share."""
    when: float
    data: bytes


class Capture:
    """tcpdump on one interface of one host."""

    def __init__(self, host: "Host", interface: str, expression: str, directory: Path):
        self.path = directory / f"{host.short}-{interface}-{time.monotonic_ns()}.pcap"
        # Nanosecond stamps; a buffer that holds a busy second; packets written as they come.
        self._process = host.start(
            f"capture on {host.short}:{interface}",
            ["tcpdump", "-Z", "root", "-i", interface, "-n", "-U", "--immediate-mode", "-s", "200", "-B", "32768",
             "--time-stamp-precision=nano", "-w", str(self.path), *expression.split()], directory)
        self._process.wait_for_output("listening on")

    def stop(self) -> list[Packet]:
        # The kernel hands over what it holds within a moment; an unchanged file for 200 ms is the end of it.
        last = (-1, 0.0)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            size = self.path.stat().st_size if self.path.exists() else 0
            if size != last[0]:
                last = (size, time.monotonic())
            elif time.monotonic() - last[1] > 0.2:
                break
            time.sleep(0.02)
        self._process.stop()
        text = self._process.output()
        if "0 packets dropped by kernel" not in text:
            raise LabError(f"a capture lost packets:\n{text}")
        return read_pcap(self.path)


def read_pcap(path: Path) -> list[Packet]:
    """Reads a pcap file with nanosecond stamps."""
    data = path.read_bytes()
    magic, = struct.unpack_from("<I", data)
    if magic != 0xA1B23C4D:
        raise LabError(f"{path} is no nanosecond pcap")
    packets, at = [], 24
    while at + 16 <= len(data):
        seconds, nanos, length, _ = struct.unpack_from("<IIII", data, at)
        packets.append(Packet(seconds + nanos / 1e9, data[at + 16:at + 16 + length]))
        at += 16 + length
    return packets


class Host:
    """A network namespace."""

    def __init__(self, prefix: str, short: str):
        self.short = short
        self.name = f"{prefix}-{short}"
        run("ip", "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *argv: str, check: bool = True, timeout: float = 60, stdin: str | None = None) -> str:
        return run("ip", "netns", "exec", self.name, *argv, check=check, timeout=timeout, stdin=stdin)

    def start(self, name: str, argv: list[str], directory: Path, env: dict[str, str] | None = None,
              cpu: int | None = None, talk: bool = False) -> Process:
        """Starts a program here. Its CPU is 0 unless said: core 1 belongs to a worker."""
        pin = ["taskset", "-c", str(0 if cpu is None else cpu)] if cpu != -1 else []
        log = directory / f"{self.short}-{name.replace(' ', '-').replace('/', '-').replace(':', '-')}.log"
        return Process(name, ["ip", "netns", "exec", self.name, *pin, *argv], log, env, talk)

    def address(self, interface: str, *addresses: str) -> None:
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", interface)
        self.run("ip", "link", "set", interface, "up")

    def route(self, prefix: str, via: str) -> None:
        self.run("ip", "route", "replace", prefix, "via", via)

    def calm(self, interface: str) -> None:
        """Real checksums and no joined segments: what a wire would carry (veth hides both)."""
        self.run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off", check=False)

    def processes(self) -> list[int]:
        return [int(pid) for pid in run("ip", "netns", "pids", self.name, check=False).split() if pid.isdigit()]

    def remove(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run("ip", "netns", "delete", self.name, check=False)


def wire(a: Host, a_interface: str, b: Host, b_interface: str) -> None:
    """A veth between two hosts, calm at both ends."""
    run("ip", "-n", a.name, "link", "add", a_interface, "type", "veth", "peer", "name", b_interface, "netns", b.name)
    for host, interface in ((a, a_interface), (b, b_interface)):
        host.run("sysctl", "-qw", f"net.ipv6.conf.{interface}.disable_ipv6=1", check=False)
        host.calm(interface)
        host.run("ip", "link", "set", interface, "up")


def switch(host: Host, bridge: str, *interfaces: str) -> None:
    """A bridge inside `host` that joins its interfaces."""
    host.run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
    host.run("ip", "link", "set", bridge, "up")
    for interface in interfaces:
        host.run("ip", "link", "set", interface, "master", bridge)
