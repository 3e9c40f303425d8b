// Logins: names, RADIUS, the user's identity, addresses, uniqueness, establishment and what may go wrong in it.

#include "common/channel/convert.hpp"
#include "controlplane/session/blob.hpp"
#include "tests/unit/cp_session/fakes.hpp"

namespace controlplane::session {
namespace {

using namespace std::chrono_literals;

class LoginTest : public SessionsTest {
 protected:
  LoginTest() { start(); }
};

TEST_F(LoginTest, NamesAreGivenAtBirthAndIndexedAtOnce) {
  spool.ids = 58;
  const SessionId id = begin();
  const auto shot = sessions->snapshot(id);
  ASSERT_TRUE(shot);
  EXPECT_EQ(shot->names.audit_session_id, "L2L433010101ZO2L4C0A8CA02ZH11941194ZN3B");
  EXPECT_EQ(shot->names.acct_session_id, 0x21U);
  EXPECT_EQ(shot->names.unique_id, 41U);
  EXPECT_EQ(shot->state, State::pending);
  EXPECT_EQ(sessions->find({.audit_session_id = shot->names.audit_session_id, .acct_session_id = "00000021"}),
            std::vector{id});
  EXPECT_EQ(sessions->find({.calling_station_id = "192.168.202.2"}), std::vector{id});
  EXPECT_EQ(sessions->find({.user_name = "alice@example.org"}), std::vector{id});
  EXPECT_TRUE(shot->user_name.empty()) << "not available before he has proved it";
}

TEST_F(LoginTest, EapConversationCarriesStateAndServer) {
  const SessionId id = begin(Method::eap, "10.0.0.5");
  std::vector<EapStep> steps;
  const auto collect = [&](EapStep step) { steps.push_back(std::move(step)); };
  EXPECT_TRUE(sessions->find({.user_name = "10.0.0.5"}).empty()) << "IDi of an EAP peer is nobody's name";
  sessions->authenticate_eap(id, identity_response("bob"), collect);
  EXPECT_EQ(access.last.user_name, "bob");
  EXPECT_EQ(access.last.calling_station_id, "192.168.202.2");
  EXPECT_EQ(access.last.audit_session_id, sessions->snapshot(id)->names.audit_session_id);
  EXPECT_EQ(access.last.acct_session_id, 0x21U);
  EXPECT_EQ(sessions->find({.user_name = "bob"}), std::vector{id});

  radius::AccessReply challenge;
  challenge.kind = radius::AccessReply::Kind::challenge;
  challenge.eap = {1, 2, 0, 5, 26};
  challenge.state = {9, 9};
  challenge.server = radius::ServerId{4};
  access.answer(std::move(challenge));
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].kind, EapStep::Kind::challenge);
  EXPECT_EQ(steps[0].eap, (common::Bytes{1, 2, 0, 5, 26}));

  sessions->authenticate_eap(id, common::Bytes{2, 2, 0, 5, 26}, collect);
  EXPECT_EQ(access.last.state, (common::Bytes{9, 9}));
  EXPECT_EQ(access.last.server, radius::ServerId{4});
  EXPECT_EQ(access.last.user_name, "bob");
  radius::Grant grant;
  grant.user_name = "bob@corp";
  access.accept(std::move(grant));
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].kind, EapStep::Kind::accept);
  EXPECT_EQ(steps[1].msk.size(), 64U);
  EXPECT_EQ(steps[1].user_name, "bob@corp");
  EXPECT_EQ(sessions->find({.user_name = "bob@corp"}), std::vector{id});
  EXPECT_TRUE(sessions->find({.user_name = "bob"}).empty());
}

TEST_F(LoginTest, RejectWithoutEapGetsAFailureThatFitsTheRequest) {
  const SessionId id = begin(Method::eap);
  EapStep step;
  sessions->authenticate_eap(id, common::Bytes{2, 77, 0, 6, 1, 'b'}, [&](EapStep got) { step = std::move(got); });
  radius::AccessReply reject;
  reject.kind = radius::AccessReply::Kind::reject;
  access.answer(std::move(reject));
  EXPECT_EQ(step.kind, EapStep::Kind::reject);
  EXPECT_EQ(step.eap, (common::Bytes{4, 77, 0, 4}));
  EXPECT_FALSE(sessions->assign(id, true)) << "who was rejected gets no address";
  EXPECT_EQ(sessions->totals().logins_failed, 1U);
}

