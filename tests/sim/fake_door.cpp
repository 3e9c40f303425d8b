// A RADIUS server for made-up EAP users:
//   alice, bob...   two rounds of method 26, then Accept with an MSK
//   keyless         method 4 (MD5-Challenge), then Accept without
//   nokey           method 26, then Accept without an MSK all the same
//   big             like alice, with packets of 6,000 octets
//   mallory         Reject after the first round
//   lost            the server never answers

#include "tests/sim/fake_door.hpp"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "controlplane/crypto/prf.hpp"

namespace sim {
namespace {

constexpr std::uint8_t kRequest = 1;
constexpr std::uint8_t kSuccess = 3;
constexpr std::uint8_t kFailure = 4;

}  // namespace

Bytes eap_packet(std::uint8_t code, std::uint8_t identifier, std::uint8_t type, std::size_t data) {
  common::ByteWriter packet;
  packet.u8(code);
  packet.u8(identifier);
  packet.be16(static_cast<std::uint16_t>(type == 0 ? 4 : 5 + data));
  if (type != 0) {
    packet.u8(type);
    packet.zeros(data);
  }
  return packet.take();
}

common::SecretBytes msk_of(const std::string& user) {
  return common::SecretBytes(
      controlplane::crypto::digest(controlplane::crypto::Hash::sha2_512, {common::as_bytes(user)}));
}

template <class Done>
void FakeDoor::later(Done done) {
  world_.after(std::chrono::milliseconds(1 + world_.chance() % 30), std::move(done));
}

std::optional<session::SessionNames> FakeDoor::begin(const session::LoginFacts& facts, session::PeerHandle& peer) {
  if (!admits) return std::nullopt;
  Login login;
  const std::uint64_t id = ++last_id_;
  login.names = {common::SessionId(id), fmt::format("audit{}", id), static_cast<std::uint32_t>(id),
                 static_cast<std::uint32_t>(id)};
  login.facts = facts;
  login.peer = &peer;
  return logins.emplace(login.names.id, std::move(login)).first->second.names;
}

void FakeDoor::authenticate_eap(common::SessionId id, ByteView packet,
                                std::move_only_function<void(session::EapStep)> done) {
  Login& login = logins.at(id);
  const std::uint8_t next = static_cast<std::uint8_t>(packet[1] + 1);
  if (login.rounds++ == 0) login.user = common::as_text(packet.subspan(5));
  if (radius_silent || login.user == "lost") return;
  session::EapStep step;
  step.kind = session::EapStep::Kind::challenge;
  const bool keyless = login.user == "keyless";
  if (login.user == "mallory" && login.rounds == 2) {
    step.kind = session::EapStep::Kind::reject;
    step.eap = eap_packet(kFailure, next);
  } else if (login.rounds == 3 || (keyless && login.rounds == 2)) {
    step.kind = session::EapStep::Kind::accept;
    step.eap = eap_packet(kSuccess, packet[1]);
    step.user_name = login.user;
    if (!keyless && login.user != "nokey") step.msk = msk_of(login.user);
  } else {
    step.eap = eap_packet(kRequest, next, keyless ? 4 : 26, login.user == "big" ? 6000 : 40);
  }
  later([this, id, done = std::move(done), step = std::move(step)]() mutable {
    if (logins.at(id).ended) step = {};
    done(std::move(step));
  });
}

void FakeDoor::authorize(common::SessionId id, std::move_only_function<void(session::Verdict)> done) {
  if (!verdict) return;
  later([this, id, done = std::move(done), answer = *verdict]() mutable {
    done(logins.at(id).ended ? session::Verdict::failed : answer);
  });
}

std::optional<session::Assignment> FakeDoor::assign(common::SessionId id, bool wants_v4) {
  Login& login = logins.at(id);
  if (login.ended || pool_empty) return std::nullopt;
  session::Assignment assignment;
  if (wants_v4) login.inner = common::IpAddress::v4(++last_inner_);
  assignment.inner_v4 = login.inner;
  assignment.dns = dns;
  assignment.subnets = subnets;
  return assignment;
}

std::optional<common::Spi> FakeDoor::take_spi() {
  if (spis_gone) return std::nullopt;
  const common::Spi spi(++last_spi_);
  spis[spi] = true;
  return spi;
}

void FakeDoor::give_back_spi(common::Spi spi) {
  if (!spis.at(spi)) throw std::logic_error("SPI given back twice");
  spis[spi] = false;
}

void FakeDoor::establish(common::SessionId id, channel::InstallSession install, Bytes,
                         std::move_only_function<void(session::EstablishStatus)> done) {
  Login& login = logins.at(id);
  login.pending_establish = true;
  later([this, id, install, done = std::move(done)]() mutable {
    Login& same = logins.at(id);
    if (same.ended) return done(session::EstablishStatus::aborted);
    if (establish_status == session::EstablishStatus::ok) {
      same.install = install;
      same.established = true;
    }
    done(establish_status);
  });
}

void FakeDoor::rekey_child(common::SessionId id, channel::RekeyChild rekey, std::move_only_function<void(bool)> done) {
  later([this, id, rekey, done = std::move(done)]() mutable {
    Login& login = logins.at(id);
    const bool ok = rekey_ok && !login.ended;
    if (ok) login.rekeys.push_back(rekey);
    done(ok);
  });
}

void FakeDoor::delete_child(common::SessionId id, common::Spi inbound_spi) {
  logins.at(id).deleted.push_back(inbound_spi);
}

void FakeDoor::update_peer(common::SessionId id, const Endpoint&, const Endpoint& remote) {
  logins.at(id).moves.push_back(remote);
}

void FakeDoor::terminate(common::SessionId id, session::Cause cause, std::move_only_function<void()> done) {
  Login& login = logins.at(id);
  if (!login.cause) login.cause = cause;
  login.ended = true;
  later([this, id, done = std::move(done)]() mutable {
    Login& same = logins.at(id);
    if (done) done();
    if (session::PeerHandle* peer = std::exchange(same.peer, nullptr); peer != nullptr && same.established)
      peer->send_delete();
  });
}

void FakeDoor::detach(common::SessionId id) {
  Login& login = logins.at(id);
  login.peer = nullptr;
  login.detached = true;
  login.ended = true;
}

void FakeDoor::disconnect(common::SessionId id) {
  Login& login = logins.at(id);
  if (login.established) return terminate(id, session::Cause::admin_reset, nullptr);
  login.cause = session::Cause::admin_reset;
  login.ended = true;
  if (login.peer != nullptr) login.peer->abort_login();
}

Login& FakeDoor::only() {
  if (logins.size() != 1) throw std::logic_error(fmt::format("{} logins", logins.size()));
  return logins.begin()->second;
}

std::size_t FakeDoor::live() const {
  std::size_t count = 0;
  for (const auto& [id, login] : logins) count += login.established && !login.ended ? 1 : 0;
  return count;
}

}  // namespace sim
