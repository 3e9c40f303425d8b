// The store: what it remembers across a reopening and a kill, what it refuses, how it commits.

#include "controlplane/radius/store.hpp"

#include <fcntl.h>
#include <fstream>
#include <random>
#include <set>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/cp_radius/loop.hpp"
#include "tests/unit/cp_radius/samples.hpp"

namespace controlplane::radius {
namespace {

using test::open_row;
using test::record;

class StoreTest : public testing::Test {
 protected:
  Store::Options options() {
    Store::Options options;
    options.file = directory_ / "portcullis.db";
    options.durability = config::Durability::os;
    options.reserve_base = 0;
    options.reserve_per_session = 0;
    return options;
  }
  void reopen() {
    store_.reset();
    auto opened = Store::open(options(), clock_, loop_.poster());
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = *std::move(opened);
  }
  void SetUp() override { reopen(); }

  StoreStatus wait_for(const std::function<void(Spool::Done)>& call) {
    std::optional<StoreStatus> status;
    call([&](StoreStatus got) { status = got; });
    EXPECT_FALSE(status) << "called back before the call returned";
    EXPECT_TRUE(loop_.run_until([&] { return status.has_value(); }));
    return status.value_or(StoreStatus::failed);
  }
  StoreStatus open(std::uint64_t session) {
    return wait_for([&](Spool::Done done) { store_->open_session(open_row(session), std::move(done)); });
  }
  StoreStatus spool(const AccountingRecord& what) {
    return wait_for([&](Spool::Done done) { store_->spool(what, std::move(done)); });
  }
  StoreStatus stop(StopBatch batch) {
    return wait_for([&](Spool::Done done) { store_->commit_stop(std::move(batch), std::move(done)); });
  }
  std::vector<SpooledRecord> load(SpoolId after = SpoolId{0}, std::size_t limit = 1000) {
    std::optional<std::vector<SpooledRecord>> loaded;
    store_->load(after, limit, [&](std::vector<SpooledRecord> got) { loaded = std::move(got); });
    EXPECT_TRUE(loop_.run_until([&] { return loaded.has_value(); }));
    return loaded.value_or(std::vector<SpooledRecord>{});
  }