TEST_F(LoginTest, SilenceOfRadiusFailsTheLogin) {
  const SessionId id = begin(Method::eap);
  EapStep step;
  step.kind = EapStep::Kind::accept;
  sessions->authenticate_eap(id, identity_response("bob"), [&](EapStep got) { step = std::move(got); });
  access.answer({});
  EXPECT_EQ(step.kind, EapStep::Kind::failed);
}

TEST_F(LoginTest, AuthorizationAsksForTheMangledIdentityWithThePassword) {
  config->ike.profiles[0].name_mangler = "email-user";
  const SessionId id = begin(Method::certificate, "alice@example.org");
  sessions->authorize(id, [this](Verdict verdict) { verdicts.push_back(verdict); });
  EXPECT_EQ(access.last.user_name, "alice");
  EXPECT_TRUE(access.last.eap.empty());
  EXPECT_EQ(common::as_text(access.last.password.view()), "cisco");
  access.accept();
  EXPECT_EQ(verdicts, std::vector{Verdict::accept});
  EXPECT_EQ(sessions->snapshot(id)->user_name, "alice@example.org");
}

TEST_F(LoginTest, AuthorizationVerdicts) {
  for (const auto kind : {radius::AccessReply::Kind::reject, radius::AccessReply::Kind::challenge,
                          radius::AccessReply::Kind::no_answer}) {
    sessions->authorize(begin(), [this](Verdict verdict) { verdicts.push_back(verdict); });
    radius::AccessReply reply;
    reply.kind = kind;
    access.answer(std::move(reply));
  }
  EXPECT_EQ(verdicts, (std::vector{Verdict::reject, Verdict::reject, Verdict::failed}));
}

TEST_F(LoginTest, WithoutAuthorizationTheProofIsEnough) {
  config->authorization.enabled = false;
  sessions->authorize(begin(), [this](Verdict verdict) { verdicts.push_back(verdict); });
  EXPECT_TRUE(verdicts.empty()) << "never inside the call";
  loop.run();
  EXPECT_EQ(verdicts, std::vector{Verdict::accept});
  EXPECT_TRUE(access.asked.empty());
}

TEST_F(LoginTest, AddressAndNamesOfThePool) {
  const auto assignment = sessions->assign(login(), true);
  ASSERT_TRUE(assignment);
  EXPECT_EQ(assignment->inner_v4, common::IpAddress::v4(0x0A630001));
  EXPECT_EQ(assignment->dns, config->pools[0].dns);
  EXPECT_EQ(sessions->find({.framed_ip_address = common::IpAddress::v4(0x0A630001)}).size(), 1U);
}

TEST_F(LoginTest, AccessAcceptDecidesAddressDnsAndTimeouts) {
  radius::Grant grant;
  grant.framed_ip_address = common::IpAddress::v4(0x0A630003);
  grant.dns = {common::IpAddress::v4(0x08080808)};
  grant.session_timeout = 3600s;
  grant.idle_timeout = 600s;
  grant.rate_in_bits = 1'000'000;
  grant.classes = {{1, 2}, {3}};
  const SessionId id = login("alice@example.org", std::move(grant));
  const auto assignment = sessions->assign(id, true);
  ASSERT_TRUE(assignment);
  EXPECT_EQ(assignment->inner_v4, common::IpAddress::v4(0x0A630003));
  EXPECT_EQ(assignment->dns, std::vector{common::IpAddress::v4(0x08080808)});
  establish(id);
  loop.run();
  EXPECT_EQ(link.last_install.policy.session_end_unix_ms, common::unix_milliseconds(clock.wall()) + 3'600'000);
  EXPECT_EQ(link.last_install.policy.idle_timeout_s, 600U);
  EXPECT_EQ(link.last_install.policy.input_rate_bits, 1'000'000U);
  EXPECT_EQ(common::channel::from_wire(link.last_install.inner_v4), common::IpAddress::v4(0x0A630003));
  EXPECT_EQ(spool.starts.at(0).identity.classes.size(), 2U);
}

