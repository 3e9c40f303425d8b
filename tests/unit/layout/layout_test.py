"""Who may include whom (floors), how large a file may grow, and what lies at the top: read from the files themselves.

    layout_test.py ROOT
"""

import re
import sys
from pathlib import Path

DATAPLANE = ["ids", "eal", "packet", "crypto", "esp", "sa", "policy", "route", "worker", "exception", "manager"]
#: Rooms side by side on the ground floor: none includes another, but for what is named.
GROUND = {"ids": set(), "eal": {"ids"}, "packet": {"ids"}, "crypto": set()}
CONTROLPLANE = {
    "net": set(), "crypto": set(), "radius/wire": set(), "ike/wire": {"crypto"}, "dataplane": set(),
    "radius": {"net", "radius/wire"},
    "session": {"net", "radius", "radius/wire", "dataplane"},
    "ike": {"crypto", "ike/wire", "session"},
    "dae": {"net", "radius/wire", "radius", "session"},
    "admin": {"session", "dataplane", "radius", "dae", "ike"},
}
PURE = {"controlplane/radius/wire", "controlplane/ike/wire", "controlplane/ike", "common", "common/channel"}
IMPURE = re.compile(r'#include <(boost/asio|sys/socket|netinet/|sys/epoll|sqlite3|thread|mutex|rte_)')
TOP = {"meson.build", "dataplane", "controlplane", "common", "config", "tests", "perf", "tools", "README.md", "LICENSE"}


def room_of(path: str) -> str:
    """"controlplane/ike/wire" for a file in it; files beside main.cpp are "controlplane" or "dataplane"."""
    return path.rsplit("/", 1)[0] if "/" in path else ""


def may_include(room: str, other: str) -> bool:
    side, _, inner = room.partition("/")
    other_side, _, other_inner = other.partition("/")
    if room == other or other_side == "common":
        return side != "common" or other_side == "common"
    if other_side == "config":
        return side not in ("common",)
    if side != other_side or side in ("common", "config"):
        return False
    if not inner:
        return True
    if side == "dataplane":
        if inner in GROUND:
            return other_inner in GROUND[inner]
        return DATAPLANE.index(other_inner) < DATAPLANE.index(inner)
    return other_inner in CONTROLPLANE[inner]


def main() -> int:
    root = Path(sys.argv[1])
    wrong = []
    for entry in root.iterdir():
        if not entry.name.startswith(".") and entry.name not in TOP and not entry.name.startswith("build"):
            wrong.append(f"{entry.name}: the top level is fixed")
    seen = 0
    for top in ("common", "config", "controlplane", "dataplane"):
        for file in sorted(root.glob(f"{top}/**/*.?pp")):
            seen += 1
            name = file.relative_to(root).as_posix()
            text = file.read_text()
            lines = text.count("\n")
            if lines > 800:
                wrong.append(f"{name}: {lines} lines; a file has 800 at most")
            room = room_of(name)
            if room in PURE and (found := IMPURE.search(text)):
                wrong.append(f"{name}: {found.group(0)}> in a room without I/O")
            for included in re.findall(r'#include "([^"]+)"', text):
                if "/" not in included or not may_include(room, room_of(included)):
                    wrong.append(f"{name}: may not include {included}")
    for folder in ("common", "config", "dataplane", "controlplane", "tools", "tests", "perf"):
        if not (root / folder / "README.md").exists():
            wrong.append(f"{folder}/README.md is missing")
    print("\n".join(wrong) or f"{seen} files, all in their place")
    return 1 if wrong or seen < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
