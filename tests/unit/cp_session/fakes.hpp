#pragma once
// The world around Sessions, by hand: a loop that turns when told, a dataplane, a spool and a RADIUS client that answer
// when told, and peers that write down what they hear.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/clock.hpp"
#include "config/schema.hpp"
#include "controlplane/dataplane/link.hpp"
#include "controlplane/radius/access.hpp"
#include "controlplane/radius/spool.hpp"
#include "controlplane/session/names.hpp"
#include "controlplane/session/sessions.hpp"

namespace controlplane::session {

using common::SessionId;
using common::channel::SessionCounters;
using common::channel::Status;

/// What happened, in order: "remove 1", "commit 1 cause 6", "forget 1", "delete 1" …
using Diary = std::vector<std::string>;

class Loop {
 public:
  void post(std::move_only_function<void()> work) { queue_.push_back(std::move(work)); }
  /// Runs what is posted, and what that posts.
  void run() {
    while (!queue_.empty()) {
      auto work = std::move(queue_.front());
      queue_.pop_front();
      work();
    }
  }
  [[nodiscard]] bool idle() const { return queue_.empty(); }

 private:
  std::deque<std::move_only_function<void()>> queue_;
};

class FakeLink final : public dataplane::Link {
 public:
  FakeLink(Loop& loop, Diary& diary) : loop_(loop), diary_(diary) {}

  struct Live {
    SessionCounters counters{};
    bool tombstone = false;
    common::Bytes blob;
  };
  std::map<std::uint64_t, Live> sessions;
  bool up = false;
  bool hold_removals = false;
  bool hold_installs = false;
  bool hold_lists = false;
  Status install_status = Status::ok;
  common::channel::InstallSession last_install{};
  std::vector<common::channel::UpdatePeer> peer_updates;
  std::size_t removal_calls = 0;
  dataplane::LinkEvents events;

  void connect(std::uint64_t boot_id) {
    common::channel::HelloReply reply{};
    reply.boot_id = boot_id;
    for (const auto& [id, live] : sessions) reply.max_session_id = id;
    hello_ = reply;
    up = true;
    if (events.on_connected) events.on_connected(reply);
  }
  void disconnect() {
    up = false;
    events.on_disconnected();
  }
  /// The process died and came back: nothing is left.
  void restart(std::uint64_t boot_id) {
    disconnect();
    sessions.clear();
    connect(boot_id);
  }
  void traffic(std::uint64_t id, std::uint64_t octets) {
    sessions.at(id).counters.in_octets += octets;
    sessions.at(id).counters.in_packets += 1;
    sessions.at(id).counters.out_octets += 2 * octets;
    sessions.at(id).counters.out_packets += 2;
  }
  void release_removals() {
    for (auto& held : std::exchange(held_removals_, {})) answer_removal(std::move(held));
  }
  void release_installs() {
    for (auto& held : std::exchange(held_installs_, {})) loop_.post(std::move(held));
  }
  void release_lists() {
    for (auto& held : std::exchange(held_lists_, {})) loop_.post(std::move(held));
  }
  [[nodiscard]] std::size_t held_removals() const { return held_removals_.size(); }

