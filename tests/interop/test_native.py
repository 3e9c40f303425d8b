"""Native ESP, sealed and opened by scapy's IPsec layer: an implementation that shares nothing with ours, and no NAT between."""

import json

import pytest

from client import ScriptedClient, sums_of
from lab import DIRECT, HOST, Lab
from net import Process, read_pcap, wait_for
from scenes import Wires, greet, pod, stop_of
from scripted.esp import checksum

OCTETS = 100          # of a datagram's payload: captures keep 200 octets of a frame
RATE = "100"          # a second: sealing in Python is slow, and the machine may be busy
STREAM = f"stream {HOST}:7001 {RATE} {OCTETS}"
SUITES = {"gcm128": "esp-gcm 128", "gcm256": "esp-gcm 256"}
Packets = tuple[list[bytes], list[bytes]]  # from the client, to the client


def native_login(lab: Lab, esp: str) -> ScriptedClient:
    greet(lab)
    client = ScriptedClient(lab, lab.direct, "--native", "--esp", esp, "--record", str(lab.directory / "inner.pcap"))
    assert not client.event("ike_sa_init")["nat_found"]
    client.event("logged_in")
    suite, _, esn = esp.partition("-")
    child = lab.gateway.session_of("alice")["child"]
    assert (child["suite"], child["esn"], child["udp_encap"]) == (SUITES[suite], esn == "esn", False)
    return client


def by_direction(packets: list[bytes], inner: str) -> Packets:
    address = bytes(map(int, inner.split(".")))
    return [p for p in packets if p[12:16] == address], [p for p in packets if p[16:20] == address]


def outcome(process: Process) -> dict:
    """What a program of traffic.py says at its end."""
    process.stop()
    return json.loads(process.output().splitlines()[-1])


def settled(lab: Lab, client: ScriptedClient) -> dict:
    """The client's facts, once its sums and the gateway's stand still and agree."""
    last = {}

    def agree():
        session, last["facts"] = lab.gateway.session_of("alice"), client.status()
        last["gateway"] = {"sent_packets": session["in_packets"], "sent_octets": session["in_octets"],
                           "received_packets": session["out_packets"], "received_octets": session["out_octets"]}
        return last["facts"]["esp"] == last["gateway"]

    try:
        wait_for("equal sums", agree, 5)
    finally:
        print(last)
    return last["facts"]


def assert_one_hop(befores: list[bytes], afters: list[bytes]) -> None:
    """The same packets in the same order, each with one less to live and a right header checksum, and not an octet else."""
    for before, after in zip(befores, afters, strict=True):
        assert after == before[:8] + bytes([before[8] - 1]) + before[9:10] + after[10:12] + before[12:]
        assert checksum(after[:20]) == 0


def stream_both_ways(lab: Lab, client: ScriptedClient, inner: str) -> None:
    """Numbered streams and pings: nothing lost, nothing doubled, each packet as it was sent."""
    capture = lab.capture(lab.inside, "eth0", f"host {inner}")
    receiver = lab.traffic(lab.inside, "receive", "7001", "60")
    sender = lab.traffic(lab.inside, "send", inner, "40000", RATE, "60", str(OCTETS))
    client.say(STREAM)
    assert client.ask(f"ping {HOST} 2", "ping")["received"] == 2
    wait_for("both streams", lambda: min((facts := client.status())["sent"], facts["received"]) > 80)
    client.say("stream off")
    down = outcome(sender)
    facts = settled(lab, client)
    up = outcome(receiver)
    assert up["received"] == up["distinct"] == facts["sent"]
    assert facts["received"] == facts["distinct"] == down["sent"]
    assert facts["unsound"] == facts["unauthentic"] == 0
    sent, received = by_direction([packet.data for packet in read_pcap(lab.directory / "inner.pcap")], inner)
    came_out, went_in = by_direction([packet.data[14:] for packet in capture.stop()], inner)
    assert_one_hop(sent, came_out)
    assert_one_hop(went_in, received)


def drops(lab: Lab) -> dict[str, int]:
    counters = lab.gateway.ctl_json("show", "dataplane", "counters")
    return {name.removeprefix("drop."): value for name, value in counters.items() if name.startswith("drop.")}