  test::TemporaryDirectory directory_;
  common::ManualClock clock_;
  test::Loop loop_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, StartsEmptyAndSaysSo) {
  EXPECT_TRUE(store_->recovered().created);
  EXPECT_TRUE(store_->recovered().open.empty());
  EXPECT_EQ(store_->epoch(), common::Epoch(1));
  reopen();
  EXPECT_FALSE(store_->recovered().created);
  EXPECT_EQ(store_->epoch(), common::Epoch(2));
}

TEST_F(StoreTest, FileIsReadableByNobodyElse) {
  const auto permissions = std::filesystem::status(directory_ / "portcullis.db").permissions();
  EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

TEST_F(StoreTest, EpochRisesAboveTheDataplanes) {
  EXPECT_EQ(store_->epoch(common::Epoch(41)), common::Epoch(42));
  EXPECT_EQ(store_->epoch(common::Epoch(7)), common::Epoch(42)) << "an older dataplane lowers nothing";
  reopen();
  EXPECT_EQ(store_->epoch(), common::Epoch(43));
}

TEST_F(StoreTest, IdsAreIndependentNeverZeroAndNeverRepeated) {
  std::set<std::uint64_t> sessions;
  std::set<std::uint32_t> accounting;
  std::set<std::uint32_t> unique;
  for (int run = 0; run < 3; ++run) {
    for (int i = 0; i < 5000; ++i) {
      EXPECT_TRUE(sessions.insert(store_->next_session_id().value()).second);
      if (i % 2 == 0) {
        EXPECT_TRUE(accounting.insert(store_->next_acct_session_id()).second);
      }
      if (i % 3 == 0) {
        EXPECT_TRUE(unique.insert(store_->next_unique_id()).second);
      }
    }
    reopen();
  }
  EXPECT_FALSE(sessions.contains(0));
  EXPECT_FALSE(accounting.contains(0));
  EXPECT_FALSE(unique.contains(0));
}

TEST_F(StoreTest, IdsOfAMissingDatabaseStartFromTheClock) {
  EXPECT_GT(store_->next_session_id().value(), common::unix_milliseconds(clock_.wall()));
  EXPECT_GT(store_->next_acct_session_id(), 1'700'000'000U);
}

TEST_F(StoreTest, IdsRiseAboveTheDataplanesAndStayThereAfterARestart) {
  const auto before = store_->next_session_id().value();
  store_->raise_ids(common::SessionId(before + 1'000'000), 4'000'000'000U, 5);
  EXPECT_EQ(store_->next_session_id().value(), before + 1'000'001);
  EXPECT_EQ(store_->next_acct_session_id(), 4'000'000'001U);
  EXPECT_GT(store_->next_unique_id(), 5U);
  reopen();
  EXPECT_GT(store_->next_session_id().value(), before + 1'000'001);
  EXPECT_GT(store_->next_acct_session_id(), 4'000'000'001U);
}

TEST_F(StoreTest, AcctSessionIdPassesZeroAtItsWrap) {
  store_->raise_ids(common::SessionId(0), 0xFFFFFFFEU, 0);
  EXPECT_EQ(store_->next_acct_session_id(), 0xFFFFFFFFU);
  EXPECT_EQ(store_->next_acct_session_id(), 1U);
}

TEST_F(StoreTest, OpenSessionComesBackWhole) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_EQ(wait_for([&](Spool::Done done) {
              store_->refresh_counters({{common::SessionId(7), {10, 20, 30, ~0ULL}, clock_.wall()}}, std::move(done));
            }),
            StoreStatus::ok);
  ASSERT_EQ(spool(record(RecordKind::start, 7)), StoreStatus::ok);
  reopen();
  ASSERT_EQ(store_->recovered().open.size(), 1U);
  const OpenSession& back = store_->recovered().open[0];
  EXPECT_EQ(back.identity, test::session_identity(7));
  EXPECT_EQ(back.started, open_row(7).started);
  EXPECT_EQ(back.counters, (Counters{10, 20, 30, ~0ULL}));
  EXPECT_EQ(back.counters_read, clock_.wall());
  EXPECT_TRUE(back.start_spooled);
}

TEST_F(StoreTest, StopTakesTheOpenRowAndTheWaitingInterimsAndKeepsTheStart) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_EQ(spool(record(RecordKind::start, 7)), StoreStatus::ok);
  ASSERT_EQ(spool(record(RecordKind::interim, 7)), StoreStatus::ok);
  ASSERT_EQ(spool(record(RecordKind::interim, 7)), StoreStatus::ok);
  ASSERT_EQ(load().size(), 2U) << "a newer Interim replaces the one that waits";
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::ok);
  reopen();
  EXPECT_TRUE(store_->recovered().open.empty());
  EXPECT_EQ(store_->recovered().stops, std::vector{common::SessionId(7)});
  EXPECT_EQ(store_->recovered().spooled, 2U);
  const auto rows = load();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].record, record(RecordKind::start, 7));
  EXPECT_EQ(rows[1].record, record(RecordKind::stop, 7));
  EXPECT_LT(rows[0].id, rows[1].id);
}

TEST_F(StoreTest, NothingFollowsAStop) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::ok);
  EXPECT_EQ(spool(record(RecordKind::interim, 7)), StoreStatus::ok);
  auto other = record(RecordKind::stop, 7);
  other.terminate_cause = 1;
  EXPECT_EQ(stop({.stops = {other}}), StoreStatus::ok) << "a repeated commit succeeds";
  const auto rows = load();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].record.terminate_cause, 6) << "the first Stop stays";
}

TEST_F(StoreTest, ASessionWithoutStartIsClosedSilently) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_EQ(open(8), StoreStatus::ok);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 8)}, .closed_silently = {common::SessionId(7)}}), StoreStatus::ok);
  reopen();
  EXPECT_TRUE(store_->recovered().open.empty());
  EXPECT_EQ(store_->recovered().stops, std::vector{common::SessionId(8)});
}

TEST_F(StoreTest, RepliesLiveForTheirWindow) {
  StoredReply reply;
  reply.client = {common::IpAddress::v4(0x092D0F90), 50567};
  reply.local_port = 1812;
  reply.identifier = 216;
  reply.authenticator.fill(0x5A);
  reply.reply = {41, 216, 0, 20};
  reply.expires = clock_.wall() + std::chrono::seconds(300);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 7)}, .reply = reply}), StoreStatus::ok);
  clock_.advance(std::chrono::seconds(299));
  reopen();
  EXPECT_EQ(store_->recovered().replies, std::vector{reply});
  clock_.advance(std::chrono::seconds(1));
  reopen();
  EXPECT_TRUE(store_->recovered().replies.empty());
}

