// The index of sessions: one hash table an id, and a check of every id given against the candidates of the smallest
// set.

#include "controlplane/session/index.hpp"

#include <algorithm>

namespace controlplane::session {
namespace {

template <class Value>
bool agrees(const std::optional<Value>& wanted, const Value& have) {
  return !wanted || *wanted == have;
}

/// An id that a session does not have matches nothing, not even an empty attribute.
bool text_agrees(const std::optional<std::string>& wanted, const std::string& have) {
  return !wanted || (!have.empty() && *wanted == have);
}

}  // namespace

bool Keys::matches(const Selector& selector) const {
  return !selector.empty() && text_agrees(selector.audit_session_id, audit_session_id) &&
         text_agrees(selector.acct_session_id, acct_session_id) && text_agrees(selector.user_name, user_name) &&
         text_agrees(selector.calling_station_id, calling_station_id) &&
         (!selector.framed_ip_address || selector.framed_ip_address == framed_ip_address) &&
         agrees(selector.unique_id, unique_id);
}

template <class Key>
void Index::insert(Table<Key>& table, const Key& key, common::SessionId id) {
  table[key].insert(id);
}

template <class Key>
void Index::erase(Table<Key>& table, const Key& key, common::SessionId id) {
  const auto found = table.find(key);
  if (found == table.end()) return;
  found->second.erase(id);
  if (found->second.empty()) table.erase(found);
}

void Index::add(common::SessionId id, Keys keys) {
  insert(by_audit_, keys.audit_session_id, id);
  insert(by_acct_, keys.acct_session_id, id);
  insert(by_calling_, keys.calling_station_id, id);
  insert(by_unique_, keys.unique_id, id);
  if (!keys.user_name.empty()) insert(by_user_, keys.user_name, id);
  if (keys.framed_ip_address) insert(by_address_, *keys.framed_ip_address, id);
  sessions_.emplace(id, std::move(keys));
}

void Index::set_user_name(common::SessionId id, const std::string& user_name) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.user_name == user_name) return;
  if (!found->second.user_name.empty()) erase(by_user_, found->second.user_name, id);
  found->second.user_name = user_name;
  if (!user_name.empty()) insert(by_user_, user_name, id);
}

void Index::set_address(common::SessionId id, const std::optional<common::IpAddress>& address) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.framed_ip_address == address) return;
  if (found->second.framed_ip_address) erase(by_address_, *found->second.framed_ip_address, id);
  found->second.framed_ip_address = address;
  if (address) insert(by_address_, *address, id);
}

void Index::remove(common::SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const Keys& keys = found->second;
  erase(by_audit_, keys.audit_session_id, id);
  erase(by_acct_, keys.acct_session_id, id);
  erase(by_calling_, keys.calling_station_id, id);
  erase(by_unique_, keys.unique_id, id);
  if (!keys.user_name.empty()) erase(by_user_, keys.user_name, id);
  if (keys.framed_ip_address) erase(by_address_, *keys.framed_ip_address, id);
  sessions_.erase(found);
}

std::vector<common::SessionId> Index::find(const Selector& selector) const {
  const Ids* smallest = nullptr;
  bool impossible = selector.empty();
  const auto consider = [&](const auto& table, const auto& wanted) {
    if (!wanted || impossible) return;
    const auto found = table.find(*wanted);
    if (found == table.end())
      impossible = true;
    else if (smallest == nullptr || found->second.size() < smallest->size())
      smallest = &found->second;
  };
  consider(by_audit_, selector.audit_session_id);
  consider(by_acct_, selector.acct_session_id);
  consider(by_unique_, selector.unique_id);
  consider(by_address_, selector.framed_ip_address);
  consider(by_user_, selector.user_name);
  consider(by_calling_, selector.calling_station_id);
  std::vector<common::SessionId> matches;
  if (impossible || smallest == nullptr) return matches;
  for (const common::SessionId id : *smallest)
    if (sessions_.at(id).matches(selector)) matches.push_back(id);
  std::ranges::sort(matches);
  return matches;
}

const Keys* Index::keys(common::SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

}  // namespace controlplane::session
