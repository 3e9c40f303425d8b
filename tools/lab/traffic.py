"""Numbered UDP streams: each datagram carries its number, so that what is missing, doubled or late has a name.

    python3 traffic.py send ADDRESS PORT RATE SECONDS [SIZE]     prints {"sent": n}
    python3 traffic.py receive PORT SECONDS                      prints {"received": n, "distinct": n, "highest": n, "missing": [...]}
    python3 traffic.py echo PORT                                 sends each datagram back, until it is stopped
Those that receive say "listening" first. Each stops early, and prints, on SIGTERM. Bounded in rate (at most 20,000 a second) and time (at most 120 s).
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import sys
import time

stopped = False


def stop(*_):
    global stopped
    stopped = True


def send(address: str, port: int, rate: float, seconds: float, size: int = 200, source_port: int = 0) -> dict:
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if source_port:
        out.bind(("", source_port))
    rate, seconds = min(rate, 20_000), min(seconds, 120)
    start, number, refused = time.monotonic(), 0, 0
    while not stopped and time.monotonic() - start < seconds:
        due = int((time.monotonic() - start) * rate) + 1
        while number < due and not stopped:
            try:
                out.sendto(struct.pack("!Q", number) + bytes(size - 8), (address, port))
            except OSError:  # no route any more: the tunnel is gone, which is what a revocation looks like
                refused += 1
            number += 1
        time.sleep(min(0.002, 1 / rate))
    return {"sent": number, "refused": refused}


def receive(port: int, seconds: float) -> dict:
    into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    into.bind(("", port))
    into.settimeout(0.05)
    print("listening", flush=True)
    seen, count, deadline = set(), 0, time.monotonic() + min(seconds, 120)
    while not stopped and time.monotonic() < deadline:
        try:
            data = into.recv(9000)
        except TimeoutError:
            continue
        count += 1
        seen.add(struct.unpack_from("!Q", data)[0])
    highest = max(seen, default=-1)
    missing = [number for number in range(highest) if number not in seen][:20]  # the first ones tell where to look
    return {"received": count, "distinct": len(seen), "highest": highest, "missing": missing}


def echo(port: int) -> dict:
    both = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    both.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    both.bind(("", port))
    both.settimeout(0.05)
    print("listening", flush=True)
    count = 0
    while not stopped:
        try:
            data, peer = both.recvfrom(9000)
        except TimeoutError:
            continue
        count += 1
        try:
            both.sendto(data, peer)
        except OSError:
            pass
    return {"echoed": count}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "send":
        numbers = [float(argument) for argument in arguments[2:4]]
        print(json.dumps(send(arguments[0], int(arguments[1]), *numbers, *(int(argument) for argument in arguments[4:]))))
    elif what == "receive":
        print(json.dumps(receive(int(arguments[0]), float(arguments[1]))))
    else:
        print(json.dumps(echo(int(arguments[0]))))
