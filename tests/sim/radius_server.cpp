// The simulated RADIUS server. mallory is rejected, keyless logs in without keys; everybody else has two rounds of a
// made-up method and keys that both ends can compute.

#include "tests/sim/radius_server.hpp"

#include <algorithm>

#include "controlplane/radius/wire/authenticator.hpp"
#include "controlplane/radius/wire/hiding.hpp"
#include "controlplane/radius/wire/writer.hpp"
#include "tests/sim/fake_door.hpp"

namespace sim {
namespace {

namespace attribute = radius_wire::attribute;
using radius_wire::Code;
using radius_wire::PacketView;
using radius_wire::PacketWriter;

std::uint32_t number(const PacketView& packet, std::uint8_t type) {
  const auto found = packet.find(type);
  return found ? found->number().value_or(0) : 0;
}

std::uint64_t wide(const PacketView& packet, std::uint8_t low, std::uint8_t high) {
  return std::uint64_t{number(packet, high)} << 32U | number(packet, low);
}

PacketWriter response(Code code, const PacketView& request) {
  PacketWriter writer(code, request.identifier);
  writer.message_authenticator();
  return writer;
}

}  // namespace

std::vector<Account::Record> Account::distinct(std::uint32_t status) const {
  std::vector<Record> found;
  for (const Record& record : records)
    if (record.status == status && std::ranges::find(found, record) == found.end()) found.push_back(record);
  return found;
}

RadiusServer::RadiusServer(World& world, common::IpAddress address, std::string secret)
    : world_(world), address_(address), secret_(std::move(secret)) {
  world_.attach(address_, [this](const Endpoint& from, const Endpoint& to, ByteView bytes) {
    if (!down) on_datagram(from, to, bytes);
  });
}

RadiusServer::~RadiusServer() { world_.detach(address_); }

void RadiusServer::on_datagram(const Endpoint& from, const Endpoint& to, ByteView bytes) {
  const auto request = radius_wire::parse_packet(bytes);
  if (!request) return void(++unbelievable);
  const bool access_port = to.port == 1812;
  const bool good = access_port
                        ? radius_wire::check_message_authenticator(*request, request->authenticator, secret()) ==
                              radius_wire::MessageAuthenticator::valid
                        : radius_wire::verify_request(*request, secret());
  if (!good) return void(++unbelievable);
  const Key key{from, request->identifier, request->authenticator};
  auto known = answered_.find(key);
  if (known == answered_.end())
    known = answered_.emplace(key, access_port ? access(*request) : account(*request)).first;
  world_.after(std::chrono::milliseconds(1 + world_.chance() % 10),
               [this, from, to, answer = known->second] { world_.carry(to, from, answer); });
}

Bytes RadiusServer::access(const PacketView& request) {
  const Bytes packet = radius_wire::join_eap(request);
  if (!packet.empty()) return eap_round(request, packet);
  const auto user = request.find(attribute::kUserName);
  const bool welcome = user && !user->text().starts_with("mallory");
  ++(welcome ? accepted : rejected);
  return response(welcome ? Code::access_accept : Code::access_reject, request)
      .finish_response(request.authenticator, secret())
      .value();
}

Bytes RadiusServer::eap_round(const PacketView& request, ByteView packet) {
  Conversation conversation;
  if (const auto state = request.find(attribute::kState))
    conversation = conversations_[state->number().value_or(0)];
  else
    conversation.user = common::as_text(packet.subspan(5));
  ++conversation.rounds;
  const bool keyless = conversation.user == "keyless";
  const auto next = static_cast<std::uint8_t>(packet[1] + 1);
  if (conversation.user == "mallory" && conversation.rounds == 2) {
    ++rejected;
    PacketWriter reject = response(Code::access_reject, request);
    reject.eap(eap_packet(4, next));
    return reject.finish_response(request.authenticator, secret()).value();
  }
  if (conversation.rounds == 3 || (keyless && conversation.rounds == 2)) {
    ++accepted;
    PacketWriter accept = response(Code::access_accept, request);
    accept.eap(eap_packet(3, packet[1]));
    accept.octets(attribute::kClass, common::as_bytes("class of " + conversation.user));
    if (!keyless) {
      const auto msk = msk_of(conversation.user);
      for (const auto& [type, at] : {std::pair{radius_wire::microsoft::kMppeRecvKey, 0U},
                                     std::pair{radius_wire::microsoft::kMppeSendKey, 32U}}) {
        const auto salt = static_cast<std::uint16_t>(0x8000U + at);
        const auto hidden =
            radius_wire::hide_mppe_key(msk.view().subspan(at, 32), salt, request.authenticator, secret());
        accept.vendor(radius_wire::vendor::kMicrosoft, type, hidden.value());
      }
    }
    return accept.finish_response(request.authenticator, secret()).value();
  }
  conversations_[++last_state_] = conversation;
  PacketWriter challenge = response(Code::access_challenge, request);
  challenge.eap(eap_packet(1, next, keyless ? 4 : 26, 40));
  challenge.number(attribute::kState, last_state_);
  return challenge.finish_response(request.authenticator, secret()).value();
}

Bytes RadiusServer::account(const PacketView& request) {
  Account::Record record;
  record.status = number(request, attribute::kAcctStatusType);
  record.cause = number(request, attribute::kAcctTerminateCause);
  record.in_octets = wide(request, attribute::kAcctInputOctets, attribute::kAcctInputGigawords);
  record.out_octets = wide(request, attribute::kAcctOutputOctets, attribute::kAcctOutputGigawords);
  record.in_packets = number(request, attribute::kAcctInputPackets);
  record.out_packets = number(request, attribute::kAcctOutputPackets);
  for (const radius_wire::Attribute& one : request.attributes) {
    if (one.type == attribute::kAcctDelayTime) continue;
    record.fixed.push_back(one.type);
    record.fixed.push_back(static_cast<std::uint8_t>(one.value.size()));
    record.fixed.insert(record.fixed.end(), one.value.begin(), one.value.end());
  }
  const auto session = request.find(attribute::kAcctSessionId);
  if (session) accounts[std::string(session->text())].records.push_back(std::move(record));
  return PacketWriter(Code::accounting_response, request.identifier)
      .finish_response(request.authenticator, secret())
      .value();
}

}  // namespace sim
