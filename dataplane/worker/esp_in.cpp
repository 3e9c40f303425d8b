// From ESP packets to the packets inside: SA, owner, replay pre-check, decryption of the burst, replay update, and what
// must hold of an inner packet (RFC 4303 §3.4, RFC 4301 §5.2).

#include "dataplane/esp/decapsulate.hpp"
#include "dataplane/esp/ecn.hpp"
#include "dataplane/packet/modify.hpp"
#include "dataplane/worker/context.hpp"
#include "dataplane/worker/flow.hpp"

namespace dataplane::worker {
namespace {

/// Packets that are ours to decrypt; positions are those in EspCandidates' arrays until here.
struct Opening {
  std::size_t count = 0;
  std::array<rte_mbuf*, kBurst> mbuf;
  std::array<sa::InboundSa*, kBurst> sa;
  std::array<sa::Session*, kBurst> session;
  std::array<std::uint64_t, kBurst> sequence;
  std::array<std::uint16_t, kBurst> candidate;
};

/// ESP that no SA of ours takes: for somebody behind us, or an error.
void refuse(Context& context, std::size_t at, DropReason reason) noexcept {
  rte_mbuf* mbuf = context.esp.mbuf[at];
  if (context.fib.lookup(context.esp.destination[at]).type() == route::ResultType::local)
    return context.drop(mbuf, reason);
  constexpr std::uint16_t kLinkOctets = sizeof(packet::EthernetHeader);
  packet::metadata(mbuf).origin = packet::Origin::clear;
  packet::metadata(mbuf).source = {};
  const std::uint16_t end = context.esp.offset[at] + context.esp.octets[at];
  rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(mbuf->data_len - end));
  rte_pktmbuf_adj(mbuf, kLinkOctets);
  context.to_route.push(mbuf);
}

/// Everything that can be said before the integrity check. nullopt: go on.
[[nodiscard]] std::optional<DropReason> check_before(Context& context, std::size_t at, sa::InboundSa& sa,
                                                     const sa::Session* session, std::uint64_t& sequence) noexcept {
  const EspCandidates& esp = context.esp;
  if (session == nullptr) return DropReason::session_ended;
  if (!context.forwarding) return DropReason::orphaned;
  if (context.now >= sa.end_tsc || context.now >= session->end_tsc.load(std::memory_order_relaxed))
    return DropReason::sa_expired;
  if (!esp::is_possible_length(sa.suite->facts, esp.octets[at])) return DropReason::truncated;
  const auto* header = rte_pktmbuf_mtod_offset(esp.mbuf[at], const packet::EspHeader*, esp.offset[at]);
  const std::uint32_t low = header->sequence.host();
  if (sa.esn) {
    const auto inferred = sa.replay.infer_esn(low);
    if (!inferred) return DropReason::replay_old;
    sequence = *inferred;
  } else {
    sequence = low;
  }
  const esp::Replay verdict = sa.replay.check(sequence);
  if (verdict == esp::Replay::duplicate) return DropReason::replay_duplicate;
  if (verdict == esp::Replay::old) return DropReason::replay_old;
  return std::nullopt;
}

/// Looks up the burst's SAs and starts the loads of everything that decryption needs.
void find_sas(Context& context, std::array<sa::InboundSa*, kBurst>& sas) noexcept {
  const EspCandidates& esp = context.esp;
  for (std::size_t i = 0; i < esp.count; ++i) {
    sa::InboundSa* sa = context.tables.find_inbound(esp.spi[i]);
    sas[i] = sa;
    if (sa == nullptr) continue;
    context.tables.prefetch_written(*sa);
    context.tables.prefetch_session(sa->session.index);
    rte_prefetch0(&sa->selectors);
    sa->suite->prefetch(sa->schedule, esp.octets[i]);
  }
}

/// Sorts the candidates out: ours to decrypt, another worker's, nobody's.
void select(Context& context, Opening& opening) noexcept {
  std::array<sa::InboundSa*, kBurst> sas;
  find_sas(context, sas);
  const EspCandidates& esp = context.esp;
  for (std::size_t i = 0; i < esp.count; ++i) {
    sa::InboundSa* sa = sas[i];
    if (sa == nullptr) {
      refuse(context, i, DropReason::unknown_spi);
      continue;
    }
    if (sa->local_v4.load(std::memory_order_relaxed) != esp.destination[i] ||
        sa->udp_encap.load(std::memory_order_relaxed) != (esp.source_port[i] != 0)) {
      refuse(context, i, DropReason::wrong_outer);
      continue;
    }
    rte_mbuf* mbuf = esp.mbuf[i];
    packet::metadata(mbuf).source = sa->session;
    if (sa->owner != context.env.index) {
      hand_off(context, sa->owner, mbuf);
      continue;
    }
    add_owned(context.statistics.esp_in, 1);
    sa::Session* session = context.tables.find_session(sa->session);
    std::uint64_t sequence = 0;
    if (const auto reason = check_before(context, i, *sa, session, sequence)) {
      context.drop(mbuf, *reason);
      continue;
    }
    const std::size_t at = opening.count++;
    opening.mbuf[at] = mbuf;
    opening.sa[at] = sa;
    opening.session[at] = session;
    opening.sequence[at] = sequence;
    opening.candidate[at] = static_cast<std::uint16_t>(i);
  }
}

/// Tells the manager what an authentic packet that advanced the window says about its peer (DESIGN chapter 3).
void notice_peer(Context& context, sa::Session& session, const sa::InboundSa& sa, std::size_t candidate) noexcept {
  const std::uint16_t port = context.esp.source_port[candidate];
  if (port == 0 || !session.may_move.load(std::memory_order_relaxed)) return;
  const std::uint32_t address = context.esp.source[candidate];
  if (session.remote_v4.load(std::memory_order_relaxed) == sa::Session::pack(address, port)) return;
  if (context.now - session.last_move_tsc < context.cycles_per_second) return;
  session.last_move_tsc = context.now;
  context.tell({.kind = sa::EventKind::peer_moved, .port_number = port, .session = sa.session, .address_v4 = address});
}

/// Everything that is checked behind the integrity check; on success the mbuf begins with the inner IP header.
[[nodiscard]] std::optional<DropReason> open(Context& context, Opening& opening, std::size_t at,
                                             common::MutableByteView payload) noexcept {
  sa::InboundSa& sa = *opening.sa[at];
  rte_mbuf* mbuf = opening.mbuf[at];
  const auto inner = esp::open_payload(payload);
  if (!inner) return inner.error();
  if (inner->next_header != packet::kProtocolIpv4) return DropReason::unsupported_protocol;
  const auto ip = packet::parse_ipv4(inner->octets);
  if (!ip) return DropReason::bad_inner;
  const std::uint8_t outer_ecn = context.esp.tos[opening.candidate[at]] & esp::kEcnMask;
  const auto ecn = esp::decapsulated_ecn(ip->header->tos & esp::kEcnMask, outer_ecn);
  if (!ecn) return DropReason::ecn_violation;
  const Flow flow = flow_of(*ip);
  if (!sa.selectors.allow(flow.destination, flow.source, flow.protocol)) return DropReason::selector_in;
  const auto octets = static_cast<std::uint32_t>(ip->packet.size());
  sa::Session& session = *opening.session[at];
  if (!policy::conforms(session.meter_in, session.input_rate_bits.load(std::memory_order_relaxed),
                        context.cycles_per_second, context.now, octets))
    return DropReason::policed;

  auto& header = *reinterpret_cast<packet::Ipv4Header*>(inner->octets.data());
  if (*ecn != (header.tos & esp::kEcnMask))
    packet::set_tos(header, static_cast<std::uint8_t>((header.tos & ~esp::kEcnMask) | *ecn));
  rte_pktmbuf_adj(mbuf, static_cast<std::uint16_t>(inner->octets.data() - rte_pktmbuf_mtod(mbuf, std::uint8_t*)));
  rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(mbuf->data_len - octets));
  packet::Metadata& about = packet::metadata(mbuf);
  about.origin = packet::Origin::decrypted;
  about.source_octets = octets;
  about.outer_ecn = outer_ecn;
  return std::nullopt;
}

