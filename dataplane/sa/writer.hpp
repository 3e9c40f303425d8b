#pragma once
// The one writer of the tables. Everything that it takes away goes through a grace period before its memory is used
// again; everything that it publishes is published by one release store. It never waits: `poll` goes on with what is
// under way. Thread: the manager's, all of it.

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/sa/ended_ids.hpp"
#include "dataplane/sa/reclaimer.hpp"
#include "dataplane/sa/record.hpp"
#include "dataplane/sa/removal.hpp"
#include "dataplane/sa/spec.hpp"
#include "dataplane/sa/spi_allocator.hpp"
#include "dataplane/sa/tables.hpp"

namespace dataplane::sa {

/// What became of a removal that was asked for.
enum class Removal : std::uint8_t {
  begun,    ///< `finished` will name it
  joined,   ///< begun before; `finished` will name it once
  ended,    ///< a tombstone: its counters are final already
  unknown,  ///< nobody of that id
};

/// What time alone has brought about.
struct Notice {
  enum class Kind : std::uint8_t { lifetime_reached, idle_expired, inbound_seen, child_expired };
  Kind kind;
  common::SessionId id;
  common::Spi inbound;  ///< child_expired
};

/// Names the places of both tables for logs and statistics.
struct Usage {
  std::uint32_t live = 0;
  std::uint32_t removing = 0;
  std::uint32_t tombstones = 0;
  std::uint32_t children = 0;
  std::uint32_t reserved_spis = 0;
  std::uint32_t free_spis = 0;
  std::uint64_t removal_rounds = 0;
};

class TableWriter {
 public:
  /// A deleted inbound SA, and one that was replaced, receives that much longer.
  static constexpr std::chrono::seconds kLeaveTime{5};
  /// Outbound switches to a new child that late at the latest (DESIGN chapter 4).
  static constexpr std::chrono::seconds kSwitchTime{2};
  /// Pairs of SAs that a session may have at a time.
  static constexpr std::size_t kMaxChildren = 8;

  /// All outlive the writer.
  ~TableWriter() { *alive_ = false; }
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;
  TableWriter(Tables& tables, Reclaimer& reclaimer, rte_rcu_qsbr* readers, Drain& drain, std::uint64_t seed);

  [[nodiscard]] std::optional<common::Spi> reserve_spi(const Now& now) { return spis_.reserve(now.monotonic); }
  [[nodiscard]] Status give_back_spi(common::Spi spi) {
    return spis_.give_back(spi) ? Status::ok : Status::unknown_spi;
  }

  /// P7: the same session with the same SPI and key id again is `unchanged` and touches nothing.
  /// @return ok, unchanged, ended, no_capacity, unknown_spi, address_in_use, invalid (a suite or a path that cannot be)
  [[nodiscard]] Status install(const SessionSpec& spec, const Now& now);
  /// The new pair is published beside the old one; outbound follows later (kSwitchTime).
  /// @return ok, unchanged, ended, unknown_session, unknown_spi (new or old), no_capacity, invalid
  [[nodiscard]] Status rekey(common::SessionId id, common::Spi old_inbound, const ChildSpec& spec, const Now& now);
  /// The peer has deleted it: outbound leaves it at once, inbound after kLeaveTime.
  /// @return ok, unchanged, ended, unknown_session, unknown_spi
  [[nodiscard]] Status delete_child(common::SessionId id, common::Spi inbound, const Now& now);

  /// Phase 1: from now on no reader that starts a turn finds the session.
  [[nodiscard]] Removal begin_removal(common::SessionId id, std::uint16_t cause);
  /// @return ok, not_ended, unknown_session
  [[nodiscard]] Status forget(common::SessionId id);

  /// @return ok, ended, unknown_session, invalid (a path that cannot be)
  [[nodiscard]] Status update_path(common::SessionId id, const Path& path, bool udp_encap);
  [[nodiscard]] Status set_policy(common::SessionId id, const common::channel::WirePolicy& policy, const Now& now);
  [[nodiscard]] Status put_blob(common::SessionId id, common::ByteView blob);

  /// A worker's word for a moved peer. nullopt: the session has gone, does not move that way, or is there already.
  [[nodiscard]] std::optional<common::SessionId> on_peer_moved(ids::SessionRef session, std::uint32_t address_v4,
                                                               std::uint16_t port);
  /// A worker has seen the first authenticated packet on a new child: outbound switches.
  void on_first_inbound(ids::SessionRef session, ids::SaIndex pair);
  /// A worker's word that a pair runs out of sequence numbers or octets; nullopt where that was said before.
  [[nodiscard]] std::optional<Notice> on_child_expiring(ids::SessionRef session, ids::SaIndex pair);