  // Link
  [[nodiscard]] bool ready() const noexcept override { return up; }
  [[nodiscard]] const std::optional<common::channel::HelloReply>& hello() const noexcept override { return hello_; }
  void set_events(dataplane::LinkEvents to) override { events = std::move(to); }
  void install(common::channel::InstallSession session, common::ByteView blob,
               dataplane::LinkCallback<Status> done) override {
    diary_.push_back("install " + std::to_string(session.session_id));
    last_install = session;
    const bool taken = up && install_status == Status::ok;
    if (taken) {
      Live live;
      live.counters.session_id = session.session_id;
      live.blob.assign(blob.begin(), blob.end());
      sessions[session.session_id] = std::move(live);
    }
    std::move_only_function<void()> answer = [done = std::move(done), status = install_status, ok = up]() mutable {
      if (ok)
        done(status);
      else
        done(std::unexpected(dataplane::LinkError::not_ready));
    };
    if (hold_installs)
      held_installs_.push_back(std::move(answer));
    else
      loop_.post(std::move(answer));
  }
  void rekey_child(const common::channel::RekeyChild&, dataplane::LinkCallback<Status> done) override {
    loop_.post([done = std::move(done)]() mutable { done(Status::ok); });
  }
  void delete_child(SessionId, common::Spi, dataplane::LinkCallback<Status>) override {}
  void remove(std::vector<common::channel::RemoveSession> all,
              std::move_only_function<void(std::vector<SessionCounters>)> done) override {
    ++removal_calls;
    for (const auto& one : all) diary_.push_back("remove " + std::to_string(one.session_id));
    Removal removal{std::move(all), std::move(done)};
    if (hold_removals)
      held_removals_.push_back(std::move(removal));
    else
      answer_removal(std::move(removal));
  }
  void forget(std::vector<SessionId> all) override {
    for (const SessionId id : all) {
      diary_.push_back("forget " + std::to_string(id.value()));
      sessions.erase(id.value());
    }
  }
  void update_peer(const common::channel::UpdatePeer& update, dataplane::LinkCallback<Status>) override {
    peer_updates.push_back(update);
  }
  void set_policy(const common::channel::SetPolicy&, dataplane::LinkCallback<Status>) override {}
  void read_counters(std::vector<SessionId> all, dataplane::LinkCallback<std::vector<SessionCounters>> done) override {
    loop_.post([this, all = std::move(all), done = std::move(done)]() mutable {
      if (!up) return done(std::unexpected(dataplane::LinkError::not_ready));
      std::vector<SessionCounters> rows;
      for (const SessionId id : all) rows.push_back(counters_of(id.value()));
      done(std::move(rows));
    });
  }
  void list(dataplane::LinkCallback<std::vector<dataplane::ListedSession>> done) override {
    std::move_only_function<void()> answer = [this, done = std::move(done)]() mutable {
      if (!up) return done(std::unexpected(dataplane::LinkError::disconnected));
      std::vector<dataplane::ListedSession> rows;
      for (const auto& [id, live] : sessions) {
        dataplane::ListedSession row{};
        row.facts.counters = live.counters;
        row.facts.ended = live.tombstone ? 1 : 0;
        row.blob = common::SecretBytes(common::ByteView(live.blob));
        rows.push_back(std::move(row));
      }
      done(std::move(rows));
    };
    if (hold_lists)
      held_lists_.push_back(std::move(answer));
    else
      loop_.post(std::move(answer));
  }
  void put_blob(SessionId id, common::ByteView blob, dataplane::LinkCallback<Status>) override {
    sessions.at(id.value()).blob.assign(blob.begin(), blob.end());
  }
  void read_statistics(dataplane::LinkCallback<std::vector<dataplane::NamedValue>>) override {}
  [[nodiscard]] std::optional<common::Spi> take_spi() override { return common::Spi{0x1000}; }
  void give_back_spi(common::Spi) override {}

 private:
  struct Removal {
    std::vector<common::channel::RemoveSession> all;
    std::move_only_function<void(std::vector<SessionCounters>)> done;
  };

  [[nodiscard]] SessionCounters counters_of(std::uint64_t id) const {
    const auto found = sessions.find(id);
    if (found != sessions.end()) return found->second.counters;
    SessionCounters unknown{};
    unknown.session_id = id;
    unknown.status = static_cast<std::uint16_t>(Status::unknown_session);
    return unknown;
  }
  /// What lives now is asked when the answer is given: a restart in between answers unknown_session.
  void answer_removal(Removal removal) {
    loop_.post([this, removal = std::move(removal)]() mutable {
      std::vector<SessionCounters> rows;
      for (const auto& one : removal.all) {
        const auto found = sessions.find(one.session_id);
        if (found != sessions.end()) {
          auto& counters = found->second.counters;
          if (!found->second.tombstone) counters.cause = one.cause;
          counters.final_ = 1;
          found->second.tombstone = true;
        }
        rows.push_back(counters_of(one.session_id));
      }
      removal.done(std::move(rows));
    });
  }

