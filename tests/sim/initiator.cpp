// The client's side of the window: one request at a time, repeated until answered; the gateway's requests answered from
// a cache.

#include "tests/sim/initiator.hpp"

#include <algorithm>

namespace sim {
namespace {

constexpr auto kFirstRepetition = std::chrono::milliseconds(500);
constexpr unsigned kTries = 12;

wire::Transform transform(wire::TransformType type, std::uint16_t id, std::uint16_t bits = 0) {
  return {type, id, bits};
}

}  // namespace

std::vector<wire::Transform> ClientSettings::default_ike() {
  using enum wire::TransformType;
  return {transform(encr, 20, 256), transform(prf, 6), transform(dh, 31)};
}

std::vector<wire::Proposal> ClientSettings::default_esp() {
  using enum wire::TransformType;
  return {{1,
           wire::ProtocolId::esp,
           {},
           {transform(encr, 20, 256), transform(encr, 20, 128), transform(esn, 0), transform(esn, 1)}}};
}

std::vector<wire::Selector> ClientSettings::everything() {
  return {{0, 0, 65535, common::IpAddress::v4(0), common::IpAddress::v4(0xFFFFFFFF)}};
}

Initiator::Initiator(World& network, Endpoint own, Endpoint gateway, ClientSettings wishes)
    : world(network), settings(std::move(wishes)), own_(own), gateway_(gateway) {
  world.attach(own_.address,
               [this](const Endpoint& from, const Endpoint&, ByteView bytes) { on_datagram(from, bytes); });
}

Initiator::~Initiator() { world.detach(own_.address); }

void Initiator::send_raw(ByteView message) {
  Bytes datagram;
  if (gateway_.port == 4500) datagram.resize(4);
  datagram.insert(datagram.end(), message.begin(), message.end());
  world.carry({own_.address, static_cast<std::uint16_t>(own_.port + nat_offset_)}, gateway_, datagram);
}

std::vector<Bytes> Initiator::seal(ClientSa& sa, wire::ExchangeType exchange, bool response, std::uint32_t message_id,
                                   const wire::PayloadWriter& payloads) {
  wire::IkeHeader header;
  header.initiator_spi = sa.spi_i;
  header.responder_spi = sa.spi_r;
  header.exchange = exchange;
  header.from_initiator = true;
  header.response = response;
  header.message_id = message_id;
  const std::uint64_t iv = 0xABCD'0000'0000'0000U | sa.sealed;
  std::vector<Bytes> messages;
  if (settings.fragmentation)
    messages = wire::seal_fragments(header, payloads, *sa.out, iv, settings.max_octets).value();
  else
    messages.push_back(wire::seal_message(header, payloads, *sa.out, iv).value());
  sa.sealed += static_cast<std::uint32_t>(messages.size());
  return messages;
}

Bytes Initiator::seal_next(wire::ExchangeType exchange, const wire::PayloadWriter& payloads) {
  ClientSa& sa = sas.back();
  return seal(sa, exchange, false, sa.next, payloads).front();
}

void Initiator::request(wire::ExchangeType exchange, const wire::PayloadWriter& payloads, Then then) {
  request_on(sas.size() - 1, exchange, payloads, std::move(then));
}

void Initiator::request_on(std::size_t index, wire::ExchangeType exchange, const wire::PayloadWriter& payloads,
                           Then then) {
  ClientSa& sa = sas[index];
  if (pending_) return fail("the window is not free");
  Pending pending;
  pending.sa = index;
  pending.message_id = sa.next++;
  pending.datagrams = seal(sa, exchange, false, pending.message_id, payloads);
  pending.then = std::move(then);
  pending.number = ++last_number_;
  pending_ = std::move(pending);
  transmit(pending_->number);
}

void Initiator::transmit(std::uint64_t number) {
  if (!pending_ || pending_->number != number) return;
  if (++pending_->tries > kTries) {
    pending_.reset();
    return fail("no answer");
  }
  for (const Bytes& message : pending_->datagrams) send_raw(message);
  world.after(kFirstRepetition * (1U << std::min(pending_->tries - 1, 4U)),
              [this, alive = std::weak_ptr(alive_), number] {
                if (!alive.expired()) transmit(number);
              });
}

void Initiator::on_datagram(const Endpoint& from, ByteView bytes) {
  if (from.port == 4500) {
    if (bytes.size() < 4) return fail("no room for the non-ESP marker");
    bytes = bytes.subspan(4);
  }
  const auto message = wire::parse_message(bytes);
  if (!message) return fail("the gateway sent nonsense");
  if (message->header.from_initiator) return fail("the gateway is no initiator");
  if (message->header.exchange == wire::ExchangeType::ike_sa_init) return on_init_answer(*message);
  for (std::size_t i = 0; i < sas.size(); ++i) {
    if (sas[i].spi_i != message->header.initiator_spi || sas[i].spi_r != message->header.responder_spi) continue;
    return message->header.response ? on_answer(i, *message) : on_request(i, *message);
  }
  fail("message for an unknown SA");
}

void Initiator::on_answer(std::size_t index, const wire::Message& message) {
  ClientSa& sa = sas[index];
  const auto fragment = message.encrypted->fragment;
  auto plain = wire::open(*message.encrypted, *sa.in);
  if (!plain) return fail("the answer cannot be decrypted");
  // Bit-identical repetition (RFC 7296 §2.1): compare what came under one message id and fragment number.
  if (index == 0) {
    const Bytes octets(message.octets.begin(), message.octets.end());
    const auto [first, fresh] = first_answers.try_emplace(message.header.message_id * 1000 + fragment, octets);
    if (!fresh && first->second != octets) answers_differed = true;
  }
  if (!pending_ || pending_->sa != index || pending_->message_id != message.header.message_id) return;
  wire::PayloadType first_inner = message.encrypted->first_inner;
  if (fragment != 0) {
    if (sa.answers.add(message.header.message_id, *message.encrypted, std::move(*plain)) !=
        wire::Reassembly::Outcome::complete)
      return;
    auto whole = sa.answers.take();
    first_inner = whole->first_inner;
    plain = std::move(whole->payloads);
  }
  const auto payloads = wire::parse_payloads(first_inner, *plain);
  if (!payloads) return fail("the answer's payloads do not parse");
  ++answers_seen;
  if (const wire::Notify* error = payloads->error()) refusal_ = error->type;
  const Then then = std::move(pending_->then);
  pending_.reset();
  if (then) then(*payloads);
}

void Initiator::on_request(std::size_t index, const wire::Message& message) {
  ClientSa& sa = sas[index];
  const auto plain = wire::open(*message.encrypted, *sa.in);
  if (!plain) return fail("the gateway's request cannot be decrypted");
  if (message.header.message_id + 1 == sa.expected) {
    for (const Bytes& answer : sa.answer) send_raw(answer);
    return;
  }
  if (message.header.message_id != sa.expected) return;
  const auto payloads = wire::parse_payloads(message.encrypted->first_inner, *plain);
  if (!payloads) return fail("the gateway's request does not parse");
  if (!answers_dpd) return;
  ++sa.expected;
  if (payloads->deletes.empty()) ++dpd_seen;
  for (const wire::Delete& deletion : payloads->deletes)
    if (deletion.protocol == wire::ProtocolId::ike) {
      deleted_by_gateway = true;
      sa.gone = true;
      established_ = false;
    }
  sa.answer = seal(sa, message.header.exchange, true, message.header.message_id, {});
  for (const Bytes& answer : sa.answer) send_raw(answer);
}

}  // namespace sim