TEST_F(LoginTest, ExhaustedPoolAndUsedAddressGiveNothing) {
  for (int i = 0; i < 4; ++i) (void)up("user" + std::to_string(i) + "@example.org");
  EXPECT_FALSE(sessions->assign(login("late@example.org"), true));
  radius::Grant grant;
  grant.framed_ip_address = common::IpAddress::v4(0x0A630001);
  EXPECT_FALSE(sessions->assign(login("greedy@example.org", std::move(grant)), true));
  EXPECT_TRUE(sessions->assign(login("site@example.org"), false)) << "who wants no address needs none";
}

TEST_F(LoginTest, AddressIsFreeWhenTheStopIsDurableAndItsQuarantineOver) {
  config->pools[0].last = config->pools[0].first;
  make();
  start();
  const SessionId id = up("first@example.org");
  spool.hold = true;
  revoke({id});
  loop.run();
  clock.advance(600s);
  spool.hold = false;
  EXPECT_FALSE(sessions->assign(login("second@example.org"), true)) << "the Stop is not durable";
  spool.release();
  loop.run();
  EXPECT_FALSE(sessions->assign(login("third@example.org"), true)) << "the address rests";
  EXPECT_EQ(sessions->totals().quarantined_addresses, 1U);
  clock.advance(60s);
  EXPECT_TRUE(sessions->assign(login("fourth@example.org"), true));
}

TEST_F(LoginTest, OrderOfAnEstablishment) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  diary.clear();
  sessions->establish(id, {}, {}, [this](EstablishStatus) { diary.emplace_back("answered"); });
  EXPECT_TRUE(diary.empty());
  loop.run();
  EXPECT_EQ(diary, (Diary{"open 1", "install 1", "start 1", "answered"}));
  EXPECT_EQ(spool.open.at(1).identity, spool.starts.at(0).identity);
  EXPECT_EQ(sessions->totals().established, 1U);
}

TEST_F(LoginTest, RowThatCannotBeWrittenFailsTheLogin) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  spool.fail = true;
  establish(id);
  loop.run();
  EXPECT_EQ(established, std::vector{EstablishStatus::no_resources});
  EXPECT_FALSE(happened("install 1"));
  EXPECT_TRUE(sessions->all().empty());
}

TEST_F(LoginTest, StartThatCannotBeSpooledFailsTheLogin) {
  const SessionId id = login();
  (void)sessions->assign(id, true);
  link.hold_installs = true;
  establish(id);
  loop.run();
  spool.fail = true;
  link.release_installs();
  loop.run();
  EXPECT_EQ(established, std::vector{EstablishStatus::no_resources});
  EXPECT_TRUE(happened("remove 1")) << "its packets do not flow";
  spool.fail = false;
  clock.advance(1s);
  sessions->on_timer();
  loop.run();
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(spool.open.empty());
  EXPECT_TRUE(sessions->all().empty());
}

TEST_F(LoginTest, RefusalOfTheDataplaneFailsTheLoginWithoutARecord) {
  link.install_status = Status::no_capacity;
  const SessionId id = login();
  (void)sessions->assign(id, true);
  establish(id);
  loop.run();
  EXPECT_EQ(established, std::vector{EstablishStatus::no_resources});
  EXPECT_TRUE(spool.stops.empty());
  EXPECT_TRUE(spool.open.empty());
  EXPECT_TRUE(sessions->all().empty());
}

TEST_F(LoginTest, EstablishNeedsAnAuthenticatedLogin) {
  const SessionId id = begin();
  establish(id);
  establish(SessionId{99});
  loop.run();
  EXPECT_EQ(established, (std::vector{EstablishStatus::aborted, EstablishStatus::aborted}));
  EXPECT_FALSE(happened("open 1"));
}

TEST_F(LoginTest, SecondEstablishIsRefused) {
  const SessionId id = up();
  establish(id);
  loop.run();
  EXPECT_EQ(established, (std::vector{EstablishStatus::ok, EstablishStatus::aborted}));
}