  Loop& loop_;
  Diary& diary_;
  std::optional<common::channel::HelloReply> hello_;
  std::vector<Removal> held_removals_;
  std::vector<std::move_only_function<void()>> held_installs_;
  std::vector<std::move_only_function<void()>> held_lists_;
};

class FakeSpool final : public radius::Spool {
 public:
  FakeSpool(Loop& loop, Diary& diary) : loop_(loop), diary_(diary) {}

  bool can_admit = true;
  bool can_write = true;
  bool fail = false;  ///< what is asked now will fail
  bool hold = false;
  std::vector<radius::AccountingRecord> starts;
  std::vector<radius::AccountingRecord> interims;
  std::vector<radius::AccountingRecord> stops;
  std::vector<radius::StoredReply> replies;
  std::map<std::uint64_t, radius::OpenSession> open;
  std::size_t commits = 0;
  std::uint64_t ids = 0;

  void release() {
    for (auto& held : std::exchange(held_, {})) loop_.post(std::move(held));
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }

  // Spool
  [[nodiscard]] SessionId next_session_id() override { return SessionId{++ids}; }
  [[nodiscard]] std::uint32_t next_acct_session_id() override { return ++acct_; }
  [[nodiscard]] std::uint32_t next_unique_id() override { return ++unique_; }
  void raise_ids(SessionId session, std::uint32_t acct, std::uint32_t unique) override {
    ids = std::max(ids, session.value());
    acct_ = std::max(acct_, acct);
    unique_ = std::max(unique_, unique);
  }
  [[nodiscard]] bool admits() const override { return can_admit; }
  [[nodiscard]] bool writable() const override { return can_write; }
  void open_session(radius::OpenSession session, Done done) override {
    const auto id = session.identity.session.value();
    finish("open " + std::to_string(id), std::move(done),
           [this, id, session = std::move(session)] { open[id] = session; });
  }
  void refresh_counters(std::vector<radius::CounterUpdate> updates, Done done) override {
    finish("refresh " + std::to_string(updates.size()), std::move(done), [this, updates = std::move(updates)] {
      for (const auto& update : updates)
        if (open.contains(update.session.value())) {
          open[update.session.value()].counters = update.counters;
          open[update.session.value()].counters_read = update.read;
        }
    });
  }
  void spool(radius::AccountingRecord record, Done done) override {
    const auto id = record.identity.session.value();
    const std::string what = record.kind == radius::RecordKind::start ? "start " : "interim ";
    finish(what + std::to_string(id), std::move(done), [this, id, record = std::move(record)] {
      if (record.kind == radius::RecordKind::start) {
        open[id].start_spooled = true;
        starts.push_back(record);
      } else {
        interims.push_back(record);
      }
    });
  }
  void commit_stop(radius::StopBatch batch, Done done) override {
    ++commits;
    std::string what = "commit";
    for (const auto& stop : batch.stops)
      what += " " + std::to_string(stop.identity.session.value()) + ":" + std::to_string(stop.terminate_cause);
    for (const auto id : batch.closed_silently) what += " drop " + std::to_string(id.value());
    if (batch.reply) what += " reply";
    finish(what, std::move(done), [this, batch = std::move(batch)] {
      for (const auto& stop : batch.stops) {
        open.erase(stop.identity.session.value());
        stops.push_back(stop);
      }
      for (const auto id : batch.closed_silently) open.erase(id.value());
      if (batch.reply) replies.push_back(*batch.reply);
    });
  }

 private:
  /// The entry is made when the work is done, so a diary shows what is durable before what.
  void finish(const std::string& what, Done done, std::move_only_function<void()> work) {
    const bool works = !fail;
    std::move_only_function<void()> finished = [this, what, works, done = std::move(done),
                                                work = std::move(work)]() mutable {
      diary_.push_back(works ? what : what + " failed");
      if (works) work();
      done(works ? radius::StoreStatus::ok : radius::StoreStatus::failed);
    };
    if (hold)
      held_.push_back(std::move(finished));
    else
      loop_.post(std::move(finished));
  }

