// The steps of FACTS B8a in their order. Nothing is remembered or answered before step 7 has passed, so a sender
// without the secret, or with an old packet, moves nothing but a counter (promise P5).
//
//   1 client   2 length   3 code   4 attributes   5 Request Authenticator   6 Message-Authenticator   7 Event-Timestamp
//   8 duplicate   9 unsupported attributes   10 NAS ids   11 session ids   12 (policy: no setting forbids a client)
//   13 capacity   14 the sessions, choose()   15 their end, acknowledge() or refuse()
//
// Not checked: whether RADIUS requests for the user would be routed to the sender (RFC 5176 §6.1 calls it optional).

#include "controlplane/dae/pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "controlplane/dae/reply.hpp"
#include "controlplane/radius/wire/authenticator.hpp"

namespace controlplane::dae {

using radius::wire::Code;
using radius::wire::ErrorCause;

namespace {

[[nodiscard]] bool is_coa(common::ByteView octets) noexcept {
  return !octets.empty() && octets[0] == static_cast<std::uint8_t>(Code::coa_request);
}

[[nodiscard]] RequestCounters& counters_of(const Request& request) noexcept {
  ClientCounters& counters = request.client->counters;
  return request.coa ? counters.coa : counters.disconnect;
}

[[nodiscard]] bool knows(const NasNames& names, const common::IpAddress& address) {
  return std::ranges::find(names.addresses, address) != names.addresses.end();
}

}  // namespace

Pipeline::Pipeline(const config::DynamicAuthor& config, NasNames names, Trace& trace, Limits limits)
    : names_(std::move(names)), window_(config.window), trace_(trace), limits_(limits), duplicates_(limits.duplicates) {
  clients_.update(config);
}

void Pipeline::reload(const config::DynamicAuthor& config, NasNames names) {
  clients_.update(config);
  window_ = config.window;
  // Addresses sent before stay ours: sessions of that time are called by them.
  for (const common::IpAddress& address : names_.addresses)
    if (!knows(names, address)) names.addresses.push_back(address);
  names_ = std::move(names);
}

void Pipeline::add_nas_address(const common::IpAddress& address) {
  if (!knows(names_, address)) names_.addresses.push_back(address);
}

void Pipeline::restore(std::span<const radius::StoredReply> replies, const Now& now) {
  for (const radius::StoredReply& reply : replies)
    if (reply.expires > now.wall)
      duplicates_.restore({reply.client, reply.identifier, reply.authenticator}, reply.reply, reply.expires - now.wall,
                          now.monotonic);
}

Decision Pipeline::receive(const Arrival& arrival, const Now& now) {
  // 1. RFC 5176 §2.3: the source address alone selects the secret, and an unknown one is discarded.
  const std::shared_ptr<Client>* found = clients_.find(arrival.remote.address, arrival.device);
  const bool coa = is_coa(arrival.octets);
  if (found == nullptr) {
    ++(coa ? counters_.coa_invalid_client_addresses : counters_.disconnect_invalid_client_addresses);
    if (trace_.wants_lines())
      trace_.line(discard_line(arrival.remote.address, Discard::unknown_client, arrival.octets.size()));
    return Silence{Discard::unknown_client};
  }
  const std::shared_ptr<Client> client = *found;
  // 2. Length (RFC 5176 §2.3, RFC 2865 §3).
  const auto packet = radius::wire::parse_header(arrival.octets);
  if (!packet) {
    const bool short_of = packet.error() == radius::wire::WireError::truncated;
    return discard(*client, arrival, short_of ? Discard::truncated : Discard::bad_length, coa);
  }
  // 3. Code.
  if (!coa && !packet->is(Code::disconnect_request)) return discard(*client, arrival, Discard::unknown_code, false);
  ++(coa ? client->counters.coa : client->counters.disconnect).requests;
  // 4. Attributes.
  if (!radius::wire::check_attributes(*packet)) return discard(*client, arrival, Discard::malformed, coa);
  // 5 and 6.
  if (const auto why = authenticate(*packet, *client)) return discard(*client, arrival, *why, coa);
  // 7.
  const Freshness freshness = check_freshness(*packet, *client, now);
  if (freshness.discard) return discard(*client, arrival, *freshness.discard, coa);

  auto request = std::make_shared<Request>();
  request->client = client;
  request->key = {arrival.remote, packet->identifier, packet->authenticator};
  request->local_port = arrival.local_port;
  request->received = now.wall;
  request->forgotten = now.wall + freshness.hold;
  request->coa = coa;
  read_common(*packet, *request);
  if (request->authorize_only) ++counters_of(*request).auth_only_requests;
  // 8.
  const DuplicateCache::Result seen = duplicates_.admit(request->key, freshness.hold, now.monotonic);
  if (seen.seen == DuplicateCache::Seen::in_progress || seen.seen == DuplicateCache::Seen::answered)
    return repeat(*request, seen.reply);
  if (trace_.wants_lines())
    for (const std::string& line : received_lines(*request, *packet)) trace_.line(line);
  const bool room = seen.seen == DuplicateCache::Seen::fresh && duplicates_.in_progress() <= limits_.in_progress;
  return judge(std::move(request), *packet, room);
}

Silence Pipeline::discard(Client& client, const Arrival& arrival, Discard why, bool coa) {
  count_discard(client.counters, why, coa);
  if (trace_.wants_lines()) trace_.line(discard_line(arrival.remote.address, why, arrival.octets.size()));
  return Silence{why};
}

std::optional<Discard> Pipeline::authenticate(const radius::wire::PacketView& packet, const Client& client) const {
  // 5. RFC 5176 §2.3: MD5 with 16 zero octets in the authenticator's place.
  if (!radius::wire::verify_request(packet, client.key.view())) return Discard::bad_authenticator;
  // 6. RFC 5176 §3.4: present but wrong is silently discarded.
  switch (radius::wire::check_message_authenticator(packet, {}, client.key.view())) {
    case radius::wire::MessageAuthenticator::invalid:
      return Discard::bad_message_authenticator;
    case radius::wire::MessageAuthenticator::absent:
      if (client.require_message_authenticator) return Discard::missing_message_authenticator;
      return std::nullopt;
    case radius::wire::MessageAuthenticator::valid:
      return std::nullopt;
  }
  return Discard::bad_message_authenticator;
}

Pipeline::Freshness Pipeline::check_freshness(const radius::wire::PacketView& packet, const Client& client,
                                              const Now& now) const {
  // 7. RFC 5176 §6.3: Event-Timestamp within the window of our time, on either side.
  const auto window = std::chrono::duration_cast<std::chrono::seconds>(window_).count();
  const std::int64_t here = common::unix_seconds(now.wall);
  std::int64_t ahead = 0;
  bool present = false;
  for (const radius::wire::Attribute item : packet.attributes) {
    if (item.type != radius::wire::attribute::kEventTimestamp) continue;
    present = true;
    const auto there = item.number();
    if (!there || static_cast<std::int64_t>(*there) > here + window ||
        static_cast<std::int64_t>(*there) < here - window)
      return {Discard::stale_timestamp, {}};
    ahead = std::max(ahead, static_cast<std::int64_t>(*there) - here);
  }
  if (!present && client.require_event_timestamp) return {Discard::missing_timestamp, {}};
  // A client whose clock is ahead could repeat its packet for longer than the window: until the window around its
  // timestamp ends. The answer is remembered as long; one second more, for timestamps have no fractions.
  return {std::nullopt, window_ + std::chrono::seconds(ahead + 1)};
}

Decision Pipeline::repeat(const Request& request, common::ByteView reply) {
  ++counters_of(request).duplicate_requests;
  // Not answered yet, or it could not be.
  if (reply.empty()) {
    ++request.client->counters.discards[static_cast<std::size_t>(Discard::in_progress)];
    return Silence{Discard::in_progress};
  }
  if (trace_.wants_lines())
    trace_.line(fmt::format("POD: {} id {} again: the same answer", request.key.client.address.to_string(),
                            request.key.identifier));
  return Answer{common::Bytes(reply.begin(), reply.end()), true};
}

Decision Pipeline::judge(std::shared_ptr<Request> request, const radius::wire::PacketView& packet, bool room) {
  const auto refused = [&](const Refusal& refusal) -> Decision {
    return std::visit([](auto&& outcome) -> Decision { return std::forward<decltype(outcome)>(outcome); },
                      refuse(*request, refusal));
  };
  if (request->coa) return refused(judge_coa(*request));
  // 9 to 11.
  std::vector<Tolerated> tolerated;
  const auto refusal = read_disconnect(packet, names_, *request, tolerated);
  note_tolerated(*request, tolerated);
  if (refusal) return refused(*refusal);
  // 13. Without a place in the duplicate cache a retransmission would be acted upon twice.
  if (!room) return refused({ErrorCause::resources_unavailable, 0});
  return Disconnect{std::move(request)};
}

Refusal Pipeline::judge_coa(const Request& request) const noexcept {
  // Changes of a living session are not offered yet. RFC 5176 §3.5: 406 Unsupported Extension is for lack of support of
  // an extension such as CoA; with Service-Type Authorize-Only the right word is 405 (§3.2).
  if (request.authorize_only) return {ErrorCause::unsupported_service, radius::wire::attribute::kServiceType};
  return {ErrorCause::unsupported_extension, 0};
}

void Pipeline::note_tolerated(const Request& request, const std::vector<Tolerated>& tolerated) {
  request.client->counters.tolerated += tolerated.size();
  for (const Tolerated& item : tolerated)
    trace_.note(fmt::format("POD: {} id {}: ignored attribute {}{}{}", request.key.client.address.to_string(),
                            request.key.identifier, item.type, item.text.empty() ? "" : " ", item.text));
}

std::variant<Answer, Approval, Silence> Pipeline::choose(const Request& request, std::size_t matches) {
  const auto refused = [&](ErrorCause cause) -> std::variant<Answer, Approval, Silence> {
    return std::visit(
        [](auto&& outcome) -> std::variant<Answer, Approval, Silence> {
          return std::forward<decltype(outcome)>(outcome);
        },
        refuse(request, {cause, 0}));
  };
  if (matches == 0 || request.contradictory) return refused(ErrorCause::session_context_not_found);
  // RFC 5176 §3: all that match, or none and 508.
  if (!request.selector.names_one() && matches > request.client->max_sessions_per_request)
    return refused(ErrorCause::multiple_session_selection_unsupported);
  Approval approval;
  approval.ack = make_ack(request);
  if (approval.ack.empty()) return no_reply(request);
  approval.durable = {request.key.client,        request.local_port, request.key.identifier,
                      request.key.authenticator, approval.ack,       request.forgotten};
  return approval;
}

Answer Pipeline::acknowledge(const Request& request, common::Bytes ack, std::size_t sessions) {
  RequestCounters& counters = counters_of(request);
  ++counters.acks;
  counters.sessions += sessions;
  if (trace_.wants_lines()) trace_.line(ack_line(request));
  duplicates_.conclude(request.key, ack);
  return {std::move(ack), false};
}

Silence Pipeline::no_reply(const Request& request) {
  count_discard(request.client->counters, Discard::no_reply, request.coa);
  duplicates_.conclude(request.key, {});
  return Silence{Discard::no_reply};
}

std::variant<Answer, Silence> Pipeline::refuse(const Request& request, const Refusal& refusal) {
  common::Bytes nak = make_nak(request, refusal.cause);
  if (nak.empty()) return no_reply(request);
  RequestCounters& counters = counters_of(request);
  ++counters.naks;
  ++request.client->counters.nak_causes[refusal.cause];
  if (request.authorize_only) ++counters.nak_auth_only_requests;
  if (refusal.cause == ErrorCause::session_context_not_found) ++counters.nak_session_no_context;
  if (trace_.wants_lines())
    for (const std::string& line : nak_lines(request, refusal)) trace_.line(line);
  duplicates_.conclude(request.key, nak);
  return Answer{std::move(nak), false};
}

}  // namespace controlplane::dae
