#pragma once
// Sessions by every id that a Disconnect-Request or an operator can give. Matching is exact and complete: every id
// given must agree, octet by octet (DESIGN chapter 6). A login is in here from its first moment on; its user and its
// inner address follow when they are known.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/address.hpp"
#include "common/ids.hpp"
#include "controlplane/session/registry.hpp"

namespace controlplane::session {

/// What a session answers to. Empty texts and absent addresses match no selector.
struct Keys {
  std::string audit_session_id;
  std::string acct_session_id;
  std::string user_name;
  std::string calling_station_id;
  std::optional<common::IpAddress> framed_ip_address;
  std::uint32_t unique_id = 0;

  [[nodiscard]] bool matches(const Selector& selector) const;
};

/// Not thread-safe: the control thread's. Lookups cost one hash of the most selective id given.
class Index {
 public:
  /// @pre the id is not in yet
  void add(common::SessionId id, Keys keys);
  void set_user_name(common::SessionId id, const std::string& user_name);
  void set_address(common::SessionId id, const std::optional<common::IpAddress>& address);
  /// Forgets a session; an unknown one is fine.
  void remove(common::SessionId id);

  /// All sessions that agree with every id of the selector, in the order of their ids. An empty selector matches none.
  [[nodiscard]] std::vector<common::SessionId> find(const Selector& selector) const;
  [[nodiscard]] const Keys* keys(common::SessionId id) const;
  [[nodiscard]] std::size_t size() const noexcept { return sessions_.size(); }

 private:
  using Ids = std::unordered_set<common::SessionId>;
  template <class Key>
  using Table = std::unordered_map<Key, Ids>;

  template <class Key>
  static void insert(Table<Key>& table, const Key& key, common::SessionId id);
  template <class Key>
  static void erase(Table<Key>& table, const Key& key, common::SessionId id);

  std::unordered_map<common::SessionId, Keys> sessions_;
  Table<std::string> by_audit_;
  Table<std::string> by_acct_;
  Table<std::string> by_user_;
  Table<std::string> by_calling_;
  Table<common::IpAddress> by_address_;
  Table<std::uint32_t> by_unique_;
};

}  // namespace controlplane::session