  Loop& loop_;
  Diary& diary_;
  std::uint32_t acct_ = 0x20;
  std::uint32_t unique_ = 40;
  std::vector<std::move_only_function<void()>> held_;
};

class FakeAccess final : public radius::AccessClient {
 public:
  struct Asked {
    radius::AccessRequest request;
    Done done;
  };
  std::map<std::uint64_t, Asked> asked;  ///< not answered yet, by request id
  radius::AccessRequest last;
  std::size_t cancelled = 0;

  radius::RequestId request(radius::AccessRequest request, Done done) override {
    last.user_name = request.user_name;
    last.eap = request.eap;
    last.password = request.password.clone();
    last.state = request.state;
    last.server = request.server;
    last.audit_session_id = request.audit_session_id;
    last.acct_session_id = request.acct_session_id;
    last.calling_station_id = request.calling_station_id;
    asked.emplace(++ids_, Asked{std::move(request), std::move(done)});
    return radius::RequestId{ids_};
  }
  void cancel(radius::RequestId request) override { cancelled += asked.erase(request.value()); }
  [[nodiscard]] radius::NasIdentity nas_identity() override {
    return {common::IpAddress::v4(0xC0A8CA01), "portcullis"};
  }
  /// Answers the oldest question.
  void answer(radius::AccessReply reply) {
    ASSERT_FALSE(asked.empty());
    auto done = std::move(asked.begin()->second.done);
    asked.erase(asked.begin());
    done(std::move(reply));
  }
  void accept(radius::Grant grant = {}) {
    radius::AccessReply reply;
    reply.kind = radius::AccessReply::Kind::accept;
    reply.eap = {3, 1, 0, 4};
    reply.msk = common::SecretBytes(std::size_t{64});
    reply.grant = std::move(grant);
    answer(std::move(reply));
  }

 private:
  std::uint64_t ids_ = 0;
};

class FakePeer final : public PeerHandle {
 public:
  explicit FakePeer(Diary& diary) : diary_(diary) {}
  SessionId id;
  std::optional<common::Endpoint> moved;
  std::size_t seen = 0;

  void send_delete() override { diary_.push_back("delete " + std::to_string(id.value())); }
  void abort_login() override { diary_.push_back("abort " + std::to_string(id.value())); }
  void peer_moved(const common::Endpoint& remote) override { moved = remote; }
  void inbound_seen() override { ++seen; }
  [[nodiscard]] std::string describe() const override { return "Encr: AES-GCM, keysize: 256"; }

 private:
  Diary& diary_;
};

inline common::Endpoint endpoint(const char* address, std::uint16_t port) {
  return {common::IpAddress::parse(address).value(), port};
}

inline common::Bytes identity_response(std::string_view name) {
  common::ByteWriter eap;
  eap.u8(2);
  eap.u8(1);
  eap.be16(static_cast<std::uint16_t>(5 + name.size()));
  eap.u8(1);
  eap.text(name);
  return eap.take();
}

/// A gateway with one pool, two profiles and one RADIUS server.
inline std::shared_ptr<config::Config> small_config() {
  auto config = std::make_shared<config::Config>();
  config->pools.resize(1);
  config->pools[0].name = "vpn";
  config->pools[0].first = common::IpAddress::v4(0x0A630001);
  config->pools[0].last = common::IpAddress::v4(0x0A630004);
  config->pools[0].dns = {common::IpAddress::v4(0x0A0A0035)};
  config->ike.profiles.resize(2);
  config->ike.profiles[0].name = "staff";
  config->ike.profiles[0].pool = "vpn";
  config->ike.profiles[1].name = "guests";
  config->ike.profiles[1].pool = "vpn";
  config->radius.servers.resize(1);
  return config;
}

class SessionsTest : public testing::Test {
 protected:
  explicit SessionsTest(std::shared_ptr<config::Config> with = small_config()) : config(std::move(with)) { make(); }

