#pragma once
// A RADIUS server on the simulated network: made-up EAP users as in fake_door.cpp, authorizations, and a book of every
// accounting record it has acknowledged. It verifies what it gets, and answers repetitions with the same octets
// (RFC 5080 §2.2.2).

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "controlplane/radius/wire/packet.hpp"
#include "tests/sim/world.hpp"

namespace sim {

namespace radius_wire = controlplane::radius::wire;

/// What a server has been told of one session, in the order of arrival.
struct Account {
  struct Record {
    std::uint32_t status = 0;  ///< Acct-Status-Type
    std::uint32_t cause = 0;
    std::uint64_t in_octets = 0, out_octets = 0, in_packets = 0, out_packets = 0;
    Bytes fixed;  ///< all attributes but Acct-Delay-Time
    friend bool operator==(const Record&, const Record&) = default;
  };
  std::vector<Record> records;  ///< repetitions too

  [[nodiscard]] std::vector<Record> distinct(std::uint32_t status) const;
};

class RadiusServer {
 public:
  RadiusServer(World& world, common::IpAddress address, std::string secret);
  ~RadiusServer();
  RadiusServer(const RadiusServer&) = delete;
  RadiusServer& operator=(const RadiusServer&) = delete;

  bool down = false;                         ///< hears nothing
  std::map<std::string, Account> accounts;   ///< by Acct-Session-Id
  std::uint64_t unbelievable = 0;            ///< requests whose authenticators do not verify
  std::uint64_t accepted = 0, rejected = 0;  ///< Access-Requests, repetitions not counted

 private:
  struct Conversation {
    std::string user;
    unsigned rounds = 0;
  };
  using Key = std::tuple<Endpoint, std::uint8_t, radius_wire::Authenticator>;

  void on_datagram(const Endpoint& from, const Endpoint& to, ByteView bytes);
  [[nodiscard]] Bytes access(const radius_wire::PacketView& request);
  [[nodiscard]] Bytes eap_round(const radius_wire::PacketView& request, ByteView packet);
  [[nodiscard]] Bytes account(const radius_wire::PacketView& request);
  [[nodiscard]] ByteView secret() const { return common::as_bytes(secret_); }

  World& world_;
  common::IpAddress address_;
  std::string secret_;
  std::map<Key, Bytes> answered_;
  std::map<std::uint32_t, Conversation> conversations_;  ///< by State
  std::uint32_t last_state_ = 0;
};

}  // namespace sim