TEST_F(LoginTest, NobodyIsAdmittedWithoutSpoolOrChannel) {
  FakePeer& peer = peer_for({});
  spool.can_admit = false;
  EXPECT_FALSE(sessions->begin({}, peer));
  spool.can_admit = true;
  link.disconnect();
  EXPECT_FALSE(sessions->begin({}, peer));
  link.connect(1000);
  EXPECT_TRUE(sessions->begin({}, peer));
}

TEST_F(LoginTest, NewLoginOfTheSameUserReplacesTheOldOne) {
  const SessionId old = up();
  const SessionId fresh = login();
  diary.clear();
  ASSERT_TRUE(sessions->assign(fresh, true));
  establish(fresh);
  loop.run();
  EXPECT_LT(at("commit 1:13"), at("open 2")) << "the old one is gone before the new one is installed";
  EXPECT_EQ(sessions->all(), std::vector{fresh});
  EXPECT_FALSE(sessions->snapshot(old));
  EXPECT_EQ(established.back(), EstablishStatus::ok);
}

TEST_F(LoginTest, UserWithAFixedAddressKeepsItWhenHeReplacesHimself) {
  radius::Grant grant;
  grant.framed_ip_address = common::IpAddress::v4(0x0A630002);
  (void)up("alice@example.org", grant);
  const SessionId fresh = login("alice@example.org", grant);
  const auto assignment = sessions->assign(fresh, true);
  ASSERT_TRUE(assignment);
  EXPECT_EQ(assignment->inner_v4, grant.framed_ip_address);
  establish(fresh);
  loop.run();
  EXPECT_EQ(established.back(), EstablishStatus::ok);
  EXPECT_EQ(sessions->totals().quarantined_addresses, 0U) << "it went over without being free in between";
  EXPECT_EQ(sessions->find({.framed_ip_address = grant.framed_ip_address}), std::vector{fresh});
  revoke({fresh});
  loop.run();
  EXPECT_EQ(sessions->totals().quarantined_addresses, 1U);
}

TEST_F(LoginTest, UniquenessStaysWithinTheProfileAndNeverTouchesAnonymous) {
  const SessionId a = up("alice@example.org", {}, "staff");
  const SessionId b = login("alice@example.org", {}, "guests");
  ASSERT_TRUE(sessions->assign(b, true));
  const SessionId c = up("anonymous", {}, "staff");
  const SessionId d = login("anonymous", {}, "staff");
  ASSERT_TRUE(sessions->assign(d, true));
  loop.run();
  EXPECT_EQ(sessions->all(), (std::vector{a, b, c, d}));
}

TEST_F(LoginTest, LoginThatHasNotProvedItsNameReplacesNobodyAndIsNotReplaced) {
  const SessionId a = up("alice@example.org");
  const SessionId claims = begin(Method::psk, "alice@example.org");
  EXPECT_FALSE(sessions->assign(claims, true)) << "not authenticated";
  loop.run();
  EXPECT_EQ(sessions->all(), (std::vector{a, claims}));
  const SessionId real = login("alice@example.org");
  ASSERT_TRUE(sessions->assign(real, true));
  loop.run();
  EXPECT_EQ(sessions->all(), (std::vector{claims, real}));
}

TEST_F(LoginTest, RejectKeepsTheNewOneOut) {
  config->ike.profiles[0].unique = "reject";
  const SessionId old = up();
  (void)login();
  EXPECT_EQ(verdicts.back(), Verdict::reject);
  EXPECT_EQ(sessions->snapshot(old)->state, State::established);
  initial_contact = true;
  const SessionId fresh = login();
  EXPECT_EQ(verdicts.back(), Verdict::accept);
  ASSERT_TRUE(sessions->assign(fresh, true));
  loop.run();
  EXPECT_FALSE(sessions->snapshot(old)) << "INITIAL_CONTACT: the peer has no other session";
}

TEST_F(LoginTest, KeepWithInitialContactEndsOnlyThoseFromTheSameAddress) {
  config->ike.profiles[0].unique = "keep";
  const SessionId phone = up("alice@example.org", {}, "staff", "192.0.2.1");
  const SessionId laptop = up("alice@example.org", {}, "staff", "192.0.2.2");
  initial_contact = true;
  const SessionId again = login("alice@example.org", {}, "staff", "192.0.2.2");
  ASSERT_TRUE(sessions->assign(again, true));
  loop.run();
  EXPECT_EQ(sessions->all(), (std::vector{phone, again}));
  EXPECT_FALSE(sessions->snapshot(laptop));
}