  void make() {
    sessions.reset();
    sessions = std::make_unique<Sessions>(
        config, Environment{.clock = clock,
                            .post = [this](std::move_only_function<void()> work) { loop.post(std::move(work)); },
                            .link = link,
                            .spool = spool,
                            .access = access,
                            .fenced = [this] { fenced = true; }});
    sessions->on_ready([this](bool now) { ready_changes.push_back(now); });
  }
  void start(Remembered remembered = {}) {
    sessions->start(common::Epoch{7}, std::move(remembered), [this] { diary.emplace_back("reconciled"); });
    link.connect(1000);
    loop.run();
  }

  FakePeer& peer_for(SessionId id) {
    peers.push_back(std::make_unique<FakePeer>(diary));
    peers.back()->id = id;
    return *peers.back();
  }
  SessionId begin(Method method = Method::psk, const std::string& identity = "alice@example.org",
                  const std::string& profile = "staff", const char* remote = "192.168.202.2") {
    LoginFacts facts;
    facts.profile = profile;
    facts.method = method;
    facts.local = endpoint("51.1.1.1", 4500);
    facts.remote = endpoint(remote, 4500);
    facts.ike_identity = identity;
    facts.ike_sa_id = 3;
    facts.initial_contact = initial_contact;
    FakePeer& peer = peer_for({});
    const auto names = sessions->begin(facts, peer);
    EXPECT_TRUE(names);
    peer.id = names->id;
    by_id[names->id.value()] = &peer;
    return names->id;
  }
  /// A login up to an address.
  SessionId login(const std::string& identity = "alice@example.org", radius::Grant grant = {},
                  const std::string& profile = "staff", const char* remote = "192.168.202.2") {
    const SessionId id = begin(Method::psk, identity, profile, remote);
    sessions->authorize(id, [this](Verdict verdict) { verdicts.push_back(verdict); });
    access.accept(std::move(grant));
    loop.run();
    return id;
  }
  void establish(SessionId id) {
    common::channel::InstallSession install{};
    install.child.inbound_spi = 0x1000;
    sessions->establish(id, install, {1, 2, 3}, [this](EstablishStatus status) { established.push_back(status); });
  }
  /// A session with traffic.
  SessionId up(const std::string& identity = "alice@example.org", radius::Grant grant = {},
               const std::string& profile = "staff", const char* remote = "192.168.202.2") {
    const SessionId id = login(identity, std::move(grant), profile, remote);
    EXPECT_TRUE(sessions->assign(id, true));
    establish(id);
    loop.run();
    EXPECT_EQ(sessions->snapshot(id)->state, State::established);
    link.traffic(id.value(), 100);
    return id;
  }
  void revoke(std::vector<SessionId> ids, std::optional<DurableReply> reply = std::nullopt) {
    sessions->revoke(ids, Cause::admin_reset, std::move(reply), [this](Revocation how) {
      diary.push_back(how == Revocation::ended ? "ack" : how == Revocation::no_spool ? "nak 506" : "nak 503");
    });
  }
  [[nodiscard]] static DurableReply some_reply(std::uint8_t identifier = 9) {
    DurableReply reply;
    reply.client = endpoint("9.45.15.144", 50567);
    reply.identifier = identifier;
    reply.reply = {41, identifier, 0, 20};
    return reply;
  }
  /// Position of an entry; fails the test when it is missing.
  std::size_t at(const std::string& entry) const {
    const auto found = std::ranges::find(diary, entry);
    EXPECT_NE(found, diary.end()) << entry << " is missing in: " << testing::PrintToString(diary);
    return static_cast<std::size_t>(found - diary.begin());
  }
  [[nodiscard]] bool happened(const std::string& entry) const { return std::ranges::find(diary, entry) != diary.end(); }

  common::ManualClock clock;
  Loop loop;
  Diary diary;
  FakeLink link{loop, diary};
  FakeSpool spool{loop, diary};
  FakeAccess access;
  std::shared_ptr<config::Config> config;
  std::unique_ptr<Sessions> sessions;
  std::vector<std::unique_ptr<FakePeer>> peers;
  std::map<std::uint64_t, FakePeer*> by_id;
  std::vector<Verdict> verdicts;
  std::vector<EstablishStatus> established;
  std::vector<bool> ready_changes;
  bool initial_contact = false;
  bool fenced = false;
};

}  // namespace controlplane::session
