#!/usr/bin/env bash
# The dataplane alone, for real: two af_packet (DRIVER: af_xdp) ports over veths in namespaces. Addresses and routes are set with `ip` on
# the TAPs; frames to the gateway reach its host stack exactly once, frames through it go through the workers, and a clean
# end leaves nothing behind.
#   tests/interop/dataplane_smoke.sh [BUILD-DIRECTORY]        needs root
set -euo pipefail

build=$(realpath "${1:-build}")
top=$(realpath "$(dirname "$0")/../..")
workers=${WORKERS:-1}
driver=${DRIVER:-af_packet}
prefix=dpsmoke$$
gateway=$prefix-gw outside=$prefix-out inside=$prefix-in
scratch=$(mktemp -d /tmp/$prefix.XXXX)
dataplane=

say() { printf '%s\n' "-- $*"; }
fail() {
  printf '%s\n' "FAILED: $*" >&2
  tail -n 40 "$scratch/dataplane.log" >&2 || true
  exit 1
}
in_ns() { ip netns exec "$@"; }

finish() {
  [ -z "$dataplane" ] || kill -KILL "$dataplane" 2>/dev/null || true
  for name in "$gateway" "$outside" "$inside"; do ip netns delete "$name" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap finish EXIT

# wait_until SECONDS COMMAND...
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

link() {  # link INTERFACE-OF-GATEWAY NAMESPACE ADDRESS DEFAULT-GATEWAY
  ip -n "$gateway" link add "$1" type veth peer name eth0 netns "$2"
  ip -n "$gateway" link set "$1" up
  ip -n "$2" link set lo up
  ip -n "$2" link set eth0 up
  # A veth leaves checksums partial and joins segments; no wire does that.
  in_ns "$2" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
  ip -n "$2" address add "$3" dev eth0
  ip -n "$2" route add default via "$4"
}

for name in "$gateway" "$outside" "$inside"; do ip netns add "$name"; done
ip -n "$gateway" link set lo up
link wan0 "$outside" 198.51.100.2/24 198.51.100.1
link lan0 "$inside" 10.10.0.2/24 10.10.0.1

worker_list=$(seq -s, "$workers" | sed 's/[0-9]*/1/g')
cat > "$scratch/portcullis.toml" <<TOML
[gateway]
state-dir = "$scratch"
run-dir = "$scratch/run"

[dataplane]
workers = [$worker_list]
main-cpu = 0
hugepages = "off"
memory = 128
sessions = 64
idle = "sleep"

[[port]]
name = "outside"
role = "outside"
device = "net_${driver}0,iface=wan0"

[[port]]
name = "inside"
role = "inside"
device = "net_${driver}1,iface=lan0"

[[pool]]
name = "clients"
range = "10.99.0.0-10.99.0.255"

[aaa.accounting]
enabled = false
[aaa.authorization]
enabled = false
TOML
chmod 600 "$scratch/portcullis.toml"

say "starts"
ip netns exec "$gateway" "$build/dataplane/portcullis-dataplane" --config "$scratch/portcullis.toml" \
  2> "$scratch/dataplane.log" &
dataplane=$!
wait_until 20 grep -q 'ready$' "$scratch/dataplane.log" || fail "not ready"
ip -n "$gateway" address add 198.51.100.1/24 dev outside
ip -n "$gateway" address add 10.10.0.1/24 dev inside
in_ns "$gateway" nft list tables | grep -q 'netdev portcullis_wan0' || fail "no guard on wan0"

say "ping of the gateway itself, each request answered once"
in_ns "$outside" ping -q -c 20 -i 0.05 -W 2 198.51.100.1 > "$scratch/ping" || fail "$(cat "$scratch/ping")"
grep -q '20 received' "$scratch/ping" || fail "$(cat "$scratch/ping")"
! grep -q duplicates "$scratch/ping" || fail "$(cat "$scratch/ping")"

say "ping from the gateway"
in_ns "$gateway" ping -q -c 3 -i 0.1 -W 2 10.10.0.2 > "$scratch/ping" || fail "$(cat "$scratch/ping")"
! grep -q duplicates "$scratch/ping" || fail "$(cat "$scratch/ping")"

say "ping through the gateway; the first packets make the kernel resolve the neighbour"
ip -n "$gateway" neighbour flush dev inside
in_ns "$outside" ping -q -c 20 -i 0.1 -W 2 10.10.0.2 > "$scratch/ping" || fail "$(cat "$scratch/ping")"
received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$scratch/ping")
[ "$received" -ge 15 ] || fail "$(cat "$scratch/ping")"
ip -n "$gateway" neighbour show dev inside | grep -q '10.10.0.2 lladdr' || fail "the kernel does not know 10.10.0.2"
in_ns "$outside" ping -q -c 50 -i 0.02 -W 2 10.10.0.2 > "$scratch/ping" || fail "$(cat "$scratch/ping")"
grep -q '50 received' "$scratch/ping" || fail "$(cat "$scratch/ping")"
! grep -q duplicates "$scratch/ping" || fail "$(cat "$scratch/ping")"
hops=$(in_ns "$outside" ping -c 1 -W 2 10.10.0.2 | sed -n 's/.*ttl=\([0-9]*\).*/\1/p')
[ "$hops" = 63 ] || fail "TTL $hops: the packet did not take exactly one hop"

say "UDP: each datagram exactly once, through the gateway and to it; bulk TCP through it"
python3 - "$outside" "$inside" "$gateway" <<'PYTHON' || fail "datagrams were lost, repeated or changed"
import ctypes, os, socket, sys, threading, time

outside, inside, gateway = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)