  /// Goes on with removals, switches, ends and reservations.
  /// @return sessions whose removal is complete: they are tombstones now
  [[nodiscard]] std::vector<common::SessionId> poll(const Now& now);
  /// Looks at the next `places` places for ends, idleness and signs of life.
  [[nodiscard]] std::vector<Notice> watch(std::uint32_t places, const Now& now);
  /// True while the next poll may bring a removal or a grace period further.
  [[nodiscard]] bool is_busy() const noexcept { return !rounds_.is_idle() || reclaimer_.waiting() > 0; }

  void set_forwarding(bool on) noexcept { tables_.forwarding_.store(on, std::memory_order_release); }

  /// nullptr: neither live nor a tombstone.
  [[nodiscard]] const SessionRecord* find(common::SessionId id) const;
  [[nodiscard]] std::optional<ids::SessionIndex> index_of(common::SessionId id) const;
  /// Counters as they are now; a tombstone's are final.
  [[nodiscard]] Totals counters(const SessionRecord& record) const;
  /// Who is in a place, or nullptr. @param place  below tables.session_places()
  [[nodiscard]] const SessionRecord* at(std::uint32_t place) const noexcept {
    return records_[place].state == SessionState::free ? nullptr : &records_[place];
  }
  /// Ends and idleness that were announced are announced again: nobody was there to hear.
  void announce_again() noexcept;
  /// Every session that is not forgotten.
  void for_each(const std::function<void(const SessionRecord&)>& visit) const;
  [[nodiscard]] Usage usage() const noexcept;
  [[nodiscard]] common::SessionId max_session_id() const noexcept { return max_id_; }

 private:
  /// A session of which a child has something to do at a time.
  struct Due {
    common::MonotonicTime at;
    ids::SessionRef session;
    friend bool operator>(const Due& a, const Due& b) noexcept { return a.at > b.at; }
  };
  struct Pair {
    crypto::Key inbound;
    crypto::Key outbound;
  };

  [[nodiscard]] std::uint32_t place_of(const SessionRecord& record) const noexcept {
    return static_cast<std::uint32_t>(&record - records_.data());
  }
  [[nodiscard]] SessionRecord* find_live(ids::SessionRef session) noexcept;
  [[nodiscard]] ChildRecord* find_child(SessionRecord& record, ids::SaIndex pair) const noexcept;
  [[nodiscard]] std::pair<SessionRecord*, Status> find_for_change(common::SessionId id);
  [[nodiscard]] std::optional<ids::PoolIndex> pool_of(std::uint32_t address_v4) const noexcept;
  [[nodiscard]] static std::expected<Pair, Status> make_keys(const ChildSpec& spec, std::pmr::memory_resource& memory);
  [[nodiscard]] Status check_child(const ChildSpec& spec, const Path& path) const;
  void add_child(SessionRecord& record, const ChildSpec& spec, Pair keys, bool rekeyed, const Now& now);
  void fill_inbound(const SessionRecord& record, const ChildRecord& child, const ChildSpec& spec, bool announce_first,
                    const Now& now);
  void fill_outbound(const SessionRecord& record, const ChildRecord& child, const ChildSpec& spec, const Now& now);
  void use_outbound(SessionRecord& record, const ChildRecord* child) noexcept;
  void leave_outbound(SessionRecord& record, const ChildRecord& child) noexcept;
  void retire_child(SessionRecord& record, common::Spi inbound);
  void unpublish_inbound(const ChildRecord& child) noexcept;
  void poison(common::Spi inbound) noexcept;
  void publish_policy(const SessionRecord& record, const Now& now) noexcept;
  void publish_path(SessionRecord& record);
  void poll_children(SessionRecord& record, const Now& now);
  void remind(const SessionRecord& record, common::MonotonicTime at);
  void finish_removal(SessionRecord& record);
  void watch_session(SessionRecord& record, const Now& now, std::vector<Notice>& notices) const;

  Tables& tables_;
  Reclaimer& reclaimer_;
  SpiAllocator spis_;
  RemovalRounds rounds_;
  std::vector<SessionRecord> records_;  ///< by SessionIndex
  std::deque<std::uint32_t> free_;      ///< places, oldest first
  std::unordered_map<common::SessionId, std::uint32_t> by_id_;
  EndedIds ended_ids_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  ///< switches and leaves to come
  common::SessionId max_id_;
  std::uint32_t watched_ = 0;  ///< where the next slice begins
  Usage usage_;
  /// False once the writer is gone: work that the reclaimer still holds then frees what it carries and does no more.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace dataplane::sa
