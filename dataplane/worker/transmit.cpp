// Onto the wire, and only then into the counters: a packet is counted once, when the port has taken it (P2).

#include <cstring>

#include <rte_ethdev.h>

#include "dataplane/worker/context.hpp"

namespace dataplane::worker {
namespace {

/// Adds up packets of one session in a row, so that its counters are touched once a run.
class Run {
 public:
  Run(Context& context, bool input) noexcept : context_(context), input_(input) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { flush(); }

  void add(ids::SessionRef session, std::uint32_t octets) noexcept {
    if (session != session_) {
      flush();
      session_ = session;
    }
    ++packets_;
    octets_ += octets;
  }

 private:
  void flush() noexcept {
    if (!session_.is_nobody())
      if (sa::Session* session = context_.tables.find_counters(session_)) {
        if (session->owner == context_.env.index)
          count(session->own);
        else
          count(session->foreign);
      }
    packets_ = 0;
    octets_ = 0;
  }
  void count(sa::OwnCounters& own) const noexcept {
    input_ ? own.count_in(packets_, octets_) : own.count_out(packets_, octets_);
    (input_ ? own.last_in_tsc : own.last_out_tsc).set(context_.now);
  }
  void count(sa::ForeignCounters& foreign) const noexcept {
    input_ ? foreign.count_in(packets_, octets_) : foreign.count_out(packets_, octets_);
    (input_ ? foreign.last_in_tsc : foreign.last_out_tsc).raise(context_.now);
  }

  Context& context_;
  const bool input_;
  ids::SessionRef session_;
  std::uint64_t packets_ = 0;
  std::uint64_t octets_ = 0;
};

void flush(Context& context, std::size_t at) noexcept {
  TxBuffer& buffer = context.tx[at];
  if (buffer.count == 0) return;
  const PortBinding& port = context.env.ports[at];
  const std::uint16_t taken =
      rte_eth_tx_burst(port.port_id, port.tx_queue, buffer.mbuf.data(), static_cast<std::uint16_t>(buffer.count));
  std::uint64_t octets = 0;
  {
    Run input(context, true);
    Run output(context, false);
    for (std::size_t i = 0; i < taken; ++i) {
      const TxBuffer::Record& record = buffer.record[i];
      input.add(record.source, record.source_octets);
      output.add(record.destination, record.destination_octets);
      octets += record.frame_octets;
    }
  }
  for (std::size_t i = taken; i < buffer.count; ++i) context.drop(buffer.mbuf[i], DropReason::tx_full);
  add_owned(context.statistics.tx_packets, taken);
  add_owned(context.statistics.tx_octets, octets);
  buffer.count = 0;
}

}  // namespace

void send_frame(Context& context, common::PortIndex port, rte_mbuf* mbuf) noexcept {
  TxBuffer& buffer = context.tx[port.value()];
  if (buffer.count == kBurst) flush(context, port.value());
  const packet::Metadata& about = packet::metadata(mbuf);
  buffer.mbuf[buffer.count] = mbuf;
  buffer.record[buffer.count] = {about.source, about.destination, about.source_octets, about.destination_octets,
                                 mbuf->pkt_len};
  ++buffer.count;
}

void send_packet(Context& context, const route::Adjacency& adjacency, rte_mbuf* mbuf) noexcept {
  char* front = rte_pktmbuf_prepend(mbuf, sizeof(packet::EthernetHeader));
  if (front == nullptr) return context.drop(mbuf, DropReason::no_buffer);
  std::memcpy(front, adjacency.ethernet.data(), adjacency.ethernet.size());
  constexpr std::array<std::uint8_t, 2> kType = {packet::kEtherIpv4 >> 8U, packet::kEtherIpv4 & 0xFFU};
  std::memcpy(front + adjacency.ethernet.size(), kType.data(), kType.size());
  send_frame(context, adjacency.port, mbuf);
}

void transmit(Context& context) noexcept {
  for (std::size_t at = 0; at < context.tx.size(); ++at) flush(context, at);
}

}  // namespace dataplane::worker
