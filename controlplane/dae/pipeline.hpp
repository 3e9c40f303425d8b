#pragma once
// From a datagram to a decision: the validation of Disconnect- and CoA-Requests in the order of FACTS B8a. No socket,
// no clock: everything comes in as an argument. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/dae/clients.hpp"
#include "controlplane/dae/counters.hpp"
#include "controlplane/dae/duplicates.hpp"
#include "controlplane/dae/request.hpp"
#include "controlplane/dae/trace.hpp"
#include "controlplane/radius/records.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::dae {

/// One datagram.
struct Arrival {
  common::Endpoint remote;
  std::uint16_t local_port = 0;
  std::string_view device;  ///< the VRF of the socket, empty: the default one
  common::ByteView octets;
};

struct Now {
  common::MonotonicTime monotonic{};
  common::WallTime wall{};
};

/// No answer.
struct Silence {
  Discard why = Discard::unknown_client;
};
/// Send this: a refusal, or what a request was answered with before.
struct Answer {
  common::Bytes reply;
  bool repeated = false;
};
/// Valid so far: look the sessions up, then call Pipeline::choose.
struct Disconnect {
  std::shared_ptr<const Request> request;
};
using Decision = std::variant<Silence, Answer, Disconnect>;

/// An ACK that is ready but not earned yet.
struct Approval {
  common::Bytes ack;
  session::DurableReply durable;  ///< the same for the Stop rows (P3)
};

struct Limits {
  std::size_t duplicates = 262'144;   ///< requests remembered, of all clients; further ones are refused with 506
  std::size_t in_progress = 131'072;  ///< requests that wait for their sessions' end
};

class Pipeline {
 public:
  /// @param trace  outlives the pipeline
  Pipeline(const config::DynamicAuthor& config, NasNames names, Trace& trace, Limits limits = {});

  /// Takes over a new configuration; counters and remembered answers stay.
  void reload(const config::DynamicAuthor& config, NasNames names);
  /// A NAS-IP(v6)-Address that was sent to a RADIUS server: requests may call us so from now on.
  void add_nas_address(const common::IpAddress& address);
  /// Answers of an earlier run that are still within their window.
  void restore(std::span<const radius::StoredReply> replies, const Now& now);

  /// Steps 1 to 13.
  [[nodiscard]] Decision receive(const Arrival& arrival, const Now& now);

  /// Step 14: all ids agreed on `matches` sessions.
  /// @return what to send when they are gone, or the refusal to send now
  [[nodiscard]] std::variant<Answer, Approval, Silence> choose(const Request& request, std::size_t matches);

  /// Step 15: they are gone, and `ack` of choose() may leave. From now on it answers retransmissions as well.
  /// @param sessions  how many were ended
  [[nodiscard]] Answer acknowledge(const Request& request, common::Bytes ack, std::size_t sessions);
  /// Step 15 failed.
  [[nodiscard]] std::variant<Answer, Silence> refuse(const Request& request, const Refusal& refusal);

  [[nodiscard]] const Clients& clients() const noexcept { return clients_; }
  [[nodiscard]] const ServerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::size_t in_progress() const noexcept { return duplicates_.in_progress(); }
  [[nodiscard]] std::size_t remembered() const noexcept { return duplicates_.size(); }

 private:
  struct Freshness {
    std::optional<Discard> discard;
    common::Duration hold{};
  };

  [[nodiscard]] Silence discard(Client& client, const Arrival& arrival, Discard why, bool coa);
  [[nodiscard]] std::optional<Discard> authenticate(const radius::wire::PacketView& packet, const Client& client) const;
  [[nodiscard]] Freshness check_freshness(const radius::wire::PacketView& packet, const Client& client,
                                          const Now& now) const;
  /// Step 8, of a request that was seen before. @param reply  empty: not answered yet
  [[nodiscard]] Decision repeat(const Request& request, common::ByteView reply);
  [[nodiscard]] Silence no_reply(const Request& request);
  [[nodiscard]] Decision judge(std::shared_ptr<Request> request, const radius::wire::PacketView& packet, bool room);
  [[nodiscard]] Refusal judge_coa(const Request& request) const noexcept;
  void note_tolerated(const Request& request, const std::vector<Tolerated>& tolerated);

  Clients clients_;
  NasNames names_;
  common::Duration window_{};
  Trace& trace_;
  Limits limits_;
  DuplicateCache duplicates_;
  ServerCounters counters_;
};

}  // namespace controlplane::dae