@pytest.mark.parametrize("esp", ["gcm128", "gcm256", "gcm128-esn", "gcm256-esn"])
def test_native_esp_of_scapy(lab_with, esp):
    lab = lab_with()
    client = native_login(lab, esp)
    session = lab.gateway.session_of("alice")
    audit, inner = session["audit_session_id"], session["framed_ip_address"]
    wires = Wires(lab, inner, DIRECT)
    stream_both_ways(lab, client, inner)
    client.say("deaf")
    client.say(STREAM)
    sender = lab.traffic(lab.inside, "send", inner, "40000", RATE, "60", str(OCTETS))
    before, known = drops(lab), client.status()
    wait_for("both streams again", lambda: min((facts := client.status())["sent"] - known["sent"],
                                               facts["received"] - known["received"]) > 30)
    assert pod(lab, audit).code == "Disconnect-ACK"
    wait_for("packets after the end", lambda: drops(lab)["unknown_spi"] > before["unknown_spi"] + 30)
    client.say("stream off")
    sender.stop()
    stop = stop_of(lab, audit)
    wires.stop()
    wires.matches(stop)
    assert not wires.after(wires.acks[0].when) and not wires.clear
    assert len(wires.sent_out) > len(wires.forwarded_out), "the host went on sending, or this shows nothing"
    client.ask("hear", "delete_received")
    facts = client.finish()["esp"]
    assert {**facts, "sent_packets": 0, "sent_octets": 0} == {**sums_of(stop), "sent_packets": 0, "sent_octets": 0}
    dropped = {name: value - before[name] for name, value in drops(lab).items()}
    late = facts["sent_packets"] - int(stop["Acct-Input-Packets"]) - dropped["unknown_spi"]
    assert 0 <= late <= dropped["session_ended"], "each packet of the client is in the Stop, or counted as dropped"


def test_the_stop_of_a_quiet_session_is_what_the_client_counted(lab_with):
    lab = lab_with()
    client = native_login(lab, "gcm256-esn")
    session = lab.gateway.session_of("alice")
    stream_both_ways(lab, client, session["framed_ip_address"])
    assert pod(lab, session["audit_session_id"]).code == "Disconnect-ACK"
    stop = stop_of(lab, session["audit_session_id"])
    client.event("delete_received")
    assert sums_of(stop) == client.finish()["esp"]


def some(lab: Lab, client: ScriptedClient, count: int = 50) -> int:
    """So many more datagrams of the client's stream. @return how many it has sent in all"""
    target = client.status()["sent"] + count
    client.say(STREAM)
    wait_for("some datagrams", lambda: client.status()["sent"] >= target)
    client.say("stream off")
    return client.status()["sent"]


def test_replayed_and_broken_packets_are_counted_and_change_nothing(lab_with):
    lab = lab_with()
    client = native_login(lab, "gcm256-esn")
    receiver = lab.traffic(lab.inside, "receive", "7001", "60")
    before, sent = drops(lab), some(lab, client)
    wait_for("the stream", lambda: lab.gateway.session_of("alice")["in_packets"] == sent)
    client.say("replay")
    wait_for("the replayed one", lambda: drops(lab)["replay_duplicate"] == before["replay_duplicate"] + 1)
    client.say("sequence 1000000")  # a packet from far ahead, were it authentic
    client.say(f"broken {HOST}:7001")
    wait_for("the broken one", lambda: drops(lab)["bad_icv"] == before["bad_icv"] + 1)
    client.say(f"sequence {sent}")
    sent = some(lab, client)
    session = wait_for("what came after", lambda: (now := lab.gateway.session_of("alice"))["in_packets"] == sent and now)
    assert session["in_drops"] == {"replay_duplicate": 1, "bad_icv": 1}, "the window has not moved"
    received = outcome(receiver)
    assert received["received"] == received["distinct"] == sent
    assert {name: value - before[name] for name, value in drops(lab).items() if value != before[name]} == session["in_drops"]
    client.ask("logout", "logged_out")


def test_extended_sequence_numbers_beyond_32_bits(lab_with):
    lab = lab_with()
    client = native_login(lab, "gcm128-esn")
    receiver = lab.traffic(lab.inside, "receive", "7001", "60")
    before, sent = drops(lab), 0
    for start in (2**31 - 25, 2**32 - 25, 2**32 + 2**31, 2**33 - 25):  # each within reach of the last (RFC 4303 App. A2)
        client.say(f"sequence {start}")
        sent = some(lab, client)
        wait_for(f"those from {start:#x} on", lambda: lab.gateway.session_of("alice")["in_packets"] == sent)
    received = outcome(receiver)
    assert received["received"] == received["distinct"] == sent
    assert drops(lab) == before
    client.ask("logout", "logged_out")
