#pragma once
// The duplicate cache (RFC 5176 §2.3): a retransmission is answered with the same octets and acted upon once.

#include <cstddef>
#include <cstdint>
#include <queue>
#include <unordered_map>
#include <vector>

#include "common/address.hpp"
#include "common/bytes.hpp"
#include "common/clock.hpp"
#include "controlplane/radius/wire/packet.hpp"

namespace controlplane::dae {

/// What makes two requests one. The Request Authenticator is part of it: a replay is identical octet for octet and so
/// always found, while an Identifier that is used again for something else is a new request, and more than 256 requests
/// a window may come from one port (RFC 5176 §6.3, RFC 5080 §2.2.2).
struct RequestKey {
  common::Endpoint client;
  std::uint8_t identifier = 0;
  radius::wire::Authenticator authenticator{};

  friend bool operator==(const RequestKey&, const RequestKey&) noexcept = default;
};

/// Bounded; an entry is never given up for another one before its time, or an old request could be replayed.
/// Not thread-safe.
class DuplicateCache {
 public:
  enum class Seen : std::uint8_t {
    fresh,        ///< new, and in progress from now on
    in_progress,  ///< its answer is not known yet
    answered,     ///< `reply` is the answer
    full          ///< new, but there is no room: answer without acting (Error-Cause 506)
  };
  struct Result {
    Seen seen = Seen::fresh;
    common::ByteView reply;  ///< valid until the next call
  };

  /// @param capacity  entries, in progress ones included
  explicit DuplicateCache(std::size_t capacity) : capacity_(capacity) {}

  /// Looks a request up and remembers it.
  /// @param hold  how long its answer is remembered from now on
  [[nodiscard]] Result admit(const RequestKey& key, common::Duration hold, common::MonotonicTime now);
  /// The answer is known. Its time runs since admit(), but never ends before it was known.
  void conclude(const RequestKey& key, common::Bytes reply);
  /// An answer of an earlier run of the process (DESIGN chapter 6b).
  void restore(const RequestKey& key, common::Bytes reply, common::Duration hold, common::MonotonicTime now);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t in_progress() const noexcept { return in_progress_; }

 private:
  struct Hash {
    [[nodiscard]] std::size_t operator()(const RequestKey& key) const noexcept;
  };
  struct Entry {
    bool done = false;
    common::Duration hold{};
    common::Bytes reply;
  };
  struct Expiry {
    common::MonotonicTime at{};
    RequestKey key;
    [[nodiscard]] friend bool operator>(const Expiry& a, const Expiry& b) noexcept { return a.at > b.at; }
  };

  void purge(common::MonotonicTime now);

  std::size_t capacity_;
  std::size_t in_progress_ = 0;
  std::unordered_map<RequestKey, Entry, Hash> entries_;
  std::priority_queue<Expiry, std::vector<Expiry>, std::greater<>> expiries_;  ///< one an entry
};

}  // namespace controlplane::dae