def socket_in(namespace: str, kind: int) -> socket.socket:
    """A socket stays in the namespace in which it was made."""
    made = []

    def make() -> None:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        if libc.setns(fd, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(fd)
        made.append(socket.socket(socket.AF_INET, kind))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def udp_once(sender_ns: str, receiver_ns: str, address: str, count: int = 2000) -> None:
    receiver = socket_in(receiver_ns, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.bind((address, 5000))
    receiver.settimeout(1.0)
    sender = socket_in(sender_ns, socket.SOCK_DGRAM)
    seen: dict[bytes, int] = {}

    def send() -> None:
        for number in range(count):
            sender.sendto(number.to_bytes(4, "big") * 100, (address, 5000))
            time.sleep(0.0005)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        while True:
            datagram = receiver.recv(2048)
            seen[datagram] = seen.get(datagram, 0) + 1
    except TimeoutError:
        pass
    thread.join()
    expected = {number.to_bytes(4, "big") * 100: 1 for number in range(count)}
    if seen != expected:
        lost = len(expected.keys() - seen.keys())
        repeated = sum(times - 1 for times in seen.values())
        sys.exit(f"{sender_ns} -> {receiver_ns}: {lost} lost, {repeated} repeated, {len(seen.keys() - expected.keys())} foreign")


def tcp_bulk(client_ns: str, server_ns: str, address: str, octets: int = 8 << 20) -> None:
    listener = socket_in(server_ns, socket.SOCK_STREAM)
    listener.bind((address, 5001))
    listener.listen()
    listener.settimeout(10)
    client = socket_in(client_ns, socket.SOCK_STREAM)
    client.settimeout(30)

    def send() -> None:
        client.connect((address, 5001))
        client.sendall(bytes(octets))
        client.close()

    thread = threading.Thread(target=send)
    thread.start()
    connection, _ = listener.accept()
    connection.settimeout(30)
    got = 0
    while block := connection.recv(1 << 16):
        got += len(block)
    thread.join()
    if got != octets:
        sys.exit(f"TCP {client_ns} -> {server_ns}: {got} of {octets} octets")


udp_once(outside, inside, "10.10.0.2")
udp_once(inside, outside, "198.51.100.2")
udp_once(outside, gateway, "198.51.100.1", 500)
udp_once(gateway, inside, "10.10.0.2", 500)
tcp_bulk(outside, inside, "10.10.0.2")
tcp_bulk(inside, gateway, "10.10.0.1", 1 << 20)
PYTHON

say "pool addresses go nowhere, whatever the default route says"
ip -n "$gateway" route add default via 198.51.100.2
! in_ns "$inside" ping -q -c 2 -i 0.1 -W 0.5 10.99.0.7 > /dev/null || fail "an answer from an address without a session"
say "a killed dataplane leaves its guard, the next one replaces it"
kill -KILL "$dataplane"
wait "$dataplane" 2>/dev/null || true
in_ns "$gateway" nft list tables | grep -q 'netdev portcullis_wan0' || fail "the guard went with the killed process"
ip netns exec "$gateway" "$build/dataplane/portcullis-dataplane" --config "$scratch/portcullis.toml" \
  2> "$scratch/dataplane.log" &
dataplane=$!
wait_until 20 grep -q 'ready$' "$scratch/dataplane.log" || fail "not ready again"

say "SIGHUP keeps it running, SIGTERM ends it cleanly"
kill -HUP "$dataplane"
wait_until 5 grep -q 'configuration reloaded' "$scratch/dataplane.log" || fail "no reload"
kill -TERM "$dataplane"
status=0
wait "$dataplane" || status=$?
dataplane=
[ $status = 0 ] || fail "exit status $status"
[ -z "$(in_ns "$gateway" nft list tables)" ] || fail "nft tables are left: $(in_ns "$gateway" nft list tables)"
! ip -n "$gateway" link show outside > /dev/null 2>&1 || fail "the TAP is left"
[ ! -e "$scratch/run/channel.sock" ] || fail "the channel's socket is left"

say "wrong configuration: every error, exit 1"
sed -i 's/^memory = 128/memory = "much"/; s/^sessions = 64/sessions = 0/' "$scratch/portcullis.toml"
status=0
"$build/dataplane/portcullis-dataplane" --config "$scratch/portcullis.toml" 2> "$scratch/errors" || status=$?
[ $status = 1 ] || fail "exit status $status for a wrong configuration"
[ "$(grep -c '^error: ' "$scratch/errors")" -ge 2 ] || fail "not every error was told: $(cat "$scratch/errors")"
say "passed with $workers worker(s) on $driver"