/// A client has 256 Identifiers a port, and a storm uses them again within the window.
TEST_F(StoreTest, RepliesToTheSameIdentifierAreToldApart) {
  StoredReply reply;
  reply.client = {common::IpAddress::v4(0x092D0F90), 50567};
  reply.identifier = 216;
  reply.reply = {41, 216, 0, 20};
  reply.expires = clock_.wall() + std::chrono::seconds(300);
  StoredReply next = reply;
  next.authenticator.fill(0x5A);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 7)}, .reply = reply}), StoreStatus::ok);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 8)}, .reply = next}), StoreStatus::ok);
  reopen();
  EXPECT_EQ(store_->recovered().replies.size(), 2U);
}

TEST_F(StoreTest, AcknowledgedRecordsGo) {
  for (std::uint64_t session = 1; session <= 5; ++session)
    ASSERT_EQ(stop({.stops = {record(RecordKind::stop, session)}}), StoreStatus::ok);
  const auto rows = load(SpoolId(0), 3);
  ASSERT_EQ(rows.size(), 3U);
  const auto rest = load(rows[2].id);
  ASSERT_EQ(rest.size(), 2U);
  store_->acknowledge(std::vector{rows[0].id, rest[1].id});
  reopen();
  EXPECT_EQ(store_->recovered().spooled, 3U);
  EXPECT_EQ(load().front().record.identity.session, common::SessionId(2));
}

TEST_F(StoreTest, TellsTheSenderWhatCameAndWhatWent) {
  bool added = false;
  std::vector<SpoolId> dropped;
  store_->on_change([&](bool more, std::span<const SpoolId> gone) {
    added = added || more;
    dropped.insert(dropped.end(), gone.begin(), gone.end());
  });
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_EQ(spool(record(RecordKind::interim, 7)), StoreStatus::ok);
  EXPECT_TRUE(loop_.run_until([&] { return added; }));
  const auto interim = load();
  ASSERT_EQ(interim.size(), 1U);
  ASSERT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::ok);
  EXPECT_TRUE(loop_.run_until([&] { return !dropped.empty(); }));
  EXPECT_EQ(dropped, std::vector{interim[0].id});
}

TEST_F(StoreTest, ManySessionsShareFewCommits) {
  const auto before = store_->statistics();
  int done = 0;
  for (std::uint64_t session = 1; session <= 2000; ++session)
    store_->open_session(open_row(session), [&](StoreStatus status) { done += status == StoreStatus::ok ? 1 : 0; });
  ASSERT_TRUE(loop_.run_until([&] { return done == 2000; }));
  const auto after = store_->statistics();
  EXPECT_EQ(after.operations - before.operations, 2000U);
  EXPECT_LT(after.commits - before.commits, 1000U) << "2,000 calls made at once were not committed in groups";
  EXPECT_EQ(after.open_sessions, 2000U);
}

TEST_F(StoreTest, BatchOfStopsIsOneTransaction) {
  StopBatch batch;
  for (std::uint64_t session = 1; session <= 1000; ++session) batch.stops.push_back(record(RecordKind::stop, session));
  const auto before = store_->statistics().commits;
  ASSERT_EQ(stop(std::move(batch)), StoreStatus::ok);
  EXPECT_EQ(store_->statistics().commits, before + 1);
  EXPECT_EQ(store_->statistics().spooled, 1000U);
}

TEST_F(StoreTest, ASecondControlPlaneIsRefused) {
  const auto second = Store::open(options(), clock_, loop_.poster());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text.find("another control plane"), std::string::npos) << second.error().text;
}

TEST_F(StoreTest, DamagedFileIsRefusedWithAdvice) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  store_.reset();
  {
    std::ofstream file(directory_ / "portcullis.db", std::ios::binary | std::ios::trunc);
    file << std::string(8192, 'x');
  }
  const auto damaged = Store::open(options(), clock_, loop_.poster());
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, StoreError::Kind::corrupt);
  EXPECT_NE(damaged.error().text.find("portcullis.db"), std::string::npos);
}

TEST_F(StoreTest, MissingDirectoryIsAClearError) {
  auto elsewhere = options();
  elsewhere.file = directory_ / "no-such-directory" / "portcullis.db";
  const auto opened = Store::open(elsewhere, clock_, loop_.poster());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, StoreError::Kind::cannot_open);
}

TEST_F(StoreTest, NoRoomNoNewSession) {
  auto greedy = options();
  store_.reset();
  greedy.reserve_base = ~0ULL / 4;
  auto opened = Store::open(greedy, clock_, loop_.poster());
  ASSERT_TRUE(opened);
  EXPECT_FALSE((*opened)->admits());
  EXPECT_FALSE((*opened)->writable());
}