TEST_F(LoginTest, ReplacedPendingLoginIsToldAndBothEstablishesAreAnswered) {
  const SessionId first = login();
  ASSERT_TRUE(sessions->assign(first, true));
  const SessionId second = login();
  ASSERT_TRUE(sessions->assign(second, true));
  loop.run();
  EXPECT_TRUE(happened("abort 1"));
  EXPECT_EQ(sessions->all(), std::vector{second});
}

TEST_F(LoginTest, BlobCarriesTheAccountingPartAndIkesOwn) {
  const SessionId id = up();
  const auto& blob = link.sessions.at(id.value()).blob;
  const auto accounting = read_blob_accounting(blob);
  ASSERT_TRUE(accounting);
  EXPECT_EQ(accounting->identity, spool.starts.at(0).identity);
  const auto ike = read_blob_ike(blob);
  EXPECT_EQ(common::Bytes(ike.begin(), ike.end()), (common::Bytes{1, 2, 3}));
  sessions->put_blob(id, {4, 5});
  const auto changed = read_blob_ike(link.sessions.at(id.value()).blob);
  EXPECT_EQ(common::Bytes(changed.begin(), changed.end()), (common::Bytes{4, 5}));
}

TEST_F(LoginTest, BlobsOfOthersAreNotRead) {
  EXPECT_FALSE(read_blob_accounting({}));
  EXPECT_FALSE(read_blob_accounting(common::Bytes{'P', 'C', 'S', '1', 0, 0, 0, 9, 1}));
  EXPECT_FALSE(read_blob_accounting(common::Bytes(64, 0)));
  const auto good = write_blob({{}, common::WallTime(1s)}, {});
  EXPECT_TRUE(read_blob_accounting(good.view()));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(read_blob_accounting(good.view().first(cut))) << cut;
}

TEST_F(LoginTest, ChildRekeyIsCountedAndRefusedForAnEndedSession) {
  const SessionId id = up();
  common::channel::RekeyChild rekey{};
  rekey.child.inbound_spi = 0x2000;
  std::vector<bool> visible;
  sessions->rekey_child(id, rekey, [&](bool ok) { visible.push_back(ok); });
  loop.run();
  EXPECT_EQ(sessions->snapshot(id)->child->inbound_spi, common::Spi{0x2000});
  EXPECT_EQ(sessions->snapshot(id)->child->rekeys, 1U);
  link.hold_removals = true;
  revoke({id});
  sessions->rekey_child(id, rekey, [&](bool ok) { visible.push_back(ok); });
  loop.run();
  EXPECT_EQ(visible, (std::vector{true, false}));
}

TEST_F(LoginTest, PeerMovesBothWays) {
  const SessionId id = up();
  link.events.on_peer_moved(id, endpoint("203.0.113.9", 61000));
  EXPECT_EQ(by_id.at(id.value())->moved, endpoint("203.0.113.9", 61000));
  EXPECT_EQ(sessions->snapshot(id)->remote_now, endpoint("203.0.113.9", 61000));
  EXPECT_EQ(sessions->snapshot(id)->calling_station_id, "192.168.202.2") << "names never change";
  sessions->update_peer(id, endpoint("51.1.1.1", 4500), endpoint("203.0.113.10", 4500));
  ASSERT_EQ(link.peer_updates.size(), 1U);
  EXPECT_EQ(common::channel::from_wire(link.peer_updates[0].remote), endpoint("203.0.113.10", 4500));
  link.events.on_inbound_seen(id);
  EXPECT_EQ(by_id.at(id.value())->seen, 1U);
}

TEST_F(LoginTest, KeyIdsCarryTheEpochAndNeverRepeat) {
  const auto first = sessions->next_key_id();
  const auto second = sessions->next_key_id();
  EXPECT_EQ(first.value() >> 32U, 7U);
  EXPECT_NE(first, second);
}

TEST_F(LoginTest, FencedIsPassedOn) {
  link.events.on_fenced();
  EXPECT_TRUE(fenced);
}

}  // namespace
}  // namespace controlplane::session
