"""A pcap of inner packets, as they were before sealing and after opening."""

from __future__ import annotations

import struct
import time

NANOSECONDS, RAW_IP = 0xa1b23c4d, 101  # pcap's magic number and LINKTYPE_RAW


class Record:
    def __init__(self, path: str):
        self._file = open(path, "wb")
        self._file.write(struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, 65535, RAW_IP))
        self._file.flush()

    def __call__(self, packet: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        self._file.write(struct.pack("<IIII", seconds, nanoseconds, len(packet), len(packet)) + packet)
        self._file.flush()