/// A disk that takes nothing more, by the limit of file sizes: writes behind it fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t octets) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = octets;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(StoreTest, AFullDiskIsReportedAndRecoveredFrom) {
  ASSERT_EQ(open(7), StoreStatus::ok);
  ASSERT_TRUE(store_->admits());
  {
    const FileSizeLimit full(4096);
    EXPECT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::failed);
    EXPECT_FALSE(store_->admits());
    EXPECT_FALSE(store_->writable());
    EXPECT_FALSE(store_->statistics().last_error.empty());
  }
  EXPECT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::ok) << "the same commit, tried again";
  EXPECT_TRUE(store_->writable());
  reopen();
  EXPECT_EQ(store_->recovered().stops, std::vector{common::SessionId(7)});
  EXPECT_TRUE(store_->recovered().open.empty());
}

TEST_F(StoreTest, AFullDiskIsNoticedToBeFreeAgainWithoutAnybodyWriting) {
  {
    const FileSizeLimit full(4096);
    EXPECT_EQ(stop({.stops = {record(RecordKind::stop, 7)}}), StoreStatus::failed);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!store_->writable() && std::chrono::steady_clock::now() < deadline) ::usleep(20'000);
  EXPECT_TRUE(store_->writable());
}

/// Opens sessions, spools Starts and commits Stops for ever, and writes each id to `report` when it is durable.
[[noreturn]] void run_until_killed(const Store::Options& options, int report) {
  common::SystemClock clock;
  test::Loop loop;
  auto store = Store::open(options, clock, loop.poster());
  if (!store) ::_exit(3);
  const auto tell = [&](char what, std::uint64_t session) {
    struct {
      char what;
      std::uint64_t session;
    } line{what, session};
    (void)!::write(report, &line, sizeof line);
  };
  for (;;) {
    const std::uint64_t session = (*store)->next_session_id().value();
    tell('i', session);
    bool ended = false;
    (*store)->open_session(open_row(session), [&](StoreStatus) { tell('o', session); });
    (*store)->spool(record(RecordKind::start, session), [&](StoreStatus) { tell('s', session); });
    if (session % 2 == 0)
      (*store)->commit_stop({.stops = {record(RecordKind::stop, session)}}, [&](StoreStatus) {
        tell('e', session);
        ended = true;
      });
    else
      (*store)->refresh_counters({}, [&](StoreStatus) { ended = true; });
    loop.run_until([&] { return ended; });
  }
}

TEST_F(StoreTest, NothingThatWasReportedDurableIsLostByAKill) {
  store_.reset();
  std::mt19937 random(20240705);  // any seed: the moments of the kills differ with the machine anyhow
  std::set<std::uint64_t> ids;
  std::set<std::uint64_t> open;
  std::set<std::uint64_t> started;
  std::set<std::uint64_t> ended;
  common::Epoch last_epoch{0};
  for (int round = 0; round < 8; ++round) {
    std::array<int, 2> report{};
    ASSERT_EQ(::pipe2(report.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(report[0]);
      run_until_killed(options(), report[1]);
    }
    ::close(report[1]);
    ::usleep(20'000 + random() % 80'000);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    struct {
      char what;
      std::uint64_t session;
    } line{};
    while (::read(report[0], &line, sizeof line) == sizeof line) {
      if (line.what == 'i') {
        EXPECT_TRUE(ids.insert(line.session).second) << "an id was given twice across a kill";
      }
      if (line.what == 'o') open.insert(line.session);
      if (line.what == 's') started.insert(line.session);
      if (line.what == 'e') ended.insert(line.session);
    }
    ::close(report[0]);
    ASSERT_NO_FATAL_FAILURE(reopen());
    ASSERT_GT(store_->epoch(), last_epoch);
    last_epoch = *store_->epoch();
    std::set<std::uint64_t> found_open;
    for (const OpenSession& row : store_->recovered().open) found_open.insert(row.identity.session.value());
    std::map<std::uint64_t, std::vector<RecordKind>> spooled;
    for (const SpooledRecord& row : load(SpoolId(0), 10'000'000))
      spooled[row.record.identity.session.value()].push_back(row.record.kind);
    for (const std::uint64_t session : open)
      EXPECT_TRUE(found_open.contains(session) || !spooled[session].empty()) << session;
    for (const std::uint64_t session : started) EXPECT_EQ(spooled[session].front(), RecordKind::start) << session;
    for (const std::uint64_t session : ended) {
      EXPECT_EQ(spooled[session], (std::vector{RecordKind::start, RecordKind::stop})) << session;
      EXPECT_FALSE(found_open.contains(session)) << session;
    }
    store_.reset();
  }
  EXPECT_GT(ended.size(), 0U) << "the children did nothing";
}

}  // namespace
}  // namespace controlplane::radius