/// One packet whose decryption is done.
void finish(Context& context, Opening& opening, std::size_t at, std::size_t in_batch) noexcept {
  sa::InboundSa& sa = *opening.sa[at];
  rte_mbuf* mbuf = opening.mbuf[at];
  if (context.batch.intact[in_batch] == 0) return context.drop(mbuf, DropReason::bad_icv);
  // Looks again: the same number may have come twice in this burst.
  const esp::Replay verdict = sa.replay.check_and_set(opening.sequence[at]);
  if (!esp::is_fresh(verdict))
    return context.drop(mbuf, verdict == esp::Replay::old ? DropReason::replay_old : DropReason::replay_duplicate);
  if (verdict == esp::Replay::advances) notice_peer(context, *opening.session[at], sa, opening.candidate[at]);
  if (sa.announce_first && !sa.first_announced) {
    sa.first_announced = true;
    context.tell({.kind = sa::EventKind::first_inbound,
                  .session = sa.session,
                  .sa = context.tables.spi_layout().index(context.esp.spi[opening.candidate[at]])});
  }
  const std::uint32_t octets = context.batch.octets[in_batch];
  sa.octets += octets;
  if (const auto reason = open(context, opening, at, {context.batch.payload[in_batch], octets}))
    return context.drop(mbuf, *reason);
  context.to_route.push(mbuf);
}

}  // namespace

void esp_in(Context& context) noexcept {
  Opening opening;
  select(context, opening);
  // Packets of one suite go through its cipher together; usually there is one.
  std::array<bool, kBurst> done{};
  std::array<std::uint16_t, kBurst> position;
  for (std::size_t first = 0; first < opening.count; ++first) {
    if (done[first]) continue;
    const crypto::SuiteOps* suite = opening.sa[first]->suite;
    context.batch.count = 0;
    for (std::size_t i = first; i < opening.count; ++i) {
      sa::InboundSa& sa = *opening.sa[i];
      if (done[i] || sa.suite != suite) continue;
      done[i] = true;
      position[context.batch.count] = static_cast<std::uint16_t>(i);
      const std::size_t candidate = opening.candidate[i];
      esp::decapsulate({.esp = rte_pktmbuf_mtod_offset(opening.mbuf[i], std::uint8_t*, context.esp.offset[candidate]),
                        .octets = context.esp.octets[candidate],
                        .esn = sa.esn,
                        .sequence = opening.sequence[i],
                        .salt = sa.salt,
                        .suite = suite,
                        .schedule = sa.schedule},
                       context.batch);
    }
    suite->decrypt(context.batch);
    for (std::size_t i = 0; i < context.batch.count; ++i) finish(context, opening, position[i], i);
  }
  context.esp.count = 0;
}

}  // namespace dataplane::worker
